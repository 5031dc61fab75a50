import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { type Authority, openAuthority } from '@birthmark/factory/authority'
import { Ledger } from '@birthmark/factory/ledger'
import type { WorkOrder } from '@birthmark/factory/order'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { ledgerOptions } from '../../../../testing/testkit/ledger-options.ts'
import { newAuthority } from '../../../../testing/testkit/new-authority.ts'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import { type Credential, packCredential } from './credential.ts'
import { claimNumber, type DraftKeys, type InjectionOptions, injectIdentity } from './inject.ts'
import { openSealedFiles, sealFiles } from './sealed-files.ts'

const UID = '0a1b2c3d4e5f'
const ORDER: WorkOrder = {
  id: 'PO-1',
  product: 'press',
  count: 2,
  profile: 'device',
  subject: { commonName: '{product}-{uidHash}', serialNumber: '{uid}' },
  locks: [],
}

test('an injected device has its key and certificate delivered once, and on record', async (t) => {
  const { options, delivered, ledger, authority, drafts } = await place(t)
  const { outcome, fingerprint } = await injectIdentity(UID, options)
  assert.equal(outcome, 'made')
  assert.equal((await injectIdentity(UID, options)).outcome, 'made-before')
  assert.deepEqual([delivered.length, authority.issuedCount, drafts.size], [1, 1, 0])
  const [credential] = delivered
  assert.ok(
    credential &&
      new X509Certificate(Buffer.from(credential.certificate)).checkPrivateKey(createPrivateKey(credential.privateKey)),
  )
  assert.deepEqual(ledger.device(UID), { uid: UID, order: 'PO-1', stage: 'made', fingerprint })
})

test('interrupted at any step, it is finished with the same key and one certificate', async (t) => {
  for (const step of ['draft', 'begun', 'issue', 'deliver', 'made'] as const) {
    const { options, authority, ledger, keys } = await place(t)
    const fail = (): never => {
      throw new Error('planned failure')
    }
    const failing = {
      ...options,
      drafts: step === 'draft' ? { ...options.drafts, save: fail } : options.drafts,
      deliver: step === 'deliver' ? async () => fail() : options.deliver,
      station: {
        ...options.station,
        authority:
          step === 'issue' ? { ...options.station.authority, issue: async () => fail() } : options.station.authority,
        ledger: new Proxy(ledger, {
          get: (real, name) => {
            if (name === 'record') {
              return async (record: Parameters<Ledger['record']>[0]) => {
                if (record.kind === step) fail()
                await real.record(record)
              }
            }
            const value: unknown = Reflect.get(real, name, real)
            return typeof value === 'function' ? value.bind(real) : value
          },
        }),
      },
    }
    await assert.rejects(injectIdentity(UID, failing), { message: 'planned failure' })
    assert.equal((await injectIdentity(UID, options)).outcome, 'made')
    assert.deepEqual([authority.issuedCount, keys.size], [1, 1])
  }
})

test('a key that was lost between its record and its package ends the device, on record', async (t) => {
  const { options, ledger, drafts } = await place(t)
  await assert.rejects(injectIdentity(UID, { ...options, deliver: () => Promise.reject(new Error('no space')) }))
  drafts.clear()
  await assert.rejects(injectIdentity(UID, options), { code: 'BIRTH_KEY_LOST' })
  assert.equal(ledger.device(UID)?.stage, 'scrapped')
  await assert.rejects(injectIdentity(UID, options), { code: 'DEVICE_SCRAPPED' })
})

test('an order that wants locks is none for parts that nothing here can lock', async (t) => {
  const { options } = await place(t)
  const station = { ...options.station, order: { ...ORDER, locks: ['key'] as const } }
  await assert.rejects(injectIdentity(UID, { ...options, station }), { code: 'ORDER_LOCKS_IMPOSSIBLE' })
})

test('a batch has one claim: a second, at a station that knows nothing of the first, is refused', async (t) => {
  const first = await place(t)
  await injectIdentity(claimNumber('2026-47'), { ...first.options, birth: 'image' })
  const { authority } = first.options.station
  const second = await place(t)
  const elsewhere = { ...second.options, station: { ...second.options.station, authority } }
  await assert.rejects(injectIdentity(claimNumber('2026-47'), elsewhere), { code: 'ISSUE_KEY_REUSED' })
  assert.notEqual(claimNumber('2026-47'), claimNumber('2026-48'))
})

test('a credential is packed as PEM, as a C header and as the partition that ESP firmware reads', async (t) => {
  const { options, delivered } = await place(t)
  await injectIdentity(UID, options)
  const [credential] = delivered
  assert.ok(credential)
  const [key, chain] = packCredential(credential, 'pem')
  assert.match(Buffer.from(key?.content ?? []).toString(), /^-----BEGIN PRIVATE KEY-----/)
  assert.equal(
    Buffer.from(chain?.content ?? [])
      .toString()
      .match(/BEGIN CERTIFICATE/g)?.length,
    2,
  )
  const [header] = packCredential(credential, 'c-header')
  const text = Buffer.from(header?.content ?? []).toString()
  assert.match(text, /#define BIRTHMARK_PRIVATE_KEY \\\n {2}"-----BEGIN PRIVATE KEY-----\\n" \\\n/)

  const [partition] = packCredential(credential, 'esp-secure-cert')
  const elements = readPartition(Buffer.from(partition?.content ?? []))
  assert.deepEqual([...elements.keys()], [0, 1, 2])
  assert.equal(elements.get(2), `${credential.privateKey}\0`)
  assert.match(elements.get(1) ?? '', /^-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----\n\0$/)
  const huge = { ...credential, chain: Array.from({ length: 20 }, () => credential.certificate) }
  assert.throws(() => packCredential(huge, 'esp-secure-cert'), { code: 'CREDENTIAL_TOO_LARGE' })
})

test('sealed files open with the key of their recipient, and not when anything was changed', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const recipient = publicKey.export({ format: 'der', type: 'spki' })
  const files = [{ name: `${UID}.pem`, content: Uint8Array.of(1, 2, 3) }]
  const text = Buffer.from(sealFiles(UID, files, recipient, systemEntropy).content).toString()
  assert.deepEqual(openSealedFiles(text, privateKey), files)
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const changes = [text.replace(UID, '0a1b2c3d4e60'), text.replace('"sealed":"', '"sealed":"AAAA'), 'a shopping list']
  for (const changed of changes) {
    assert.throws(() => openSealedFiles(changed, privateKey), { code: 'CREDENTIAL_UNREADABLE' })
  }
  assert.throws(() => openSealedFiles(text, other.privateKey), { code: 'CREDENTIAL_UNREADABLE' })
})

/** Reads the partition as the firmware's component does: magic, type, length, data, padding, CRC. */
function readPartition(partition: Buffer): Map<number, string> {
  assert.equal(partition.length, 0x2000)
  const elements = new Map<number, string>()
  for (let at = 0; partition.readUInt32LE(at) === 0xba5eba11; ) {
    const length = partition.readUInt16LE(at + 10)
    const end = at + 12 + Math.ceil(length / 16) * 16
    assert.equal(partition.readUInt32LE(end), crc32(partition.subarray(at, end), 0xffffffff))
    elements.set(partition.readUInt8(at + 8), partition.toString('utf8', at + 12, at + 12 + length))
    at = end + 4
  }
  return elements
}

interface Place {
  readonly options: InjectionOptions
  readonly delivered: Credential[]
  readonly drafts: Map<string, string>
  /** Every key that was ever kept. */
  readonly keys: Set<string>
  readonly ledger: Ledger
  readonly authority: Authority
}

async function place(t: TestContext): Promise<Place> {
  const authority = await openAuthority(await newAuthority(t))
  await authority.admit(ORDER)
  const ledger = await Ledger.open(ledgerOptions(join(await scratchFolder(t), 'ledger.jsonl')))
  t.after(async () => {
    await ledger.close()
    await authority.close()
  })
  const kept = new Map<string, string>()
  const keys = new Set<string>()
  const drafts: DraftKeys = {
    load: (uid) => kept.get(uid),
    save: (uid, key) => {
      kept.set(uid, key)
      keys.add(key)
    },
    remove: (uid) => void kept.delete(uid),
  }
  const delivered: Credential[] = []
  const station = {
    order: ORDER,
    authority: authority.station('PO-1'),
    ledger,
    clock: systemClock,
    entropy: systemEntropy,
  }
  const deliver = async (credential: Credential): Promise<void> => void delivered.push(credential)
  return { options: { station, drafts, birth: 'injected', deliver }, delivered, drafts: kept, keys, ledger, authority }
}
