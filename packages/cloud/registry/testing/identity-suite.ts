import assert from 'node:assert/strict'
import { instant } from '@birthmark/foundation/kernel'
import type { Change } from '../changes.ts'
import type { Scope } from '../records.ts'
import type { ScopedRegistry } from '../registry.ts'
import { TEMPLATE_VERSIONS_MAX } from '../template-changes.ts'
import type { ConflictCase } from './conflict-case.ts'
import { caRecord, certificateRecord, idNumber, policyRecord, SCOPE, templateRecord, thingRecord } from './records.ts'
import type { OnRegistry } from './store.ts'

/** Every conflict of templates and of transfers, once. */
export function identityConflicts(): readonly ConflictCase[] {
  return [...templateConflicts(), ...transferConflicts()]
}

function templateConflicts(): readonly ConflictCase[] {
  const given: readonly Change[] = [{ do: 'create-template', template: templateRecord('j') }]
  const update = { do: 'update-template', name: 'j', at: LATER } as const
  const remove = { do: 'delete-template-version', templateName: 'j', versionId: 1 } as const
  const full = [...given, ...Array.from({ length: TEMPLATE_VERSIONS_MAX - 1 }, (_, index) => version(index + 2))]
  const registrationConfig = { templateBody: undefined, roleArn: undefined, templateName: 'j' }
  const user: Change = { do: 'register-ca', ca: caRecord(1, { registrationConfig }) }
  return [
    { why: 'no such template', given: [], change: update, reason: 'absent' },
    { why: 'no such version', given, change: { ...update, defaultVersionId: 2 }, reason: 'version-absent' },
    { why: 'no such template', given: [], change: version(2), reason: 'absent' },
    { why: 'every version is taken', given: full, change: version(6), reason: 'limit' },
    { why: 'another was made meanwhile', given, change: version(3), reason: 'version' },
    { why: 'no such template', given: [], change: remove, reason: 'absent' },
    { why: 'no such version', given, change: { ...remove, versionId: 2 }, reason: 'version-absent' },
    { why: 'the default', given, change: remove, reason: 'default' },
    { why: 'a CA uses it', given: [...given, user], change: { do: 'delete-template', name: 'j' }, reason: 'attached' },
  ]
}

function transferConflicts(): readonly ConflictCase[] {
  const inactive: Change = { do: 'register-certificate', certificate: certificateRecord(1) }
  const active: Change = { do: 'register-certificate', certificate: certificateRecord(1, { status: 'ACTIVE' }) }
  const policy: Change = { do: 'create-policy', policy: policyRecord('p') }
  const attach: Change = { do: 'attach-policy', policyName: 'p', certificateId: idNumber(1) }
  const thing: Change = { do: 'create-thing', thing: thingRecord('t') }
  const principal: Change = {
    do: 'attach-thing-principal',
    thingName: 't',
    certificateId: idNumber(1),
    exclusive: false,
  }
  const give: Change = { do: 'return-certificate', id: idNumber(1), rejectReason: undefined, at: LATER }
  const accept: Change = { do: 'accept-certificate', id: idNumber(1), active: true, at: LATER }
  const remove: Change = { do: 'remove-transferred', id: idNumber(1) }
  return [
    { why: 'no such certificate', given: [], change: SEND, reason: 'absent' },
    { why: 'active', given: [active], change: SEND, reason: 'state' },
    { why: 'sent already', given: [inactive, SEND], change: SEND, reason: 'state' },
    { why: 'a policy is attached', given: [inactive, policy, attach], change: SEND, reason: 'attached' },
    { why: 'a thing has it', given: [inactive, thing, principal], change: SEND, reason: 'attached' },
    { why: 'it is there', given: [inactive], change: RECEIVE, reason: 'exists' },
    { why: 'no such certificate', given: [], change: accept, reason: 'absent' },
    { why: 'offered by this account', given: [inactive, SEND], change: accept, reason: 'state' },
    { why: 'accepted', given: [RECEIVE, accept], change: accept, reason: 'state' },
    { why: 'no such certificate', given: [], change: give, reason: 'absent' },
    { why: 'offered to this account', given: [RECEIVE], change: give, reason: 'state' },
    { why: 'no such certificate', given: [], change: remove, reason: 'absent' },
    { why: 'it stays here', given: [inactive], change: remove, reason: 'state' },
    {
      why: 'in transfer',
      given: [inactive, SEND],
      change: { do: 'delete-certificate', id: idNumber(1), force: true },
      reason: 'pending-transfer',
    },
  ]
}

/** Templates: members change one by one, versions are numbered on and go with their template. */
export async function templateVersions(scoped: ScopedRegistry): Promise<void> {
  const preProvisioningHook = { payloadVersion: '2020-04-01', targetArn: 'arn:aws:lambda:r:1:function:f' }
  const template = templateRecord('j', { preProvisioningHook })
  await made(scoped, { do: 'create-template', template })
  assert.deepEqual(await scoped.template('j'), template)
  await made(scoped, { do: 'update-template', name: 'j', description: 'd', enabled: false, at: LATER })
  const changed = { ...template, description: 'd', enabled: false, modifiedAt: LATER }
  assert.deepEqual(await scoped.template('j'), changed)
  const { preProvisioningHook: _, ...bare } = changed
  const roleArn = 'arn:aws:iam::1:role/other'
  await made(scoped, { do: 'update-template', name: 'j', roleArn, preProvisioningHook: null, at: LATER })
  assert.deepEqual(await scoped.template('j'), { ...bare, roleArn })
  await made(scoped, version(2), { ...version(3), setAsDefault: true })
  assert.deepEqual(await scoped.template('j'), { ...bare, roleArn, body: '3', defaultVersionId: 3 })
  await made(scoped, { do: 'update-template', name: 'j', defaultVersionId: 1, at: LATER })
  await made(scoped, { do: 'delete-template-version', templateName: 'j', versionId: 3 }, version(4))
  const shown = (await scoped.templateVersions('j')).map((row) => [row.versionId, row.isDefault, row.body])
  assert.equal(await scoped.nextTemplateVersionId('j'), 5)
  assert.equal(await scoped.nextTemplateVersionId('k'), undefined)
  assert.deepEqual(shown, [
    [1, true, template.body],
    [2, false, '2'],
    [4, false, '4'],
  ])
  await made(scoped, { do: 'delete-template', name: 'j' }, { do: 'create-template', template })
  assert.equal((await scoped.templateVersions('j')).length, 1, 'no version of the deleted one is left')
}

/** Transfers, each side for itself. */
export async function transfers(scoped: ScopedRegistry): Promise<void> {
  const certificate = certificateRecord(1)
  await made(scoped, { do: 'register-certificate', certificate }, SEND)
  const sent = {
    certificateId: idNumber(1),
    isIncoming: false,
    account: '444455556666',
    message: 'yours',
    rejectReason: undefined,
    createdAt: certificate.createdAt,
    sentAt: LATER,
    acceptedAt: undefined,
    rejectedAt: undefined,
  }
  assert.deepEqual(await scoped.transfers.of(idNumber(1)), sent)
  assert.deepEqual((await scoped.transfers.outgoing({ limit: 9 })).rows, [sent])
  assert.equal((await scoped.certificate(idNumber(1)))?.status, 'PENDING_TRANSFER')
  const reject = { do: 'return-certificate', id: idNumber(1), rejectReason: 'no', at: LATER } as const
  await made(scoped, reject)
  assert.equal((await scoped.certificate(idNumber(1)))?.status, 'INACTIVE')
  assert.deepEqual(await scoped.transfers.of(idNumber(1)), { ...sent, rejectReason: 'no', rejectedAt: LATER })
  assert.deepEqual((await scoped.transfers.outgoing({ limit: 9 })).rows, [])
  await made(scoped, SEND, { ...reject, rejectReason: undefined })
  assert.equal(await scoped.transfers.of(idNumber(1)), undefined, 'as if it had never been sent')
  await made(scoped, SEND, { do: 'remove-transferred', id: idNumber(1) })
  assert.equal(await scoped.certificate(idNumber(1)), undefined)

  await made(scoped, RECEIVE)
  assert.equal((await scoped.transfers.of(idNumber(1)))?.isIncoming, true)
  assert.deepEqual((await scoped.transfers.outgoing({ limit: 9 })).rows, [])
  await made(scoped, { do: 'accept-certificate', id: idNumber(1), active: true, at: LATER })
  assert.equal((await scoped.certificate(idNumber(1)))?.status, 'ACTIVE')
  assert.equal((await scoped.transfers.of(idNumber(1)))?.acceptedAt, LATER)
}

/** What is committed in two scopes at once is in both or in none; and the one rule that looks into other scopes. */
export function commitsAcross(onRegistry: OnRegistry): void {
  onRegistry('a CA is registered in mode DEFAULT by one account of a region', async (registry) => {
    const ca = caRecord(1)
    const register = { do: 'register-ca', ca, keyHash: 'k' } as const
    await made(registry.in(SCOPE), register)
    const there = registry.in(OTHER)
    assert.deepEqual(await there.commit([register]), { ok: false, index: 0, reason: 'taken' })
    await made(there, { ...register, ca: { ...ca, mode: 'SNI_ONLY' } })
    await made(there, { ...register, ca: caRecord(2, { subjectHash: ca.subjectHash }), keyHash: 'other' })
    await made(registry.in({ ...OTHER, region: 'us-east-1' }), register)
  })

  onRegistry('a document’s unique key is of one document of its kind, wherever it is', async (registry) => {
    const document = { kind: 'domain-configuration', name: 'd', body: '1', createdAt: LATER, uniqueKey: 'k' } as const
    const create: Change = { do: 'create-document', document }
    const scopes: readonly Scope[] = [SCOPE, OTHER, { ...SCOPE, region: 'us-east-1' }]
    const results = await Promise.all(scopes.map((scope) => registry.in(scope).commit([create])))
    const taken = { ok: false, index: 0, reason: 'taken' } as const
    assert.deepEqual(results, [{ ok: true }, taken, taken], 'those that come together too')
    assert.deepEqual(await registry.in(SCOPE).provisioning.document(document.kind, 'd'), document)
    const there = registry.in(OTHER)
    await made(there, { do: 'create-document', document: { ...document, uniqueKey: 'other' } })
    await made(there, { do: 'create-document', document: { ...document, kind: 'function' } })
    await made(registry.in(SCOPE), { do: 'replace-document', kind: document.kind, name: 'd', body: '2' })
    assert.deepEqual(await there.commit([{ do: 'create-document', document: { ...document, name: 'e' } }]), taken)
    await made(registry.in(SCOPE), { do: 'delete-document', kind: document.kind, name: 'd' })
    await made(there, { do: 'create-document', document: { ...document, name: 'e' } })
  })

  onRegistry('a certificate moves in one step, and listeners hear of both scopes', async (registry, reopen) => {
    const heard: string[] = []
    registry.onCommit((scope, changes) => heard.push(`${scope.account} ${changes.map((change) => change.do).join()}`))
    const here = registry.in(SCOPE)
    await made(here, { do: 'register-certificate', certificate: certificateRecord(1) })
    assert.deepEqual(await here.commitWith([SEND], { scope: OTHER, changes: [RECEIVE] }), { ok: true })
    assert.deepEqual(heard.slice(1), [`${SCOPE.account} send-certificate`, `${OTHER.account} receive-certificate`])
    const opened = await reopen()
    assert.equal((await opened.in(SCOPE).certificate(idNumber(1)))?.status, 'PENDING_TRANSFER')
    assert.equal((await opened.in(OTHER).certificate(idNumber(1)))?.status, 'PENDING_TRANSFER')
  })

  onRegistry('a conflict in the other scope leaves nothing in either', async (registry) => {
    const here = registry.in(SCOPE)
    const there = registry.in(OTHER)
    await made(here, { do: 'register-certificate', certificate: certificateRecord(1) })
    await made(there, { do: 'register-certificate', certificate: certificateRecord(1) })
    const result = await here.commitWith([SEND], { scope: OTHER, changes: [RECEIVE] })
    assert.deepEqual(result, { ok: false, index: 1, reason: 'exists' })
    assert.equal((await here.certificate(idNumber(1)))?.status, 'INACTIVE')
    assert.equal(await here.transfers.of(idNumber(1)), undefined)
    assert.equal((await there.certificate(idNumber(1)))?.status, 'INACTIVE')
  })
}

function version(expectedVersionId: number): Extract<Change, { readonly do: 'create-template-version' }> {
  const body = String(expectedVersionId)
  return { do: 'create-template-version', templateName: 'j', body, setAsDefault: false, expectedVersionId, at: LATER }
}

async function made(scoped: ScopedRegistry, ...changes: readonly Change[]): Promise<void> {
  assert.deepEqual(await scoped.commit(changes), { ok: true })
}

const LATER = instant(1_767_225_700_000)
const OTHER: Scope = { ...SCOPE, account: '444455556666' }
const SEND: Change = {
  do: 'send-certificate',
  id: idNumber(1),
  toAccount: OTHER.account,
  message: 'yours',
  at: LATER,
}
const RECEIVE: Change = {
  do: 'receive-certificate',
  certificate: certificateRecord(1, { status: 'PENDING_TRANSFER' }),
  fromAccount: SCOPE.account,
  message: 'yours',
  at: LATER,
}
