import assert from 'node:assert/strict'
import { instant } from '@birthmark/foundation/kernel'
import type { Change } from '../changes.ts'
import type { AllowList, CertificateOffer, ProvisioningClaim, StoredDocument } from '../provisioning-records.ts'
import type { ScopedRegistry } from '../registry.ts'
import type { ConflictCase } from './conflict-case.ts'
import { certificateRecord, idNumber, policyRecord } from './records.ts'

/** Every conflict of provisioning's own changes, once. */
export function provisioningConflicts(): readonly ConflictCase[] {
  const offer: Change = { do: 'offer-certificate', offer: offerRecord(1) }
  const use = { do: 'use-offer', certificateId: idNumber(1), usedFor: 'a' } as const
  const claim: Change = { do: 'create-claim', claim: claimRecord(1) }
  const list: Change = { do: 'create-allow-list', list: listRecord('l') }
  const allow: Change = { do: 'allow-values', list: 'l', values: ['v'] }
  const useValue = { do: 'use-allowed-value', list: 'l', value: 'v', certificateId: idNumber(1) } as const
  const document: Change = { do: 'create-document', document: documentRecord('d') }
  return [
    { why: 'no such certificate', given: [], change: offer, reason: 'absent' },
    { why: 'offered', given: [pending(1), offer], change: offer, reason: 'exists' },
    { why: 'no such offer', given: [pending(1)], change: use, reason: 'absent' },
    { why: 'for another', given: [pending(1), offer, use], change: { ...use, usedFor: 'b' }, reason: 'state' },
    { why: 'no such certificate', given: [], change: claim, reason: 'absent' },
    { why: 'claimed', given: [pending(1), claim], change: claim, reason: 'exists' },
    { why: 'same name', given: [list], change: list, reason: 'exists' },
    { why: 'no such list', given: [], change: { do: 'delete-allow-list', name: 'l' }, reason: 'absent' },
    { why: 'no such list', given: [], change: allow, reason: 'absent' },
    { why: 'no such value', given: [list], change: { do: 'disallow-value', list: 'l', value: 'v' }, reason: 'absent' },
    { why: 'no such value', given: [list], change: useValue, reason: 'absent' },
    {
      why: 'another has used it',
      given: [list, allow, useValue],
      change: { ...useValue, certificateId: idNumber(2) },
      reason: 'state',
    },
    { why: 'same name', given: [document], change: document, reason: 'exists' },
    {
      why: 'as many as there may be',
      given: [document],
      change: { do: 'create-document', document: documentRecord('e'), max: 1 },
      reason: 'limit',
    },
    {
      why: 'the key of another',
      given: [{ do: 'create-document', document: { ...documentRecord('d'), uniqueKey: 'k' } }],
      change: { do: 'create-document', document: { ...documentRecord('e'), uniqueKey: 'k' } },
      reason: 'taken',
    },
    {
      why: 'changed meanwhile',
      given: [document],
      change: { do: 'replace-document', kind: 'function', name: 'd', body: '1', from: '0' },
      reason: 'version',
    },
    {
      why: 'no such document',
      given: [],
      change: { do: 'replace-document', kind: 'function', name: 'd', body: '1' },
      reason: 'absent',
    },
    {
      why: 'no such document',
      given: [document],
      change: { do: 'delete-document', kind: 'topic-rule', name: 'd' },
      reason: 'absent',
    },
  ]
}

/** Offers and claims: found, used, and gone with what nobody uses. */
export async function offersAndClaims(scoped: ScopedRegistry): Promise<void> {
  const { provisioning } = scoped
  await made(scoped, pending(1), { do: 'offer-certificate', offer: offerRecord(1) })
  await made(scoped, pending(2), { do: 'offer-certificate', offer: offerRecord(2) })
  assert.deepEqual(await provisioning.offer(hashOf(1)), {
    offer: offerRecord(1),
    certificate: await scoped.certificate(idNumber(1)),
  })
  assert.equal(await provisioning.offer(hashOf(9)), undefined)
  assert.deepEqual(await provisioning.expiredOffers(instant(100), 1), [])
  assert.deepEqual(await provisioning.expiredOffers(instant(102), 9), [offerRecord(1), offerRecord(2)])
  const use = { do: 'use-offer', certificateId: idNumber(1), usedFor: 'a' } as const
  await made(scoped, use, use)
  assert.equal((await provisioning.offer(hashOf(1)))?.offer.usedFor, 'a')
  const policy = { do: 'create-policy', policy: policyRecord('p') } as const
  await made(scoped, policy, { do: 'attach-policy', policyName: 'p', certificateId: idNumber(1) })
  for (const n of [1, 2, 3]) await made(scoped, { do: 'end-offer', certificateId: idNumber(n) })
  assert.notEqual(await scoped.certificate(idNumber(1)), undefined, 'it has a policy')
  assert.equal(await scoped.certificate(idNumber(2)), undefined)
  assert.equal(await provisioning.offer(hashOf(1)), undefined)

  await made(scoped, pending(3), { do: 'create-claim', claim: claimRecord(3) })
  assert.deepEqual(await provisioning.claim(idNumber(3)), claimRecord(3))
  assert.deepEqual(await provisioning.expiredClaims(instant(103), 9), [claimRecord(3)])
  await made(scoped, { do: 'end-claim', certificateId: idNumber(3) }, { do: 'end-claim', certificateId: idNumber(1) })
  assert.equal(await scoped.certificate(idNumber(3)), undefined)
  assert.notEqual(await scoped.certificate(idNumber(1)), undefined, 'it is no claim')
}

/** Allow-lists: values are used, allowed again, and gone with their list. */
export async function allowLists(scoped: ScopedRegistry): Promise<void> {
  const { provisioning } = scoped
  await made(scoped, { do: 'create-allow-list', list: listRecord('l') })
  const allow: Change = { do: 'allow-values', list: 'l', values: ['v', 'w'] }
  await made(scoped, allow)
  assert.deepEqual(await provisioning.allowLists(), [listRecord('l')])
  assert.deepEqual(await provisioning.allowListsOf('t'), [listRecord('l')])
  assert.deepEqual(await provisioning.allowListsOf('u'), [])
  const use = { do: 'use-allowed-value', list: 'l', value: 'v', certificateId: idNumber(1) } as const
  await made(scoped, use, use)
  assert.deepEqual(await provisioning.allowedValue('l', 'v'), { value: 'v', usedBy: idNumber(1) })
  assert.deepEqual(await provisioning.countAllowed('l'), { values: 2, used: 1 })
  await made(scoped, allow, { ...use, certificateId: idNumber(2) }, { do: 'disallow-value', list: 'l', value: 'w' })
  assert.deepEqual(await provisioning.countAllowed('l'), { values: 1, used: 1 })
  await made(scoped, { do: 'delete-allow-list', name: 'l' })
  assert.equal(await provisioning.allowedValue('l', 'v'), undefined)
}

/** Documents of a kind: created, replaced, listed, deleted. */
export async function documents(scoped: ScopedRegistry): Promise<void> {
  const { provisioning } = scoped
  await made(scoped, { do: 'create-document', document: documentRecord('d') })
  await made(scoped, { do: 'create-document', document: documentRecord('a') })
  await made(scoped, { do: 'replace-document', kind: 'function', name: 'd', body: '2' })
  const replaced = { ...documentRecord('d'), body: '2' }
  assert.deepEqual(await provisioning.document('function', 'd'), replaced)
  assert.deepEqual(await provisioning.documents('function'), [documentRecord('a'), replaced])
  assert.deepEqual(await provisioning.documents('topic-rule'), [])
  await made(scoped, { do: 'delete-document', kind: 'function', name: 'd' })
  assert.equal(await provisioning.document('function', 'd'), undefined)
}

async function made(scoped: ScopedRegistry, ...changes: readonly Change[]): Promise<void> {
  assert.deepEqual(await scoped.commit(changes), { ok: true })
}

function pending(n: number): Change {
  return { do: 'register-certificate', certificate: certificateRecord(n, { status: 'PENDING_ACTIVATION' }) }
}

function hashOf(n: number): string {
  return String(n).padStart(64, '0')
}

function offerRecord(n: number): CertificateOffer {
  const principal = idNumber(7)
  return {
    certificateId: idNumber(n),
    tokenHash: hashOf(n),
    principal,
    expiresAt: instant(100 + n),
    usedFor: undefined,
  }
}

function claimRecord(n: number): ProvisioningClaim {
  return { certificateId: idNumber(n), templateName: 't', policyDocument: '{}', expiresAt: instant(100 + n) }
}

function listRecord(name: string): AllowList {
  return { name, templateName: 't', parameter: 'SerialNumber', once: true, createdAt: instant(5) }
}

function documentRecord(name: string): StoredDocument {
  return { kind: 'function', name, body: '{"a":1}', createdAt: instant(5) }
}
