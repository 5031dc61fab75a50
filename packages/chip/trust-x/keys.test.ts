import assert from 'node:assert/strict'
import {
  createECDH,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto'
import { test } from 'node:test'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { Linted, newSerialNumber, ROOT_CA, SoftwareSigner } from '@birthmark/foundation/x509'
import { ChipBench, command, field, OPEN } from '../../../testing/testkit/chip-bench.ts'
import { wrapIdentity } from './identity.ts'

/** Both curves: algorithm, size, how OpenSSL and JWK call them, the hash that fits. */
const CURVES = [
  { algorithm: '03', bytes: 32, openssl: 'prime256v1', jwk: 'P-256', hash: 'sha256' },
  { algorithm: '04', bytes: 48, openssl: 'secp384r1', jwk: 'P-384', hash: 'sha384' },
] as const
type Curve = (typeof CURVES)[number]

for (const curve of CURVES) {
  test(`a key pair on ${curve.jwk} in a slot signs what OpenSSL verifies`, () => {
    const chip = ChipBench.open()
    const point = generate(chip, curve, 'E0F1', '11')
    for (let count = 0; count < 20; count++) {
      const message = randomBytes(20)
      const digest = createHash(curve.hash).update(message).digest('hex')
      const signature = calcSign(chip, 'E0F1', digest)
      assert.ok(verify(curve.hash, message, publicKey(curve, point), sequence(signature)), signature)
    }
  })

  test(`the chip verifies on ${curve.jwk} what OpenSSL signs, and nothing else`, () => {
    const chip = ChipBench.open()
    const { privateKey, publicKey: key } = generateKeyPairSync('ec', { namedCurve: curve.jwk })
    const message = randomBytes(30)
    const digest = createHash(curve.hash).update(message).digest('hex')
    const integers = sign(curve.hash, message, privateKey).subarray(2).toString('hex')
    const by = field('05', curve.algorithm) + field('06', bitString(pointOf(key)))
    chip.ok(command('32 11', field('01', digest), field('02', integers), by))
    const other = createHash(curve.hash).update('other').digest('hex')
    assert.equal(chip.refused(command('32 11', field('01', other), field('02', integers), by)), '2c')
    const swapped = integers.slice(integers.length / 2) + integers.slice(0, integers.length / 2)
    assert.ok(['05', '2c'].includes(chip.refused(command('32 11', field('01', digest), field('02', swapped), by))))
  })

  test(`a shared secret on ${curve.jwk} is the one of the other side`, () => {
    const chip = ChipBench.open()
    const point = generate(chip, curve, 'E100', '20')
    const peer = createECDH(curve.openssl)
    const request = [field('05', curve.algorithm), field('06', bitString(peer.generateKeys()))]
    const secret = chip.ok(command('33 01', field('01', 'E100'), ...request, field('07', '')))
    assert.equal(secret, peer.computeSecret(fromHex(point)).toString('hex'))
  })

  test(`a key pair on ${curve.jwk} that leaves the chip is one`, () => {
    const chip = ChipBench.open()
    const answer = chip.ok(command(`38 ${curve.algorithm}`, field('07', '')))
    const size = curve.bytes.toString(16)
    assert.match(answer, new RegExp(`^0100(22|32)04${size}[0-9a-f]{${2 * curve.bytes}}0200(44|64)03`))
    const ecdh = createECDH(curve.openssl)
    ecdh.setPrivateKey(answer.slice(10, 10 + 2 * curve.bytes), 'hex')
    assert.equal(ecdh.getPublicKey('hex'), answer.slice(-2 * (1 + 2 * curve.bytes)))
  })
}

test('the answer to key generation has the form of the vendor’s example', () => {
  const answer = ChipBench.open().send('38 03 0009 01 0002 E0F1 02 0001 11')
  assert.match(answer, /^0000004702004403420004[0-9a-f]{128}$/)
})

test('a fresh key replaces the one before it', () => {
  const chip = ChipBench.open()
  const points = [generate(chip, CURVES[0], 'E0F1', '10'), generate(chip, CURVES[0], 'E0F1', '10')]
  assert.notEqual(points[0], points[1])
  const message = Buffer.from('which')
  const signature = calcSign(chip, 'E0F1', createHash('sha256').update(message).digest('hex'))
  assert.ok(verify('sha256', message, publicKey(CURVES[0], points[1]!), sequence(signature)))
})

test('a digest of ten bytes is signed as the number that it is', () => {
  const chip = ChipBench.open()
  const point = generate(chip, CURVES[0], 'E0F1', '10')
  const digest = '00112233445566778899'
  const by = field('05', '03') + field('06', bitString(fromHex(point)))
  chip.ok(command('32 11', field('01', digest), field('02', calcSign(chip, 'E0F1', digest)), by))
  chip.ok(command('32 11', field('01', digest.padStart(64, '0')), field('02', calcSign(chip, 'E0F1', digest)), by))
})

test('the one-way authentication signs the hash of the challenge', () => {
  const chip = ChipBench.open()
  const point = generate(chip, CURVES[0], 'E0F1', '01')
  for (const size of [8, 32, 256]) {
    const challenge = randomBytes(size)
    chip.ok('10 91 0002 E0F1')
    chip.ok(command('19 01', challenge.toString('hex')))
    assert.ok(verify('sha256', challenge, publicKey(CURVES[0], point), sequence(chip.ok('18 02 0000'))))
    assert.equal(chip.refused('18 02 0000'), '0b')
  }
})

for (const [form, wrap] of [
  ['plain', (der: Uint8Array) => der],
  ['as a TLS identity', wrapIdentity],
] as const) {
  test(`a signature is verified by a certificate that the chip holds ${form}`, async () => {
    const { der, signer } = await certificate()
    const chip = ChipBench.open()
    chip.ok(command('02 40', 'E0E1 0000', toHex(wrap(der))))
    const message = randomBytes(16)
    const digest = createHash('sha256').update(message).digest('hex')
    const integers = toHex(await signer.sign(message)).slice(4)
    chip.ok(command('32 11', field('01', digest), field('02', integers), field('04', 'E0E1')))
    const another = digest.replace(/^../, (byte) => (byte === '00' ? '01' : '00'))
    assert.equal(chip.refused(command('32 11', field('01', another), field('02', integers), field('04', 'E0E1'))), '2c')
  })
}

test('a certificate whose key usage allows no signatures verifies none', async () => {
  const { der } = await certificate()
  // The value of the extension: a BIT STRING with keyCertSign and cRLSign; cRLSign alone remains.
  const at = Buffer.from(der).indexOf(
    Buffer.from('030201', 'hex'),
    Buffer.from(der).indexOf(Buffer.from('551d0f', 'hex')),
  )
  assert.equal(der[at + 3], 0x06)
  der[at + 3] = 0x02
  const chip = ChipBench.open()
  chip.ok(command('02 40', 'E0E8 0000', toHex(der)))
  assert.equal(chip.refused(command('32 11', field('01', DIGEST), field('02', INTEGERS), field('04', 'E0E8'))), '24')
})

test('secrets go from session to session and come out as TLS 1.2 makes them', () => {
  // P_SHA256 with label and seed in one; vector posted to the IETF TLS list, 2009 ("Test vectors for TLS 1.2 PRF").
  const secret = '9bbe436ba940f017b17652849a71db35'
  const seed = `${Buffer.from('test label').toString('hex')}a0ba9f936cda311827a6f796ffd5198c`
  const output =
    'e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af' +
    '0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701' +
    '87347b66'
  const chip = ChipBench.open()
  chip.ok(command('02 40', 'F1D0 0000', secret))
  chip.ok(command('02 01', 'F1D0 0000', '20 03 D3 01 00'))
  const derive = (oid: string, count: string, target: string): string =>
    chip.ok(command('34 01', field('01', oid), field('02', seed), field('03', count), target))
  assert.equal(derive('F1D0', '0064', field('07', '')), output)
  derive('F1D0', '0030', field('08', 'E101'))
  const inSession = derive('E101', '0010', field('07', ''))
  chip.ok(command('02 40', 'F1D1 0000', output.slice(0, 96)))
  chip.ok(command('02 01', 'F1D1 0000', '20 03 D3 01 00'))
  assert.equal(inSession, derive('F1D1', '0010', field('07', '')))
})

test('a session may be source and target of a key agreement', () => {
  const chip = ChipBench.open()
  generate(chip, CURVES[0], 'E100', '20')
  const peer = createECDH('prime256v1')
  const request = [field('05', '03'), field('06', bitString(peer.generateKeys()))]
  assert.equal(chip.ok(command('33 01', field('01', 'E100'), ...request, field('08', 'E100'))), '')
  assert.equal(chip.refused(command('33 01', field('01', 'E100'), ...request, field('07', ''))), '24')
  const derived = command(
    '34 01',
    field('01', 'E100'),
    field('02', '00'.repeat(8)),
    field('03', '0010'),
    field('07', ''),
  )
  assert.equal(chip.ok(derived).length, 32)
})

test('a locked key slot keeps its key, and a session key is gone after the application is opened again', () => {
  const chip = ChipBench.open()
  generate(chip, CURVES[0], 'E0F1', '10')
  generate(chip, CURVES[0], 'E100', '10')
  chip.ok('02 01 0009 E0F1 0000 20 03 C0 01 07')
  assert.equal(chip.refused('38 03 0009 01 0002 E0F1 02 0001 11'), '07')
  chip.ok(OPEN)
  calcSign(chip, 'E0F1', DIGEST)
  assert.equal(chip.refused(command('31 11', field('01', DIGEST), field('03', 'E100'))), '24')
})

test('a key whose execute condition does not hold cannot be used', () => {
  const chip = ChipBench.open()
  generate(chip, CURVES[0], 'E0F1', '10')
  chip.ok(command('02 01', 'E0F1 0000', '20 05 D3 03 E0 FC 07'))
  calcSign(chip, 'E0F1', DIGEST)
  chip.ok('02 00 0005 F1C0 0000 07')
  assert.equal(chip.refused(command('31 11', field('01', DIGEST), field('03', 'E0F1'))), '07')
})

const DIGEST = '11'.repeat(32)
const INTEGERS = '020101020101'
const POINT = bitString(createECDH('prime256v1').generateKeys())
const GIVEN = field('05', '03') + field('06', POINT)

/** Rows: the command, the error code, why. Before it, E0F1 gets a key for signatures, E0F2 one for key agreement. */
const REFUSED: readonly (readonly [command: string, error: string, why: string])[] = [
  ['38 05 0009 01 0002 E0F1 02 0001 11', '03', 'a curve that the chip lacks'],
  ['38 03 0009 01 0002 E0F4 02 0001 11', '01', 'a slot that does not exist'],
  ['38 03 0009 01 0002 E0E1 02 0001 11', '01', 'a certificate slot'],
  ['38 03 0009 01 0002 E0F0 02 0001 11', '07', 'the vendor’s key'],
  ['38 03 0009 01 0002 E0F1 02 0001 00', '05', 'no usage'],
  ['38 03 0009 01 0002 E0F1 02 0001 40', '05', 'a usage that does not exist'],
  ['38 03 0005 01 0002 E0F1', '05', 'a slot without usage'],
  ['38 03 0004 02 0001 11', '05', 'usage without a slot'],
  ['38 03 0000', '05', 'nothing'],
  ['38 03 0003 07 0001', '04', 'a field that is too short'],
  ['38 03 0004 07 0001 00', '05', 'an export with content'],
  ['38 03 000C 01 0002 E0F1 02 0001 11 07 0000', '05', 'slot and export at once'],
  ['38 03 000A 01 0003 E0F100 02 0001 11', '05', 'an identifier of three bytes'],
  [command('31 10', field('01', DIGEST), field('03', 'E0F1')), '03', 'another scheme'],
  [command('31 11', field('01', DIGEST)), '05', 'a signature without a key'],
  [command('31 11', field('03', 'E0F1')), '05', 'a signature without a digest'],
  [command('31 11', field('01', DIGEST), field('03', 'E0F1'), field('03', 'E0F1')), '05', 'a field twice'],
  [command('31 11', field('01', DIGEST), field('04', 'E0F1')), '05', 'a field of another command'],
  [command('31 11', field('01', '11'.repeat(9)), field('03', 'E0F1')), '05', 'a digest of nine bytes'],
  [command('31 11', field('01', '11'.repeat(33)), field('03', 'E0F1')), '05', 'a digest longer than the key'],
  [command('31 11', field('01', DIGEST), field('03', 'E0F2')), '24', 'a key for another use'],
  [command('31 11', field('01', DIGEST), field('03', 'E0F3')), '24', 'an empty slot'],
  [command('31 11', field('01', DIGEST), field('03', 'E103')), '24', 'an empty session'],
  [command('31 11', field('01', DIGEST), field('03', 'E0E1')), '01', 'a certificate as key'],
  [command('32 10', field('01', DIGEST), field('02', INTEGERS), GIVEN), '03', 'another scheme'],
  [command('32 11', field('01', DIGEST), field('02', INTEGERS), GIVEN), '2c', 'a signature of nobody'],
  [command('32 11', field('01', DIGEST), field('02', '020100020101'), GIVEN), '2c', 'r = 0'],
  [command('32 11', field('01', DIGEST), field('02', '0201ff020101'), GIVEN), '2c', 'a negative r'],
  [command('32 11', field('01', DIGEST), field('02', `0221${'7f'.repeat(33)}020101`), GIVEN), '2c', 'r too long'],
  [command('32 11', field('01', DIGEST), field('02', '020101'), GIVEN), '05', 'half a signature'],
  [command('32 11', field('01', DIGEST), field('02', `${INTEGERS}020101`), GIVEN), '05', 'a signature and a half'],
  [command('32 11', field('01', DIGEST), field('02', '3003020101'), GIVEN), '05', 'another structure'],
  [command('32 11', field('01', '11'.repeat(33)), field('02', INTEGERS), GIVEN), '05', 'a digest longer than the key'],
  [command('32 11', field('01', ''), field('02', INTEGERS), GIVEN), '05', 'an empty digest'],
  [command('32 11', field('01', DIGEST), field('02', INTEGERS), field('06', POINT)), '05', 'a key without algorithm'],
  [
    command('32 11', field('01', DIGEST), field('02', INTEGERS), field('05', '04'), field('06', POINT)),
    '05',
    'another curve',
  ],
  [
    command('32 11', field('01', DIGEST), field('02', INTEGERS), field('04', 'E0E1')),
    '29',
    'an empty certificate slot',
  ],
  [command('32 11', field('01', DIGEST), field('02', INTEGERS), field('04', 'E0E4')), '01', 'no such certificate'],
  [command('32 11', field('01', DIGEST), field('02', INTEGERS), field('04', 'F1D0')), '01', 'data as certificate'],
  [command('32 11', field('01', DIGEST), field('02', INTEGERS), field('04', 'E0E1'), GIVEN), '05', 'two keys'],
  [command('33 02', field('01', 'E0F2'), GIVEN, field('07', '')), '03', 'another scheme'],
  [command('33 01', field('01', 'E0F1'), GIVEN, field('07', '')), '24', 'a key for another use'],
  [command('33 01', field('01', 'E0F2'), GIVEN), '05', 'no target'],
  [command('33 01', field('01', 'E0F2'), GIVEN, field('07', ''), field('08', 'E100')), '05', 'two targets'],
  [command('33 01', field('01', 'E0F2'), GIVEN, field('08', 'E0F3')), '01', 'a key slot as target'],
  [
    command('33 01', field('01', 'E0F2'), field('05', '03'), field('06', offCurve()), field('07', '')),
    '05',
    'off the curve',
  ],
  [
    command('33 01', field('01', 'E0F2'), field('05', '09'), field('06', POINT), field('07', '')),
    '05',
    'no such curve',
  ],
  [derivation('E100', 8, '0010', field('07', '')), '0b', 'an empty session'],
  [derivation('F1D0', 8, '0010', field('07', '')), '07', 'data that is not meant for it'],
  [derivation('E0F1', 8, '0010', field('07', '')), '01', 'a key as secret'],
  [derivation('E100', 7, '0010', field('07', '')), '05', 'a seed of seven bytes'],
  [derivation('E100', 1025, '0010', field('07', '')), '05', 'a seed of 1025 bytes'],
  [derivation('E100', 8, '000F', field('07', '')), '05', 'fifteen bytes'],
  [derivation('E100', 8, '0101', field('07', '')), '05', '257 bytes'],
  [derivation('E100', 8, '0031', field('08', 'E101')), '05', '49 bytes for a session'],
  ['10 99 0004 E0F1 E100', '03', 'the DTLS scheme'],
  ['10 91 0004 E0F1 E100', '04', 'a session for one-way authentication'],
  ['10 91 0002 E0F2', '24', 'a key that is not for authentication'],
  ['10 91 0002 E0F9', '01', 'a key that does not exist'],
  ['19 01 0008 0000000000000000', '0b', 'a challenge without a scheme'],
  ['18 02 0000', '0b', 'an answer without a challenge'],
  ['18 01 0000', '03', 'another message'],
]

for (const [sent, error, why] of REFUSED) {
  test(`${sent.replaceAll(' ', '').slice(0, 24)} is refused with ${error}: ${why}`, () => {
    const chip = ChipBench.open()
    generate(chip, CURVES[0], 'E0F1', '10')
    generate(chip, CURVES[0], 'E0F2', '20')
    assert.equal(chip.refused(sent), error)
  })
}

for (const size of [7, 257]) {
  test(`a challenge of ${size} bytes is refused`, () => {
    const chip = ChipBench.open()
    generate(chip, CURVES[0], 'E0F1', '01')
    chip.ok('10 91 0002 E0F1')
    assert.equal(chip.refused(command('19 01', '00'.repeat(size))), '04')
  })
}

function generate(chip: ChipBench, curve: Curve, oid: string, usage: string): string {
  const answer = chip.ok(command(`38 ${curve.algorithm}`, field('01', oid), field('02', usage)))
  return answer.slice(-2 * (1 + 2 * curve.bytes))
}

function calcSign(chip: ChipBench, oid: string, digest: string): string {
  return chip.ok(command('31 11', field('01', digest), field('03', oid)))
}

function derivation(oid: string, seedBytes: number, count: string, target: string): string {
  return command('34 01', field('01', oid), field('02', '00'.repeat(seedBytes)), field('03', count), target)
}

function sequence(integers: string): Buffer {
  return Buffer.from(`30${(integers.length / 2).toString(16)}${integers}`, 'hex')
}

function bitString(point: Uint8Array): string {
  return `03${(point.length + 1).toString(16)}00${toHex(point)}`
}

function publicKey(curve: Curve, point: string): KeyObject {
  const coordinate = (at: number): string =>
    Buffer.from(point.slice(at, at + 2 * curve.bytes), 'hex').toString('base64url')
  const [x, y] = [coordinate(2), coordinate(2 + 2 * curve.bytes)]
  return createPublicKey({ key: { kty: 'EC', crv: curve.jwk, x, y }, format: 'jwk' })
}

function pointOf(key: KeyObject): Uint8Array {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  return Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
}

function offCurve(): string {
  const point = Uint8Array.from(createECDH('prime256v1').generateKeys())
  point[64]! ^= 1
  return bitString(point)
}

async function certificate(): Promise<{ der: Uint8Array; signer: SoftwareSigner }> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const request = {
    profile: ROOT_CA,
    subject: [{ type: 'CN', value: 'Somebody' }],
    publicKey: signer.publicKey,
    issuer: 'self' as const,
    serialNumber: newSerialNumber(systemEntropy),
    now: systemClock.now(),
  }
  const { der } = await Linted.lint(request).sign(signer)
  return { der: Uint8Array.from(der), signer }
}
