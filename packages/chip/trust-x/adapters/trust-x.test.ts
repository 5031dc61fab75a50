import assert from 'node:assert/strict'
import { createECDH, createHash, createHmac, createPublicKey, randomBytes, verify, X509Certificate } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { elementSigner } from '@birthmark/chip'
import { Fault, isFault, toHex } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { createCsr, pointFromSpki, SoftwareSigner, verifyCsr } from '@birthmark/foundation/x509'
import { KEY_USAGE, WAITING_COUNT_MAX } from '../index.ts'
import { makeVendor, openVirtualChip, TrustX, type VirtualChip } from './index.ts'

async function newTrustX(context: TestContext): Promise<{ element: TrustX; chip: VirtualChip }> {
  const chip = await openVirtualChip()
  const element = await TrustX.open(chip)
  context.after(() => element.close())
  return { element, chip }
}

test('a fresh chip says who it is and proves its vendor’s identity', async (context) => {
  const vendor = await makeVendor(systemClock, systemEntropy)
  const chip = await openVirtualChip({ vendor })
  const element = await TrustX.open(chip)
  context.after(() => element.close())
  const identity = await element.identify()
  assert.match(identity.uid, /^cd16336b01001c00010000[0-9a-f]{20}801010711118$/)
  assert.deepEqual([identity.uid, identity.model, identity.firmware], [chip.uid, 'OPTIGA Trust X', '1118'])
  const certificate = new X509Certificate((await element.readCertificate('0xE0E0')) ?? '')
  assert.equal(certificate.subject, undefined)
  assert.match(certificate.issuer, /CN=Birthmark Virtual Chip CA 001/)
  const [issuing, root] = [vendor.certificate, vendor.root].map(({ der }) => new X509Certificate(der))
  assert.ok(issuing !== undefined && root !== undefined)
  assert.deepEqual([issuing.ca, root.ca, certificate.ca, issuing.issuer], [true, true, false, root.subject])
  assert.ok(certificate.verify(issuing.publicKey) && issuing.verify(root.publicKey) && root.verify(root.publicKey))
  const challenge = randomBytes(32)
  assert.ok(verify('sha256', challenge, certificate.publicKey, await element.authenticate(0xe0f0, challenge)))
})

test('a fresh chip’s own objects are locked, the project’s are open', async (context) => {
  const { element } = await newTrustX(context)
  for (const slot of ['0xE0E0', '0xE0F0', '0xE0C2']) assert.equal(await element.isLocked(slot), true, slot)
  for (const slot of ['0xE0E1', '0xE0F1', '0xE0E8', '0xF1D0']) assert.equal(await element.isLocked(slot), false, slot)
  await refuses(element.writeCertificate('0xE0E0', Uint8Array.of(0x30, 0)), 'TRUST_X_ACCESS_DENIED', 'no')
  await refuses(element.generateKey('0xE0F0'), 'TRUST_X_ACCESS_DENIED', 'no')
  await refuses(element.setMetadata(0xe0e0, Uint8Array.of(0xd0, 1, 0)), 'TRUST_X_ACCESS_DENIED', 'no')
  await refuses(element.setDataObject(0xe0c2, new Uint8Array(27)), 'TRUST_X_ACCESS_DENIED', 'no')
})

test('every chip is another one', async () => {
  const chips = await Promise.all(Array.from({ length: 5 }, () => openVirtualChip()))
  assert.equal(new Set(chips.map(({ uid }) => uid)).size, 5)
})

test('a key made in the chip signs a certificate request', async (context) => {
  const { element } = await newTrustX(context)
  const publicKey = await element.generateKey('0xE0F1')
  const signer = elementSigner(element, '0xE0F1', publicKey)
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'device' }], signer })
  assert.equal(toHex(verifyCsr(csr).publicKey), toHex(publicKey))
})

test('a certificate is kept in the slot’s own form and given back as it came', async (context) => {
  const { element } = await newTrustX(context)
  assert.equal(await element.readCertificate('0xE0E1'), undefined)
  const der = Uint8Array.of(0x30, 0x82, 0x01, 0xbb, ...randomBytes(443))
  for (const slot of ['0xE0E1', '0xe0e2', '0xE0E3']) {
    await element.writeCertificate(slot, der)
    assert.equal(toHex((await element.readCertificate(slot)) ?? new Uint8Array()), toHex(der))
  }
  assert.equal(toHex((await element.getDataObject(0xe0e1)).subarray(0, 9)), 'c001c50001c20001bf')
  await element.writeCertificate('0xE0E8', der)
  assert.equal(toHex(await element.getDataObject(0xe0e8)), toHex(der))
  // As FreeRTOS writes it: the wrapping first, the certificate after it, without erasing.
  await element.setDataObject(0xe0e2, Uint8Array.of(0xc0, 0x01, 0xc5, 0, 0x01, 0xc2, 0, 0x01, 0xbf), { erase: true })
  await element.setDataObject(0xe0e2, der, { offset: 9 })
  assert.equal(toHex((await element.readCertificate('0xE0E2')) ?? new Uint8Array()), toHex(der))
})

test('a shorter certificate leaves nothing of a longer one', async (context) => {
  const { element } = await newTrustX(context)
  await element.writeCertificate('0xE0E1', new Uint8Array(1700).fill(0x30))
  await element.writeCertificate('0xE0E1', new Uint8Array(10).fill(0x30))
  assert.equal((await element.getDataObject(0xe0e1)).length, 19)
})

test('a locked slot stays locked, also for a chip that was copied from its memory', async (context) => {
  const { element, chip } = await newTrustX(context)
  await element.generateKey('0xE0F1')
  await element.writeCertificate('0xE0E1', Uint8Array.of(0x30, 0x00))
  for (const slot of ['0xE0F1', '0xE0E1']) {
    assert.equal(await element.isLocked(slot), false)
    await element.lock(slot)
    await element.lock(slot)
    assert.equal(await element.isLocked(slot), true)
  }
  const copy = await TrustX.open(await openVirtualChip({ memory: chip.memory }))
  context.after(() => copy.close())
  for (const each of [element, copy]) {
    await refuses(each.generateKey('0xE0F1'), 'TRUST_X_ACCESS_DENIED')
    await refuses(each.writeCertificate('0xE0E1', Uint8Array.of(0x30, 0x00)), 'TRUST_X_ACCESS_DENIED')
    assert.deepEqual(await each.readCertificate('0xE0E1'), Uint8Array.of(0x30, 0x00))
  }
})

test('locking closes a slot that would stay open, and says so when it cannot', async (context) => {
  const { element } = await newTrustX(context)
  await element.setMetadata(0xf1d0, Uint8Array.of(0xd0, 1, 0))
  await element.lock('0xF1D0')
  assert.equal(await element.isLocked('0xF1D0'), true)
  await refuses(element.setDataObject(0xf1d0, Uint8Array.of(1)), 'TRUST_X_ACCESS_DENIED')
  await element.setMetadata(0xf1d1, Uint8Array.of(0xd0, 1, 0, 0xc0, 1, 7))
  assert.equal(await element.isLocked('0xF1D1'), false)
  await refuses(element.lock('0xF1D1'), 'TRUST_X_NOT_LOCKABLE')
})

test('keys of both curves agree and derive with the host', async (context) => {
  const { element } = await newTrustX(context)
  for (const [curve, openssl] of [
    ['ec-p256', 'prime256v1'],
    ['ec-p384', 'secp384r1'],
  ] as const) {
    const own = await element.genKeyPair(0xe100, curve, KEY_USAGE.KEY_AGREEMENT)
    const peer = createECDH(openssl)
    const point = Uint8Array.from(peer.generateKeys())
    const secret = await element.calcSSec(0xe100, { curve, point })
    assert.equal(toHex(secret), peer.computeSecret(own).toString('hex'))
    await element.calcSSecInto(0xe101, 0xe100, { curve, point })
    const seed = randomBytes(77)
    await element.deriveKeyInto(0xe102, 0xe101, seed, 48)
    const master = pSha256(secret, seed, 48)
    assert.equal(toHex(await element.deriveKey(0xe101, seed, 48)), toHex(master))
    assert.equal(toHex(await element.deriveKey(0xe102, seed, 256)), toHex(pSha256(master, seed, 256)))
  }
})

test('an exported key pair is one, and its signatures are verified in the chip', async (context) => {
  const { element } = await newTrustX(context)
  const { point } = await element.exportKeyPair('ec-p384')
  assert.equal(point.length, 97)
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const message = randomBytes(50)
  const digest = createHash('sha256').update(message).digest()
  const signature = await signer.sign(message)
  const key = { curve: 'ec-p256', point: pointFromSpki(signer.publicKey) } as const
  assert.equal(await element.verifySign(digest, signature, key), true)
  assert.equal(await element.verifySign(createHash('sha256').digest(), signature, key), false)
  assert.equal(await element.verifySign(digest, signature.subarray(1), key), false)
  await refuses(element.verifySign(digest, signature, { certificate: 0xe0e8 }), 'TRUST_X_CERTIFICATE_REFUSED')
})

test('the chip hashes messages of any length, parts that the host keeps, and its own objects', async (context) => {
  const { element } = await newTrustX(context)
  for (const size of [0, 1, 1400, 1401, 2800, 5000]) {
    const message = randomBytes(size)
    assert.equal(toHex(await element.calcHash(message)), createHash('sha256').update(message).digest('hex'))
  }
  const parts = [randomBytes(100), randomBytes(1400), randomBytes(3)]
  let state: Uint8Array | undefined
  for (const part of parts) state = await element.updateHash(part, state)
  assert.equal(toHex(await element.finishHash(state!)), createHash('sha256').update(Buffer.concat(parts)).digest('hex'))
  await element.setDataObject(0xf1e0, parts[1]!)
  const expected = createHash('sha256').update(parts[1]!.subarray(10, 30)).digest('hex')
  assert.equal(toHex(await element.hashDataObject(0xf1e0, 10, 20)), expected)
  await refuses(element.finishHash(new Uint8Array(130)), 'TRUST_X_INVALID_FIELD')
})

test('random bytes have the length that was asked for', async (context) => {
  const { element } = await newTrustX(context)
  for (const count of [8, 9, 256]) assert.equal((await element.random(count)).length, count)
  assert.equal((await element.getRandom(16, 'deterministic')).length, 16)
  for (const count of [0, 7, 257]) await refuses(element.random(count), 'TRUST_X_INVALID_FIELD')
})

test('data is written and read at any offset', async (context) => {
  const { element } = await newTrustX(context)
  const data = randomBytes(1500)
  await element.setDataObject(0xf1e0, data)
  assert.equal(toHex(await element.getDataObject(0xf1e0)), data.toString('hex'))
  assert.equal(toHex(await element.getDataObject(0xf1e0, 1400)), data.subarray(1400).toString('hex'))
  await element.setDataObject(0xf1e0, new Uint8Array(0), { erase: true })
  assert.equal((await element.getDataObject(0xf1e0)).length, 0)
  await refuses(element.getDataObject(0xf1e0, 1), 'TRUST_X_BOUNDARY_EXCEEDED')
  const metadata = await element.getMetadata(0xf1e0)
  assert.deepEqual([metadata.lifecycle, metadata.sizeMax, metadata.sizeUsed], [1, 1500, 0])
})

/** Rows: the code it must give, what is tried. */
const REFUSED: readonly (readonly [code: string, why: string, attempt: (element: TrustX) => Promise<unknown>])[] = [
  ['TRUST_X_INVALID_OID', 'no such object', (x) => x.getDataObject(0xe0e4)],
  ['TRUST_X_ACCESS_DENIED', 'the content of a key', (x) => x.getDataObject(0xe0f1)],
  ['TRUST_X_ACCESS_DENIED', 'a new vendor key', (x) => x.generateKey('0xE0F0')],
  ['TRUST_X_KEY_USAGE', 'an empty slot', (x) => x.signDigest('0xE0F3', new Uint8Array(32))],
  [
    'TRUST_X_BOUNDARY_EXCEEDED',
    'a certificate that does not fit',
    (x) => x.writeCertificate('0xE0E8', new Uint8Array(1025)),
  ],
  ['TRUST_X_OUT_OF_SEQUENCE', 'an empty session', (x) => x.deriveKey(0xe100, new Uint8Array(8), 16)],
  ['TRUST_X_INVALID_LENGTH', 'a challenge of seven bytes', (x) => x.authenticate(0xe0f0, new Uint8Array(7))],
  ['TRUST_X_METADATA_TRUNCATED', 'metadata that is too long', (x) => x.setMetadata(0xf1d0, longMetadata())],
  ['TRUST_X_SLOT_UNKNOWN', 'a name that is none', (x) => x.generateKey('key')],
  ['TRUST_X_SLOT_UNKNOWN', 'a slot that the chip lacks', (x) => x.readCertificate('0xE0E9')],
  ['TRUST_X_SLOT_UNKNOWN', 'a name with something behind it', (x) => x.readCertificate('0xE0E1 ')],
]

for (const [code, why, attempt] of REFUSED) {
  test(`${code} for ${why}; the next command works`, async (context) => {
    const { element } = await newTrustX(context)
    await refuses(attempt(element), code, code === 'TRUST_X_SLOT_UNKNOWN' ? undefined : 'no')
    assert.equal((await element.random(8)).length, 8)
  })
}

test('commands that overlap are done one after another, up to a limit', async (context) => {
  const { element } = await newTrustX(context)
  const publicKey = await element.generateKey('0xE0F1')
  const digest = createHash('sha256').update('x').digest()
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
  const calls = Array.from({ length: WAITING_COUNT_MAX + 10 }, () => element.signDigest('0xE0F1', digest))
  const results = await Promise.allSettled(calls)
  const signatures = results.filter((result) => result.status === 'fulfilled')
  assert.equal(signatures.length, WAITING_COUNT_MAX)
  for (const { value } of signatures) assert.ok(verify('sha256', Buffer.from('x'), key, value))
  for (const result of results.slice(WAITING_COUNT_MAX)) {
    assert.ok(result.status === 'rejected' && isFault(result.reason, 'TRUST_X_QUEUE_FULL'))
  }
})

// The frame that comes next may be the one that a fresh chip expects, one that it drops, or one that it seems to
// acknowledge because its counter stands there by chance.
for (const before of [0, 1, 2, 3]) {
  test(`a chip that is reset after ${before} more commands fails the next one, and works again`, async (context) => {
    const { element, chip } = await newTrustX(context)
    for (let count = 0; count < before; count++) await element.random(8)
    await chip.powerCycle()
    const codes = ['TRUST_X_NOT_AVAILABLE', 'TRUST_X_COMMAND_LOST']
    await assert.rejects(element.random(8), (error) => error instanceof Fault && codes.includes(error.code))
    assert.equal((await element.random(8)).length, 8)
  })
}

test('after close every command is refused and none was executed', async () => {
  const element = await TrustX.open(await openVirtualChip())
  await element.close()
  await element.close()
  await refuses(element.random(8), 'TRUST_X_COMMAND_LOST', 'no')
})

test('a chip that does not open leaves its bus closed', async () => {
  let closed = 0
  const bus = {
    write: () => Promise.resolve(),
    read: (count: number) => Promise.resolve(new Uint8Array(count)),
    close: () => {
      closed += 1
      return Promise.resolve()
    },
  }
  await refuses(TrustX.open(bus), 'TRUST_X_COMMAND_LOST', 'no')
  assert.equal(closed, 1)
})

/** The TLS 1.2 pseudo-random function, by Node. */
function pSha256(secret: Uint8Array, seed: Uint8Array, count: number): Uint8Array {
  const hmac = (data: Uint8Array): Buffer => createHmac('sha256', secret).update(data).digest()
  const blocks: Buffer[] = []
  let a: Buffer = Buffer.from(seed)
  for (let size = 0; size < count; size += 32) {
    a = hmac(a)
    blocks.push(hmac(Buffer.concat([a, seed])))
  }
  return Buffer.concat(blocks).subarray(0, count)
}

function longMetadata(): Uint8Array {
  const condition = [0xe1, 0xfc, 7, 0xfe, 0xe1, 0xfc, 7, 0xfe, 0xe1, 0xfc, 7]
  return Uint8Array.of(0xd0, condition.length, ...condition, 0xd1, 1, 0, 0xd2, 1, 0, 0xd3, 1, 0)
}

async function refuses(attempt: Promise<unknown>, code: string, executed?: 'no' | 'unknown'): Promise<void> {
  await assert.rejects(attempt, (error) => {
    assert.ok(isFault(error, code), String(error))
    if (executed !== undefined) assert.equal(error.context['executed'], executed)
    return true
  })
}
