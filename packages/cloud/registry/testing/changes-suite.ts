import assert from 'node:assert/strict'
import { instant } from '@birthmark/foundation/kernel'
import type { Change } from '../changes.ts'
import type { ScopedRegistry } from '../registry.ts'
import { billingGroups, indexedThings, tags, thingGroups, thingTypes } from './catalog-suite.ts'
import { templateVersions, transfers } from './identity-suite.ts'
import { allowLists, documents, offersAndClaims } from './provisioning-suite.ts'
import {
  accessKeyRecord,
  caRecord,
  certificateRecord,
  idNumber,
  policyRecord,
  SCOPE,
  templateRecord,
  thingRecord,
} from './records.ts'
import type { OnRegistry } from './store.ts'

/** What each change does when nothing stands against it. */
export function changesSuite(onRegistry: OnRegistry): void {
  const onScope = (name: string, body: (scoped: ScopedRegistry) => Promise<void>): void =>
    onRegistry(name, (registry) => body(registry.in(SCOPE)))
  onScope('things: created, replaced, deleted', things)
  onScope('certificates: registered, changed in status, deleted', certificates)
  onScope('CAs: registered, changed member by member, found by subject, deleted', cas)
  onScope('policies: versions are numbered on and never reused', policies)
  onScope('attached policies: twice is once, gone with a forced deletion', attachedPolicies)
  onScope('principals of things: many to many, or exclusive', principals)
  onScope('templates, registration code, access keys', settings)
  onScope('templates: changed member by member, versions numbered on', templateVersions)
  onScope('transfers: sent, returned, received, accepted, removed', transfers)
  onScope('offers and claims: found, used, gone with what nobody uses', offersAndClaims)
  onScope('allow-lists: values are used, allowed again, gone with their list', allowLists)
  onScope('thing types: created, changed, deprecated, deleted', thingTypes)
  onScope('thing groups: a hierarchy with things and policies', thingGroups)
  onScope('billing groups: a thing is in one at most', billingGroups)
  onScope('tags: set, replaced, gone with what they are on', tags)
  onScope('the index over things: by name, type, attribute and group', indexedThings)
  onScope('documents of a kind: created, replaced, listed, deleted', documents)
}

async function things(scoped: ScopedRegistry): Promise<void> {
  const thing = thingRecord('t', { typeName: 'meter', attributes: { site: 'north', ['__proto__']: 'x', 'a"b': '' } })
  await made(scoped, { do: 'create-thing', thing })
  assert.deepEqual(await scoped.thing('t'), thing)
  assert.equal(await scoped.thing('T'), undefined)
  const update = { do: 'update-thing', name: 't', attributes: { site: 'south' }, typeName: undefined } as const
  await made(scoped, { ...update, expectedVersion: 1 })
  await made(scoped, update)
  assert.deepEqual(await scoped.thing('t'), {
    ...thing,
    attributes: { site: 'south' },
    typeName: undefined,
    version: 3,
  })
  await made(scoped, { do: 'delete-thing', name: 't', expectedVersion: 3 })
  await made(scoped, { do: 'delete-thing', name: 't', expectedVersion: 3 })
  assert.equal(await scoped.thing('t'), undefined)
}

async function certificates(scoped: ScopedRegistry): Promise<void> {
  const certificate = certificateRecord(1, { status: 'PENDING_ACTIVATION', mode: 'SNI_ONLY', caId: idNumber(9) })
  await made(scoped, { do: 'register-certificate', certificate })
  assert.deepEqual(await scoped.certificate(idNumber(1)), certificate)
  const activate = {
    do: 'set-certificate-status',
    id: idNumber(1),
    from: ['ACTIVE', 'PENDING_ACTIVATION'],
    to: 'ACTIVE',
    at: LATER,
  } as const
  await made(scoped, activate)
  await made(scoped, { ...activate, at: instant(LATER + 1) })
  const active = { ...certificate, status: 'ACTIVE', modifiedAt: LATER, customerVersion: 2 }
  assert.deepEqual(await scoped.certificate(idNumber(1)), active, 'the second change found nothing to do')
  await made(scoped, { ...activate, to: 'REVOKED' })
  await made(scoped, { do: 'delete-certificate', id: idNumber(1), force: false })
  assert.equal(await scoped.certificate(idNumber(1)), undefined)
}

async function cas(scoped: ScopedRegistry): Promise<void> {
  const registrationConfig = { templateBody: '{}', roleArn: 'arn:aws:iam::1:role/r', templateName: undefined }
  const ca = caRecord(1, { status: 'ACTIVE', autoRegistration: true, registrationConfig })
  const twin = caRecord(2, { subjectHash: ca.subjectHash })
  await made(scoped, { do: 'register-ca', ca }, { do: 'register-ca', ca: twin })
  assert.deepEqual(await scoped.caCertificatesBySubject(ca.subjectHash), [ca, twin])
  assert.deepEqual(await scoped.caCertificatesBySubject('0'.repeat(64)), [])
  await made(scoped, { do: 'update-ca', id: ca.id, status: 'INACTIVE', at: LATER })
  const inactive = { ...ca, status: 'INACTIVE', modifiedAt: LATER, customerVersion: 2 }
  assert.deepEqual(await scoped.caCertificate(ca.id), inactive)
  await made(scoped, { do: 'update-ca', id: ca.id, autoRegistration: false, registrationConfig: null, at: LATER })
  const plain = { ...inactive, autoRegistration: false, registrationConfig: undefined, customerVersion: 3 }
  assert.deepEqual(await scoped.caCertificate(ca.id), plain)
  const byName = { templateBody: undefined, roleArn: undefined, templateName: 'j' }
  await made(scoped, { do: 'update-ca', id: ca.id, registrationConfig: byName, at: LATER })
  assert.deepEqual((await scoped.caCertificate(ca.id))?.registrationConfig, byName)
  await made(scoped, { do: 'delete-ca', id: ca.id })
  assert.equal(await scoped.caCertificate(ca.id), undefined)
}

async function policies(scoped: ScopedRegistry): Promise<void> {
  const policy = policyRecord('p')
  await made(scoped, { do: 'create-policy', policy })
  assert.deepEqual(await scoped.policy('p'), policy)
  const version = { do: 'create-policy-version', policyName: 'p', document: '{"2":""}', at: LATER } as const
  await made(scoped, { ...version, setAsDefault: false }, { ...version, document: '{"3":""}', setAsDefault: true })
  const third = { ...policy, document: '{"3":""}', defaultVersionId: '3', modifiedAt: LATER }
  assert.deepEqual(await scoped.policy('p'), third)
  await made(scoped, { do: 'set-default-policy-version', policyName: 'p', versionId: '1', at: LATER })
  await made(scoped, { do: 'delete-policy-version', policyName: 'p', versionId: '3' })
  await made(scoped, { ...version, document: '{"4":""}', setAsDefault: false })
  const shown = (await scoped.policyVersions('p')).map((row) => [row.versionId, row.isDefault, row.document])
  assert.deepEqual(shown, [
    ['1', true, policy.document],
    ['2', false, '{"2":""}'],
    ['4', false, '{"4":""}'],
  ])
  assert.deepEqual(await scoped.policyVersions('q'), [])
  await made(
    scoped,
    ...['2', '4'].map((versionId) => ({ do: 'delete-policy-version', policyName: 'p', versionId }) as const),
  )
  await made(scoped, { do: 'delete-policy', name: 'p' })
  assert.equal(await scoped.policy('p'), undefined)
  await made(scoped, { do: 'create-policy', policy })
  assert.equal((await scoped.policyVersions('p')).length, 1, 'no version of the deleted one is left')
}

async function attachedPolicies(scoped: ScopedRegistry): Promise<void> {
  const certificateId = idNumber(1)
  await made(
    scoped,
    { do: 'register-certificate', certificate: certificateRecord(1) },
    ...['z', 'a', 'm'].map((name) => ({ do: 'create-policy', policy: policyRecord(name) }) as const),
    ...['z', 'a', 'z'].map((policyName) => ({ do: 'attach-policy', policyName, certificateId }) as const),
  )
  assert.deepEqual(await scoped.attachedPolicies(certificateId), [policyRecord('a'), policyRecord('z')])
  assert.deepEqual((await scoped.policyTargets('z', { limit: 9 })).rows, [certificateId])
  const detach = { do: 'detach-policy', policyName: 'z', certificateId } as const
  await made(scoped, detach, detach, { ...detach, policyName: 'unknown' }, { ...detach, certificateId: idNumber(7) })
  assert.deepEqual(await scoped.attachedPolicies(certificateId), [policyRecord('a')])
  await made(scoped, { do: 'delete-certificate', id: certificateId, force: true }, { do: 'delete-policy', name: 'a' })
  assert.deepEqual(await scoped.attachedPolicies(certificateId), [])
}

async function principals(scoped: ScopedRegistry): Promise<void> {
  const attach = (thingName: string, n: number, exclusive = false): Change => {
    return { do: 'attach-thing-principal', thingName, certificateId: idNumber(n), exclusive }
  }
  await made(
    scoped,
    ...['t', 'u'].map((name) => ({ do: 'create-thing', thing: thingRecord(name) }) as const),
    ...[1, 2].map((n) => ({ do: 'register-certificate', certificate: certificateRecord(n) }) as const),
    attach('t', 1),
    attach('t', 1, true),
    attach('u', 1),
    attach('t', 2, true),
  )
  const loose = (thingName: string) => ({ thingName, certificateId: idNumber(1), exclusive: false })
  const exclusive = { thingName: 't', certificateId: idNumber(2), exclusive: true }
  assert.deepEqual(await scoped.thingsOfPrincipal(idNumber(1)), [loose('t'), loose('u')])
  assert.deepEqual(await scoped.thingsOfPrincipal(idNumber(2)), [exclusive])
  assert.deepEqual(await scoped.principalsOfThing('t'), [loose('t'), exclusive])
  await made(scoped, { do: 'detach-thing-principal', thingName: 't', certificateId: idNumber(2) }, attach('u', 2))
  assert.deepEqual(await scoped.principalsOfThing('t'), [loose('t')])
  assert.deepEqual(await scoped.principalsOfThing('v'), [])
}

async function settings(scoped: ScopedRegistry): Promise<void> {
  const template = templateRecord('j', { type: 'FLEET_PROVISIONING', enabled: false, description: 'ü' })
  await made(scoped, { do: 'create-template', template })
  assert.deepEqual(await scoped.template('j'), template)
  await made(scoped, { do: 'delete-template', name: 'j' })
  assert.equal(await scoped.template('j'), undefined)
  assert.equal(await scoped.registrationCode(), undefined)
  await made(scoped, { do: 'set-registration-code', code: 'b' })
  assert.equal(await scoped.registrationCode(), 'b')
  await made(scoped, { do: 'set-registration-code', code: undefined })
  assert.equal(await scoped.registrationCode(), undefined)
  const keys = ['AKIA1', 'AKIA2'].map(accessKeyRecord)
  await made(scoped, ...keys.map((key) => ({ do: 'create-access-key', key }) as const))
  assert.deepEqual(await scoped.accessKeys(), keys)
  const session = { token: 'token', expiresAt: LATER }
  const temporary = { ...accessKeyRecord('ASIA1'), session }
  await made(scoped, { do: 'create-access-key', key: temporary }, { do: 'revoke-access-key', id: 'AKIA1' })
  assert.deepEqual(await scoped.accessKeys(), [keys[1], temporary])
  const later = { ...accessKeyRecord('AKIA3'), createdAt: LATER }
  await made(scoped, { do: 'create-access-key', key: later })
  assert.deepEqual(await scoped.accessKeys(), [keys[1], later], 'what has ended is removed')
}

async function made(scoped: ScopedRegistry, ...changes: readonly Change[]): Promise<void> {
  assert.deepEqual(await scoped.commit(changes), { ok: true })
}

const LATER = instant(1_767_225_700_000)
