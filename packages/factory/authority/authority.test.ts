import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { deviceSubject, parseWorkOrder, type WorkOrder } from '@birthmark/factory/order'
import { isFault } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import {
  type AlternativeName,
  type ChainPurpose,
  createCsr,
  type DistinguishedName,
  formatName,
  parseCertificate,
  type Signer,
  SoftwareSigner,
  verifyChain,
} from '@birthmark/foundation/x509'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import type { Authority } from './authority.ts'
import type { IssueRequest } from './decide.ts'
import { openAuthority } from './open.ts'

const key = await SoftwareSigner.generate('ecdsa-p256-sha256')
const otherKey = await SoftwareSigner.generate('ecdsa-p256-sha256')
const UID = '0a1b2c3d4e5f6071'
const ORDER = order({})

test('a device certificate has the subject and the key of its CSR, and leads to the root', async (t) => {
  const authority = await opened(t)
  const csr = await createCsr({
    subject: [{ type: 'CN', value: 'press-7' }],
    subjectAlternativeNames: [{ type: 'dns', value: 'bank.example' }],
    signer: key,
  })
  const issued = await authority.issue({ kind: 'device', csr })
  const certificate = parseCertificate(issued.certificate)
  assert.equal(formatName(certificate.subject), 'CN=press-7')
  assert.deepEqual(certificate.publicKey, key.publicKey)
  assert.deepEqual(certificate.subjectAlternativeNames, [])
  assertLeadsToRoot(issued, 'clientAuth')
})

test('a device certificate may have an empty subject, as its CSR has', async (t) => {
  const authority = await opened(t)
  const { certificate } = await authority.issue({ kind: 'device', csr: await request([]) })
  assert.deepEqual(parseCertificate(certificate).subject, [])
})

test('an endpoint certificate is for names on the list, whatever their case', async (t) => {
  const authority = await opened(t, ['IoT.example', '127.0.0.1', '0:0::0:1'])
  const names: AlternativeName[] = [
    { type: 'dns', value: 'iot.EXAMPLE' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '0:0:0:0:0:0:0:1' },
  ]
  const issued = await authority.issue({ kind: 'endpoint', csr: await request([{ type: 'CN', value: 'x' }], names) })
  const certificate = parseCertificate(issued.certificate)
  assert.equal(certificate.subjectAlternativeNames.length, 3)
  assert.equal(formatName(certificate.subject).toLowerCase(), 'cn=iot.example')
  assertLeadsToRoot(issued, 'serverAuth')
})

test('a list entry that begins with a dot stands for every name below it, wildcards too', async (t) => {
  const authority = await opened(t, ['.iot.example'])
  for (const value of ['a.iot.example', '*.eu.iot.example']) {
    const { certificate } = await authority.issue(await endpoint({ type: 'dns', value }))
    assert.equal(parseCertificate(certificate).subjectAlternativeNames[0]?.value, value)
  }
  for (const value of ['iot.example', 'a.example', 'xiot.example', '.iot.example']) {
    const refused = endpoint({ type: 'dns', value }).then((request) => authority.issue(request))
    await assert.rejects(refused, isFault, value)
  }
})

test('a device of an order gets the subject that the order gives it', async (t) => {
  const authority = await opened(t)
  await authority.admit(ORDER)
  const issued = await authority.station(ORDER.id).issue({ uid: UID, csr: await request(subjectOf(UID)) })
  assert.deepEqual(parseCertificate(issued.certificate).subject, subjectOf(UID))
  assertLeadsToRoot(issued, 'clientAuth')
})

const REFUSED: readonly (readonly [why: string, make: () => Promise<IssueRequest>, code: string])[] = [
  [
    'an idempotency key that is none',
    async () => ({ ...(await endpoint()), idempotencyKey: 'a/b' }),
    'ISSUE_KEY_INVALID',
  ],
  ['no CSR', async () => ({ kind: 'device', csr: Uint8Array.of(1, 2, 3) }), 'CSR_UNREADABLE'],
  ['a CSR signed by another key', async () => ({ kind: 'device', csr: await forged() }), 'CSR_SIGNATURE_INVALID'],
  ['a name off the list', () => endpoint({ type: 'dns', value: 'db.example' }), 'ENDPOINT_NAME_REFUSED'],
  ['a name below one on the list', () => endpoint({ type: 'dns', value: 'a.iot.example' }), 'ENDPOINT_NAME_REFUSED'],
  ['a wildcard over one on the list', () => endpoint({ type: 'dns', value: '*.example' }), 'ENDPOINT_NAME_REFUSED'],
  ['an address off the list', () => endpoint({ type: 'ip', value: '127.0.0.2' }), 'ENDPOINT_NAME_REFUSED'],
  ['a listed name as another type', () => endpoint({ type: 'uri', value: 'iot:example' }), 'ENDPOINT_NAME_REFUSED'],
  ['an endpoint without names', () => endpoint(), 'ENDPOINT_NAME_MISSING'],
  ['an order that was not admitted', () => ordered({ order: 'PO-2' }), 'ORDER_UNKNOWN'],
  ['an order of Object', () => ordered({ order: 'constructor' }), 'ORDER_UNKNOWN'],
  ['an element number that is none', () => ordered({ uid: '../../etc' }), 'DEVICE_UID_REFUSED'],
  ['a subject of another device', () => ordered({ uid: 'ffffffffffffffff' }), 'DEVICE_SUBJECT_REFUSED'],
  ['no subject', () => ordered({ subject: [] }), 'DEVICE_SUBJECT_REFUSED'],
  [
    'one attribute more than the order gives',
    () => ordered({ subject: [...subjectOf(UID), { type: 'O', value: 'Bank' }] }),
    'DEVICE_SUBJECT_REFUSED',
  ],
]
for (const [why, make, code] of REFUSED) {
  test(`refuses ${why}, and journals nothing`, async (t) => {
    const authority = await opened(t)
    await authority.admit(ORDER)
    await assert.rejects(authority.issue(await make()), { code })
    assert.deepEqual([authority.issuedCount, authority.unresolved.length], [0, 0])
  })
}

test('a repeated request gets the certificate of the first, at once, later, and after opening again', async (t) => {
  const options = await newAuthority(t)
  const first = await openAuthority(options)
  await first.admit(ORDER)
  const station = first.station(ORDER.id)
  const csrs = await Promise.all([1, 2, 3].map(() => request(subjectOf(UID))))
  const issued = await Promise.all(csrs.map((csr) => station.issue({ uid: UID, csr })))
  issued.push(await station.issue({ uid: UID, csr: await request(subjectOf(UID)) }))
  await first.close()
  const again = await openAuthority(options)
  t.after(() => again.close())
  issued.push(await again.station(ORDER.id).issue({ uid: UID, csr: await request(subjectOf(UID)) }))
  const [certificate] = issued
  for (const other of issued) assert.deepEqual(other, certificate)
  assert.equal(again.issuedCount, 1)
})

test('every request makes a certificate; an idempotency key binds it to public key and kind', async (t) => {
  const authority = await opened(t)
  const csr = await request([])
  const numbers = new Set<string>()
  for (const idempotencyKey of [undefined, undefined, 'a', 'a', 'b']) {
    const issued = await authority.issue({
      kind: 'device',
      csr,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    })
    numbers.add(parseCertificate(issued.certificate).serialNumber)
  }
  assert.equal(numbers.size, 4)
  const otherCsr = await createCsr({ subject: [], signer: otherKey })
  await assert.rejects(authority.issue({ kind: 'device', csr: otherCsr, idempotencyKey: 'a' }), {
    code: 'ISSUE_KEY_REUSED',
  })
  const server = await request([], [{ type: 'dns', value: 'iot.example' }])
  await assert.rejects(authority.issue({ kind: 'endpoint', csr: server, idempotencyKey: 'a' }), {
    code: 'ISSUE_KEY_REUSED',
  })
})

test('a device has one key for good: another one under the same order is refused', async (t) => {
  const authority = await opened(t)
  await authority.admit(ORDER)
  const station = authority.station(ORDER.id)
  await station.issue({ uid: UID, csr: await request(subjectOf(UID)) })
  const csr = await createCsr({ subject: subjectOf(UID), signer: otherKey })
  await assert.rejects(station.issue({ uid: UID, csr }), { code: 'ISSUE_KEY_REUSED' })
})

test('an order allows its count and not one more, also with all of them asked for at once', async (t) => {
  const options = await newAuthority(t)
  const authority = await openAuthority(options)
  await authority.admit(order({ count: 3 }))
  const station = authority.station(ORDER.id)
  const asked = await Promise.allSettled(
    Array.from({ length: 8 }, async (_, index) => {
      const uid = `000000000000000${index}`
      return station.issue({ uid, csr: await request(subjectOf(uid)) })
    }),
  )
  const refused = asked.filter((answer) => answer.status === 'rejected')
  assert.equal(refused.length, 5)
  for (const { reason } of refused) assert.equal(reason.code, 'ORDER_USED_UP')
  await authority.close()
  const again = await openAuthority(options)
  t.after(() => again.close())
  const uid = 'ffffffffffffffff'
  await assert.rejects(again.station(ORDER.id).issue({ uid, csr: await request(subjectOf(uid)) }), {
    code: 'ORDER_USED_UP',
  })
})

test('an order is admitted once; the same again changes nothing, another under its number is refused', async (t) => {
  const options = await newAuthority(t)
  const authority = await openAuthority(options)
  await Promise.all([authority.admit(ORDER), authority.admit(ORDER)])
  for (const changed of [
    { count: 11 },
    { product: 'drill' },
    { profile: 'vendor-device' },
    { subject: { commonName: '{uid}' } },
  ]) {
    await assert.rejects(authority.admit(order(changed)), { code: 'ORDER_DIFFERS' })
  }
  await authority.close()
  const again = await openAuthority(options)
  await again.admit(ORDER)
  await again.close()
})

test('a verification certificate carries the registration code, and the same code gets the same one', async (t) => {
  const authority = await opened(t)
  const code = '0123456789abcdefABCDEF'.padEnd(64, '7')
  const issued = await authority.prove(code)
  const certificate = parseCertificate(issued.certificate)
  assert.deepEqual(certificate.subject, [{ type: 'CN', value: code }])
  assert.ok(certificate.isSignedBy(authority.issuing))
  assert.deepEqual(await authority.prove(code), issued)
  for (const wrong of ['', code.slice(1), `${code}0`, code.replace('7', 'g'), ` ${code.slice(1)}`]) {
    await assert.rejects(authority.prove(wrong), { code: 'REGISTRATION_CODE_REFUSED' })
  }
})

test('a closed authority refuses, after it finished what was under way', async (t) => {
  const authority = await openAuthority(await newAuthority(t))
  const csr = await request([])
  const underWay = authority.issue({ kind: 'device', csr })
  await authority.close()
  assert.ok((await underWay).certificate.length > 0)
  await assert.rejects(authority.issue({ kind: 'device', csr }), { code: 'AUTHORITY_CLOSED' })
  await assert.rejects(authority.admit(ORDER), { code: 'AUTHORITY_CLOSED' })
  await assert.rejects(authority.prove('0'.repeat(64)), { code: 'AUTHORITY_CLOSED' })
})

async function opened(
  t: TestContext,
  endpointNames: readonly string[] = ['iot.example', '127.0.0.1'],
): Promise<Authority> {
  const authority = await openAuthority({ ...(await newAuthority(t)), endpointNames })
  t.after(() => authority.close())
  return authority
}

function order(changes: Readonly<Record<string, unknown>>): WorkOrder {
  return parseWorkOrder(
    JSON.stringify({ format: 'birthmark-work-order/1', id: 'PO-1', product: 'press', count: 10, ...changes }),
  )
}

/** What the default rule of a work order gives; its hash is checked with the order room. */
function subjectOf(uid: string): DistinguishedName {
  return deviceSubject(ORDER.subject, ORDER.product, uid)
}

async function request(subject: DistinguishedName, names: readonly AlternativeName[] = []): Promise<Uint8Array> {
  return createCsr({ subject, subjectAlternativeNames: names, signer: key })
}

async function endpoint(...names: readonly AlternativeName[]): Promise<IssueRequest> {
  return { kind: 'endpoint', csr: await request([], names) }
}

async function ordered(change: {
  readonly order?: string
  readonly uid?: string
  readonly subject?: DistinguishedName
}): Promise<IssueRequest> {
  const { order: id = ORDER.id, uid = UID, subject = subjectOf(UID) } = change
  return { kind: 'order-device', order: id, uid, csr: await request(subject) }
}

/** A CSR whose owner does not hold the key in it. */
async function forged(): Promise<Uint8Array> {
  const signer: Signer = { ...publicHalf(key), sign: (message) => otherKey.sign(message) }
  return createCsr({ subject: [], signer })
}

function publicHalf({ algorithm, publicKey }: Signer): Pick<Signer, 'algorithm' | 'publicKey'> {
  return { algorithm, publicKey }
}

function assertLeadsToRoot(
  issued: {
    readonly certificate: Uint8Array
    readonly intermediates: readonly Uint8Array[]
    readonly root: Uint8Array
  },
  purpose: ChainPurpose,
): void {
  verifyChain({
    leaf: parseCertificate(issued.certificate),
    intermediates: issued.intermediates.map((der) => parseCertificate(der)),
    anchors: [parseCertificate(issued.root)],
    now: systemClock.now(),
    purpose,
  })
}
