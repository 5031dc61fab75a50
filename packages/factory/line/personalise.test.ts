import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { SecureElement } from '@birthmark/chip'
import { type Authority, openAuthority } from '@birthmark/factory/authority'
import { Ledger, type LedgerOptions, verifyLedger } from '@birthmark/factory/ledger'
import type { IssuingAuthority, WorkOrder } from '@birthmark/factory/order'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { parseCertificate } from '@birthmark/foundation/x509'
import { ledgerOptions } from '../../../testing/testkit/ledger-options.ts'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { freshMemory, interruptedElement, softwareElement } from '../../../testing/testkit/software-element.ts'
import { PERSONALISATION_STEPS, type PersonalisationStep, personalise } from './personalise.ts'
import type { Station } from './station.ts'

const UID = '0a1b2c3d4e5f6071'
const ORDER: WorkOrder = {
  id: 'PO-1',
  product: 'press',
  count: 100,
  profile: 'device',
  subject: { commonName: '{product}-{uidHash}', serialNumber: '{uid}' },
  locks: ['key', 'certificate', 'trustAnchor'],
}

test('a fresh element becomes a device: its own key, a certificate, the anchor, locks, a record', async (t) => {
  const { station, authority, ledger } = await newStation(t)
  const memory = freshMemory(UID)
  const steps: PersonalisationStep[] = []
  const result = await personalise(softwareElement(memory), station, (step) => steps.push(step))
  assert.deepEqual(steps, PERSONALISATION_STEPS)
  assert.equal(result.outcome, 'made')

  const certificate = parseCertificate(memory.certificates.get('certificate')!)
  assert.ok(certificate.isSignedBy(authority.issuing))
  assert.deepEqual(memory.certificates.get('anchor'), authority.root.der)
  assert.deepEqual([...memory.locked], ['key', 'certificate', 'anchor'])
  assert.equal(memory.calls.filter((call) => call === 'generateKey').length, 1)
  assert.deepEqual(ledger.device(UID), {
    uid: UID,
    order: 'PO-1',
    stage: 'locked',
    fingerprint: certificate.fingerprint,
  })
})

test('an order without locks and without an anchor ends with the record that the device was made', async (t) => {
  const { station, ledger } = await newStation(t, { locks: [], trustAnchor: undefined })
  const memory = freshMemory(UID)
  const steps: PersonalisationStep[] = []
  await personalise(softwareElement(memory), station, (step) => steps.push(step))
  assert.equal(steps.at(-1), 'recordMade')
  assert.ok(!steps.includes('writeTrustAnchor'))
  assert.equal(ledger.device(UID)?.stage, 'made')
  assert.deepEqual([...memory.locked], [])
})

test('the order says which slots, and what the subject is', async (t) => {
  const slots = { key: 'K', certificate: 'C', trustAnchor: 'T' }
  const { station } = await newStation(t, { slots, profile: 'vendor-device', subject: {}, locks: ['certificate'] })
  const memory = freshMemory(UID)
  await personalise(softwareElement(memory), station)
  assert.deepEqual([...memory.keys.keys()], ['K'])
  assert.deepEqual(parseCertificate(memory.certificates.get('C')!).subject, [])
  assert.deepEqual([...memory.locked], ['C'])
})

test('an element that is finished is left alone', async (t) => {
  const { station, authority } = await newStation(t)
  const memory = freshMemory(UID)
  const first = await personalise(softwareElement(memory), station)
  const calls = memory.calls.length
  const second = await personalise(softwareElement(memory), station)
  assert.equal(second.outcome, 'made-before')
  assert.equal('fingerprint' in second && second.fingerprint, 'fingerprint' in first && first.fingerprint)
  assert.deepEqual(memory.calls.slice(calls), ['identify'])
  assert.equal(authority.issuedCount, 1)
})

/** The element calls of one whole run; a constant, so that a step that is lost from the test shows. */
const ELEMENT_CALLS = 14
for (const when of ['before', 'after'] as const) {
  for (let atCall = 1; atCall <= ELEMENT_CALLS; atCall += 1) {
    test(`torn out ${when} call ${atCall} took effect, it is finished the second time, certified once`, async (t) => {
      const { station, authority, ledgerOptions, ledger } = await newStation(t)
      const memory = freshMemory(UID)
      const first = await personalise(interruptedElement(softwareElement(memory), atCall, when), station)
      assert.equal(first.outcome, 'failed')
      assert.equal('reason' in first && first.reason.code, 'ELEMENT_GONE')

      // The station starts anew as well: what it knows is on its disk.
      await ledger.close()
      const reopened = await Ledger.open(ledgerOptions)
      t.after(() => reopened.close())
      const second = await personalise(softwareElement(memory), { ...station, ledger: reopened, inWork: new Set() })
      assert.equal(second.outcome, 'made')
      assert.equal(authority.issuedCount, 1)
      assert.deepEqual([authority.voided, authority.unresolved], [[], []])
      assert.deepEqual([...memory.locked].sort(), ['anchor', 'certificate', 'key'])
      const { fingerprint } = parseCertificate(memory.certificates.get('certificate')!)
      assert.equal(reopened.device(UID)?.fingerprint, fingerprint)
    })
  }
}

test('one whole run makes as many element calls as the test above interrupts', async (t) => {
  const { station } = await newStation(t)
  const memory = freshMemory(UID)
  await personalise(softwareElement(memory), station)
  assert.equal(memory.calls.length, ELEMENT_CALLS)
})

test('an authority that fails, before or after it issued, leads to one certificate in the end', async (t) => {
  for (const when of ['before', 'after'] as const) {
    const { station, authority } = await newStation(t)
    const memory = freshMemory(UID)
    const gone: IssuingAuthority = {
      issuers: () => station.authority.issuers(),
      issue: async (request) => {
        if (when === 'after') await station.authority.issue(request)
        throw new Error('the line to the authority was cut')
      },
    }
    const first = await personalise(softwareElement(memory), { ...station, authority: gone })
    assert.equal(first.outcome === 'failed' && first.step, 'requestCertificate')
    assert.equal((await personalise(softwareElement(memory), station)).outcome, 'made')
    assert.equal(authority.issuedCount, 1)
    assert.equal(memory.calls.filter((call) => call === 'generateKey').length, 1)
  }
})

test('a ledger that fails at any record leads to one certificate in the end', async (t) => {
  for (const failing of [0, 1, 2]) {
    const { station, authority, ledger, ledgerOptions } = await newStation(t)
    const memory = freshMemory(UID)
    const full = new Proxy(ledger, failingRecord(failing))
    const first = await personalise(softwareElement(memory), { ...station, ledger: full })
    assert.equal(first.outcome === 'failed' && first.reason.message, 'planned failure')
    await ledger.close()
    const reopened = await Ledger.open(ledgerOptions)
    t.after(() => reopened.close())
    const second = await personalise(softwareElement(memory), { ...station, ledger: reopened, inWork: new Set() })
    assert.equal(second.outcome, 'made')
    assert.equal(authority.issuedCount, 1)
  }
})

const SCRAPPED: readonly (readonly [
  why: string,
  atCall: number,
  tamper: (element: SecureElement) => Promise<unknown>,
  code: string,
])[] = [
  [
    'its key was made anew before the certificate was asked for',
    3,
    (element) => element.generateKey('key'),
    'DEVICE_KEY_CHANGED',
  ],
  [
    'its certificate was exchanged before it was locked',
    9,
    (element) => element.writeCertificate('certificate', Uint8Array.of(1)),
    'DEVICE_CERTIFICATE_CHANGED',
  ],
  ['its key was made anew before it was locked', 9, (element) => element.generateKey('key'), 'DEVICE_KEY_CHANGED'],
]
for (const [why, atCall, tamper, code] of SCRAPPED) {
  test(`a device is scrapped, on record, when ${why}`, async (t) => {
    const { station, ledger, ledgerOptions } = await newStation(t)
    const memory = freshMemory(UID)
    await personalise(interruptedElement(softwareElement(memory), atCall, 'before'), station)
    await tamper(softwareElement(memory))
    const result = await personalise(softwareElement(memory), station)
    assert.equal(result.outcome, 'scrapped')
    assert.equal('reason' in result && result.reason.code, code)
    assert.equal(ledger.device(UID)?.stage, 'scrapped')
    const again = await personalise(softwareElement(memory), station)
    assert.equal(again.outcome === 'failed' && again.reason.code, 'DEVICE_SCRAPPED')
    await ledger.close()
    assert.equal((await verifyLedger(ledgerOptions.path)).ok, true)
  })
}

test('an element that forges, forgets or lies does not become a device', async (t) => {
  const honest = softwareElement(freshMemory(UID))
  const other = softwareElement(freshMemory(UID))
  await other.generateKey('key')
  const liars: readonly (readonly [lie: Partial<SecureElement>, code: string])[] = [
    [{ identify: async () => ({ uid: '../ledger', model: '', firmware: '' }) }, 'DEVICE_UID_UNFIT'],
    [{ signDigest: (slot, digest) => other.signDigest(slot, digest) }, 'DEVICE_KEY_CHANGED'],
    [{ readCertificate: async () => undefined }, 'READ_BACK_DIFFERS'],
    [{ readCertificate: async () => Uint8Array.of(1) }, 'READ_BACK_DIFFERS'],
    [{ isLocked: async () => false }, 'LOCK_INEFFECTIVE'],
  ]
  for (const [lie, code] of liars) {
    const { station, ledger } = await newStation(t)
    const result = await personalise({ ...honest, ...lie }, station)
    assert.equal('reason' in result && result.reason.code, code)
    assert.notEqual(ledger.device(UID)?.stage, 'locked')
  }
})

test('an authority that certifies another key is not believed', async (t) => {
  const { station, ledger, authority } = await newStation(t)
  const wrong: IssuingAuthority = {
    ...station.authority,
    issue: async () => ({ ...authority.issuers, certificate: authority.issuing.der }),
  }
  const memory = freshMemory(UID)
  const result = await personalise(softwareElement(memory), { ...station, authority: wrong })
  assert.equal(result.outcome === 'failed' && result.reason.code, 'CERTIFICATE_NOT_FOR_KEY')
  assert.equal(memory.certificates.size, 0)
  assert.equal(ledger.device(UID)?.stage, 'begun')
})

test('one element is in one socket, of one order, within its count', async (t) => {
  const { station, ledger } = await newStation(t, { count: 1 })
  const memory = freshMemory(UID)
  const [first, second] = await Promise.all([
    personalise(softwareElement(memory), station),
    personalise(softwareElement(memory), station),
  ])
  assert.deepEqual([first.outcome, second.outcome], ['made', 'failed'])
  assert.equal('reason' in second && second.reason.code, 'DEVICE_IN_WORK')
  const otherOrder = { ...station, order: { ...station.order, id: 'PO-2' } }
  const codes = await Promise.all(
    [
      personalise(softwareElement(memory), otherOrder),
      personalise(softwareElement(freshMemory('ffffffffffffffff')), station),
    ].map(async (result) => Object(await result).reason.code),
  )
  assert.deepEqual(codes, ['DEVICE_OF_OTHER_ORDER', 'ORDER_COMPLETE'])
  assert.equal(ledger.head.entries, 8)
})

test('a device whose certificate was revoked is not worked on', async (t) => {
  const { station, ledger } = await newStation(t)
  const memory = freshMemory(UID)
  await personalise(softwareElement(memory), station)
  await ledger.record({ kind: 'revoked', order: 'PO-1', uid: UID, reason: 'keyCompromise' })
  const result = await personalise(softwareElement(memory), station)
  assert.equal(result.outcome === 'failed' && result.reason.code, 'DEVICE_REVOKED')
})

test('an element that cannot be opened is a failed device, not a stopped line', async (t) => {
  const { station } = await newStation(t)
  const result = await personalise(() => Promise.reject(new Error('no answer on the bus')), station)
  assert.deepEqual(result.outcome === 'failed' && [result.step, result.uid], ['open', undefined])
})

interface TestStation {
  readonly station: Station
  readonly authority: Authority
  readonly ledger: Ledger
  readonly ledgerOptions: LedgerOptions
}

interface OrderChanges extends Omit<Partial<WorkOrder>, 'trustAnchor'> {
  /** `undefined`: the order gives none. */
  readonly trustAnchor?: undefined
}

async function newStation(t: TestContext, changes: OrderChanges = {}): Promise<TestStation> {
  const authority = await openAuthority(await newAuthority(t))
  t.after(() => authority.close())
  const { trustAnchor, ...order } = { ...ORDER, trustAnchor: authority.root.der, ...changes }
  await authority.admit({ ...ORDER, ...order })
  const options = ledgerOptions(join(await scratchFolder(t), 'ledger.jsonl'))
  const ledger = await Ledger.open(options)
  t.after(() => ledger.close())
  const station = {
    order: { ...ORDER, ...order, ...(trustAnchor !== undefined && { trustAnchor }) },
    authority: authority.station('PO-1'),
    ledger,
    clock: systemClock,
    entropy: systemEntropy,
    inWork: new Set<string>(),
  }
  return { station, authority, ledger, ledgerOptions: options }
}

/** A ledger whose record with this index fails; the calls before and after are the real one's. */
function failingRecord(failing: number): ProxyHandler<Ledger> {
  let count = -1
  return {
    get(ledger, name) {
      if (name === 'record') {
        return async (record: Parameters<Ledger['record']>[0]) => {
          count += 1
          if (count === failing) throw new Error('planned failure')
          await ledger.record(record)
        }
      }
      const value: unknown = Reflect.get(ledger, name, ledger)
      return typeof value === 'function' ? value.bind(ledger) : value
    },
  }
}
