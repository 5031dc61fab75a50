import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { memoryBus } from '@birthmark/chip/i2c'
import { makeVendor, openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { type Authority, openAuthority } from '@birthmark/factory/authority'
import { keyIdOf } from '@birthmark/factory/ledger'
import { DeskClient, type TokenStore } from '@birthmark/factory/line'
import { deviceSubject, signWorkOrder, type VendorEvidence } from '@birthmark/factory/order'
import { type Clock, type Instant, instant, later, seconds, silentLog } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { Desk } from './desk.ts'
import { sealJson } from './envelope.ts'
import { challengeOf } from './evidence.ts'
import { openAllotment } from './open-allotment.ts'
import { messageJson } from './protocol.ts'
import { connectDesk, serveDesk } from './serve.ts'

const maker = await SoftwareSigner.generate('ecdsa-p256-sha256')
const station = await SoftwareSigner.generate('ecdsa-p256-sha256')
const stranger = await SoftwareSigner.generate('ecdsa-p256-sha256')
const deskKey = await SoftwareSigner.generate('ecdsa-p256-sha256')
const START = instant(Date.UTC(2026, 5, 1))
const UIDS = ['aaaaaaaa01', 'aaaaaaaa02', 'aaaaaaaa03', 'aaaaaaaa04']

test('a station that the order names gets certificates, as many as the order allows', async (t) => {
  const { client, authority } = await place(t)
  const session = await client()
  const issued = await Promise.all(UIDS.slice(0, 3).map((uid) => make(session, uid)))
  assert.equal(authority.issuedCount, 3)
  for (const { certificate, root } of issued) {
    assert.ok(parseCertificate(certificate).isSignedBy(authority.issuing))
    assert.deepEqual(Buffer.from(root), Buffer.from(authority.root.der))
  }
})

test('over-production is refused, with a record', async (t) => {
  const { client, records } = await place(t)
  const session = await client()
  for (const uid of UIDS.slice(0, 3)) await make(session, uid)
  await assert.rejects(make(session, UIDS[3]), { code: 'ORDER_USED_UP' })
  assert.deepEqual(await records(), [['ORDER_USED_UP', keyIdOf(station.publicKey), 'PO-1', UIDS[3]]])
})

test('a station that the order does not name, and one that signs with another key, get nothing', async (t) => {
  const { client, desk, records } = await place(t)
  await assert.rejects(client({ signer: stranger }), { code: 'ORDER_FOR_OTHER_STATION' })
  const claimed = { station: keyIdOf(station.publicKey), publicKey: station.publicKey }
  const hello = { op: 'hello', ...claimed, token: '', order: '{}' } as const
  const answer = JSON.parse(await desk.handle(await sealJson(messageJson(hello), stranger)))
  assert.equal(answer.error.code, 'STATION_SIGNATURE_INVALID')
  const other = { ...hello, publicKey: stranger.publicKey }
  const second = JSON.parse(await desk.handle(await sealJson(messageJson(other), stranger)))
  assert.equal(second.error.code, 'STATION_SIGNATURE_INVALID')
  assert.deepEqual(
    (await records()).map(([code]) => code),
    ['ORDER_FOR_OTHER_STATION', 'STATION_SIGNATURE_INVALID', 'STATION_SIGNATURE_INVALID'],
  )
})

test('a message that comes a second time is refused, with a record', async (t) => {
  const { client, desk, records } = await place(t)
  const heard: string[] = []
  const session = await client({ heard })
  await make(session, UIDS[0])
  for (const line of heard) {
    assert.equal(JSON.parse(await desk.handle(line)).error.code, 'STATION_REQUEST_REPLAYED')
  }
  assert.equal((await records()).length, 2)
  await make(session, UIDS[1])
})

test('a clock that was set back stops the desk, also when it was set back while nothing ran', async (t) => {
  const { client, clock, reopen, records } = await place(t)
  const session = await client()
  clock.time = instant(START + 3_600_000)
  await make(session, UIDS[0])
  clock.time = START
  await assert.rejects(make(session, UIDS[1]), { code: 'CLOCK_SET_BACK' })
  await reopen()
  await assert.rejects(client(), { code: 'CLOCK_SET_BACK' })
  assert.ok((await records()).every(([code]) => code === 'CLOCK_SET_BACK'))
  clock.time = instant(START + 3_600_000 - 30_000)
  await client()
})

test('an order that has ended is refused with its own code', async (t) => {
  const { client, clock } = await place(t)
  const session = await client()
  clock.time = instant(Date.UTC(2027, 0, 1))
  await assert.rejects(make(session, UIDS[0]), { code: 'ORDER_EXPIRED' })
  await assert.rejects(client(), { code: 'ORDER_EXPIRED' })
})

test('an order for another issuing CA is not admitted', async (t) => {
  const { client, authority } = await place(t, { issuer: 'ab'.repeat(32) })
  await assert.rejects(client(), { code: 'ORDER_FOR_OTHER_ISSUER' })
  const right = await place(t, { issuer: authority.issuing.fingerprint })
  await assert.rejects(right.client(), { code: 'ORDER_FOR_OTHER_ISSUER' }, 'that of another authority')
})

test('of two stations with one key the copy is caught, whichever asks first, and both are stopped', async (t) => {
  for (const first of ['original', 'copy'] as const) {
    const { client, desk, records } = await place(t)
    const original = memoryTokens()
    await make(await client({ tokens: original }), UIDS[0])
    const copied = memoryTokens(original.load())
    const [runs, comes] = first === 'original' ? [original, copied] : [copied, original]
    const running = await client({ tokens: runs })
    await make(running, UIDS[1])
    await assert.rejects(client({ tokens: comes }), { code: 'STATION_COPIED' })
    await assert.rejects(make(running, UIDS[2]), { code: 'STATION_COPIED' })
    assert.equal((await records())[0]?.[0], 'STATION_COPIED')
    await desk.release(keyIdOf(station.publicKey))
    await make(await client(), UIDS[2])
  }
})

test('a copy of a running station ends its session, which is caught at the next request', async (t) => {
  const { client } = await place(t)
  const tokens = memoryTokens()
  const running = await client({ tokens })
  await make(running, UIDS[0])
  await client({ tokens: memoryTokens(tokens.load()) })
  await assert.rejects(make(running, UIDS[1]), { code: 'STATION_COPIED' })
})

test('a station that never heard the answer to its hello begins again with the token it has', async (t) => {
  const { client } = await place(t)
  const tokens = memoryTokens()
  await make(await client({ tokens }), UIDS[0])
  const before = tokens.load()
  await client({ tokens })
  const again = memoryTokens(before)
  await make(await client({ tokens: again }), UIDS[1])
})

test('after a restart of the desk a station goes on in a new session', async (t) => {
  const { client, reopen } = await place(t)
  const session = await client()
  await make(session, UIDS[0])
  await reopen()
  await assert.rejects(make(session, UIDS[1]), { code: 'STATION_SESSION_ENDED' })
  await make(session, UIDS[1])
})

test('a CSR that does not sign the challenge of this session for this device is refused', async (t) => {
  const { client, records } = await place(t)
  const session = await client()
  const key = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const subject = deviceSubject({ commonName: '{uid}' }, 'press', UIDS[0] ?? '')
  const challenges = [
    undefined,
    challengeOf('00'.repeat(32), 'PO-1', UIDS[0] ?? ''),
    await session.challenge('bbbbbbbb'),
  ]
  for (const challenge of challenges) {
    const csr = await createCsr({ subject, signer: key, ...(challenge !== undefined && { challenge }) })
    await assert.rejects(session.issue({ csr, uid: UIDS[0] ?? '' }), { code: 'EVIDENCE_STALE' })
  }
  assert.equal((await records()).length, 3)
})

test('where the order wants it, the vendor of the chip vouches for the key', async (t) => {
  const vendorClock = { now: (): Instant => START }
  const vendor = await makeVendor(vendorClock, systemEntropy)
  const chip = await TrustX.open(memoryBus((await openVirtualChip({ vendor, clock: vendorClock })).slave))
  t.after(() => chip.close())
  const inChip = (await chip.readCertificate(chip.vendorSlots.certificate)) ?? new Uint8Array()
  const otherVendor = await openAuthority(await newAuthority(t))
  t.after(() => otherVendor.close())
  const roots = [vendor.certificate.toPem()]
  const { client, records } = await place(t, { evidence: { kind: 'vendor', roots } })
  const session = await client()
  const vouch = async (csr: Uint8Array): Promise<VendorEvidence> => {
    const digest = createHash('sha256').update(csr).digest()
    return { certificate: inChip, signature: await chip.signDigest(chip.vendorSlots.key, digest) }
  }
  await make(session, UIDS[0], vouch)
  await assert.rejects(make(session, UIDS[1]), { code: 'EVIDENCE_MISSING' })
  await assert.rejects(make(session, UIDS[1], vouch), { code: 'EVIDENCE_ELEMENT_USED' })
  await assert.rejects(
    make(session, UIDS[1], async (csr) => ({ ...(await vouch(csr)), signature: await stranger.sign(csr) })),
    { code: 'EVIDENCE_SIGNATURE_INVALID' },
  )
  for (const certificate of [otherVendor.issuing.der, Uint8Array.of(1)]) {
    await assert.rejects(
      make(session, UIDS[1], async (csr) => ({ ...(await vouch(csr)), certificate })),
      { code: 'EVIDENCE_VENDOR_UNKNOWN' },
    )
  }
  assert.equal((await records()).length, 5)
})

test('an allotment sets devices aside, is signed, bounded, and accounted for', async (t) => {
  const { client, clock } = await place(t)
  const session = await client()
  await assert.rejects(session.allot(4, 1), { code: 'ALLOTMENT_REFUSED' })
  await assert.rejects(session.allot(2, 721), { code: 'ALLOTMENT_REFUSED' })
  const text = await session.allot(2, 1)
  const allotment = openAllotment(text, deskKey.publicKey)
  assert.deepEqual([allotment.order, allotment.count, allotment.until], ['PO-1', 2, later(START, seconds(3600))])
  assert.throws(() => openAllotment(text.replace('"count":2', '"count":3'), deskKey.publicKey), {
    code: 'ALLOTMENT_INVALID',
  })
  assert.throws(() => openAllotment(text, stranger.publicKey), { code: 'ALLOTMENT_INVALID' })

  await make(session, UIDS[0])
  await assert.rejects(make(session, UIDS[1]), { code: 'ALLOTMENT_REFUSED' }, 'the last two are set aside')
  await make(session, UIDS[0])
  await make(session, UIDS[1], undefined, allotment)
  await make(session, UIDS[2], undefined, allotment)
  await assert.rejects(make(session, UIDS[3], undefined, allotment), { code: 'ALLOTMENT_USED_UP' })
  assert.deepEqual(await session.settle(allotment.id, ['cccccccc']), { issued: 2, scrapped: 1, returned: 0 })
  await assert.rejects(session.settle(allotment.id, []), { code: 'ALLOTMENT_UNKNOWN' })

  const other = await place(t)
  const otherSession = await other.client()
  const late = openAllotment(await otherSession.allot(2, 1), deskKey.publicKey)
  other.clock.time = later(START, seconds(3601))
  await assert.rejects(make(otherSession, UIDS[0], undefined, late), { code: 'ALLOTMENT_UNKNOWN' })
  for (const uid of UIDS.slice(0, 3)) await make(otherSession, uid)
  assert.equal(clock.time, START)
})

test('over its socket the desk answers in order; where none listens, and what is no answer, is told', async (t) => {
  const { desk, order } = await place(t)
  const socketPath = join(await scratchFolder(t), 'desk.sock')
  await assert.rejects(connectDesk(socketPath), { code: 'DESK_UNREACHABLE' })
  const server = await serveDesk({ desk, socketPath, log: silentLog })
  const link = await connectDesk(socketPath)
  const session = await DeskClient.open({
    send: (line) => link.send(line),
    signer: station,
    order,
    tokens: memoryTokens(),
  })
  const made = await Promise.all(UIDS.slice(0, 3).map((uid) => make(session, uid)))
  assert.equal(new Set(made.map(({ certificate }) => Buffer.from(certificate).toString('hex'))).size, 3)
  assert.match(await link.send('a shopping list'), /DESK_REQUEST_MALFORMED/)
  await server.close()
  await assert.rejects(make(session, UIDS[3]), { code: 'DESK_UNREACHABLE' })
  link.close()
  for (const answer of ['a shopping list', '{}', '{"token":7}']) {
    const send = (): Promise<string> => Promise.resolve(answer)
    const opening = DeskClient.open({ send, signer: station, order, tokens: memoryTokens() })
    await assert.rejects(opening, { code: 'DESK_ANSWER_UNREADABLE' })
  }
})

test('what is no fault of the authority stays inside; the station hears that it cannot answer', async (t) => {
  const { path, authority, order } = await place(t)
  const other = await Desk.open({
    path: `${path}.other`,
    authority: {
      issuers: authority.issuers,
      admitSigned: () => Promise.reject(new TypeError('secret detail')),
      issue: () => Promise.reject(new TypeError('secret detail')),
      left: () => 0,
      knows: () => Promise.resolve(false),
    },
    signer: deskKey,
    clock: { now: () => START },
    entropy: systemEntropy,
    log: silentLog,
  })
  const send = (line: string): Promise<string> => other.handle(line)
  const opening = DeskClient.open({ send, signer: station, order, tokens: memoryTokens() })
  await assert.rejects(opening, { code: 'DESK_UNAVAILABLE', message: /cannot answer now/ })
  await other.close()
})

test('arbitrary lines are answered with a fault; nothing is thrown', async (t) => {
  const { desk } = await place(t)
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json(), fc.dictionary(fc.string(), fc.jsonValue())), async (input) => {
      const line = typeof input === 'string' ? input : await sealJson(input, stranger)
      assert.match(JSON.parse(await desk.handle(line)).error.code, /^(?:DESK|STATION)_/)
    }),
    { numRuns: 200 },
  )
})

interface Place {
  readonly authority: Authority
  readonly desk: Desk
  readonly clock: Clock & { time: Instant }
  readonly path: string
  readonly order: { readonly id: string; readonly text: string }
  readonly client: (options?: { signer?: SoftwareSigner; tokens?: TokenStore; heard?: string[] }) => Promise<DeskClient>
  readonly reopen: () => Promise<void>
  /** Code, station, order and device of every refusal on record. */
  readonly records: () => Promise<readonly (readonly unknown[])[]>
}

async function place(t: TestContext, order: object = {}): Promise<Place> {
  const clock = { time: START, now: (): Instant => clock.time }
  const authority = await openAuthority(
    await newAuthority(t, { makerKey: toPem('PUBLIC KEY', maker.publicKey), clock }),
  )
  const path = join(await scratchFolder(t), 'desk.jsonl')
  const open = (): Promise<Desk> =>
    Desk.open({ path, authority, signer: deskKey, clock, entropy: systemEntropy, log: silentLog })
  const it = { desk: await open() }
  t.after(async () => {
    await it.desk.close()
    await authority.close()
  })
  const text = await signWorkOrder(JSON.stringify({ ...ORDER, ...order }), maker)
  const own = memoryTokens()
  return {
    authority,
    clock,
    path,
    order: { id: 'PO-1', text },
    get desk() {
      return it.desk
    },
    client: ({ signer = station, tokens = own, heard } = {}) => {
      const send = (line: string): Promise<string> => {
        heard?.push(line)
        return it.desk.handle(line)
      }
      return DeskClient.open({ send, signer, order: { id: 'PO-1', text }, tokens })
    },
    reopen: async () => {
      await it.desk.close()
      it.desk = await open()
    },
    records: async () => {
      const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
      return lines
        .map((line) => JSON.parse(line).record)
        .filter(({ kind }) => kind === 'refused')
        .map(({ code, station: by, order: of, uid }) => (uid === undefined ? [code, by, of] : [code, by, of, uid]))
    },
  }
}

const ORDER = {
  format: 'birthmark-work-order/2',
  id: 'PO-1',
  product: 'press',
  count: 3,
  until: '2026-12-31T00:00:00.000Z',
  stations: [keyIdOf(station.publicKey)],
  subject: { commonName: '{uid}' },
}

const KEYS = new Map<string, SoftwareSigner>()

/** Makes one device as a line would; the same element has the same key the next time. */
async function make(
  session: DeskClient,
  uid = '',
  vouch?: (csr: Uint8Array) => Promise<VendorEvidence>,
  allotment?: { readonly id: string; readonly seed: string },
): Promise<{ readonly certificate: Uint8Array; readonly root: Uint8Array }> {
  const signer = KEYS.get(uid) ?? (await SoftwareSigner.generate('ecdsa-p256-sha256'))
  KEYS.set(uid, signer)
  const challenge = allotment ? challengeOf(allotment.seed, 'PO-1', uid) : await session.challenge(uid)
  const csr = await createCsr({ subject: deviceSubject({ commonName: '{uid}' }, 'press', uid), signer, challenge })
  const vendor = await vouch?.(csr)
  return session.issueDrawn({ csr, uid, ...(vendor !== undefined && { vendor }) }, allotment?.id)
}

function memoryTokens(first = ''): TokenStore {
  const kept = { token: first }
  return {
    load: () => kept.token,
    save: (token) => {
      kept.token = token
    },
  }
}
