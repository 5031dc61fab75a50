import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, fromHex, isFault, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import type { Attribute } from './attribute.ts'
import { CALL_NAMES, type CallName, callOf } from './calls.ts'
import { BODY_BYTES_MAX, encodeFrame, FrameReader } from './frame.ts'
import type { Dialect, Mechanism } from './mechanism.ts'
import { decodeRequest, decodeResponse, encodeError, encodeRequest, encodeResponse, type Request } from './message.ts'
import { CKR } from './standard.ts'

const ascii = (text: string): string => toHex(new TextEncoder().encode(text))
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

interface Vector {
  readonly hex: string
  readonly request: Request
}

const GREETING = 'PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1'
const INITIALIZE = `00000001 00000005 ${ascii('ayyay')} 01 00000029 ${ascii(GREETING)} 00 01 00000001 00`
const CLASS_AND_ID = '00000000 01 00000008 0000000000000003 00000102 01 00000001 00000001 01'
const PSS = '0000000000000250 0000000000000002 0000000000000020'
const SESSION = '0000000000000011'

/** Bodies that Debian's p11-kit-client.so 0.24.1 sent, captured on the wire. */
const REQUESTS: readonly Vector[] = [
  {
    hex: INITIALIZE,
    request: {
      name: 'Initialize',
      values: [text(GREETING), 0, Uint8Array.of(0)],
    },
  },
  { hex: `00000004 00000003 ${ascii('yfu')} 00 00000000`, request: { name: 'GetSlotList', values: [0, 0] } },
  {
    hex: `0000000a 00000002 ${ascii('uu')} ${SESSION} 0000000000000004`,
    request: { name: 'OpenSession', values: [0x11n, 4n] },
  },
  {
    hex: `00000012 00000004 ${ascii('uuay')} ${SESSION} 0000000000000001 01 00000004 31323334`,
    request: { name: 'Login', values: [0x11n, 1n, text('1234')] },
  },
  {
    hex: `0000001a 00000003 ${ascii('uaA')} ${SESSION} 00000002 ${CLASS_AND_ID}`,
    request: {
      name: 'FindObjectsInit',
      values: [
        0x11n,
        [
          { type: 0, value: 3n },
          { type: 0x102, value: Uint8Array.of(1) },
        ],
      ],
    },
  },
  {
    hex: `0000001b 00000003 ${ascii('ufu')} ${SESSION} 00000001`,
    request: { name: 'FindObjects', values: [0x11n, 1] },
  },
  {
    hex: `00000018 00000004 ${ascii('uufA')} ${SESSION} 0000000000000003 00000001 00000003 00000000`,
    request: { name: 'GetAttributeValue', values: [0x11n, 3n, [{ type: 3, room: 0 }]] },
  },
  {
    hex: `0000002a 00000003 ${ascii('uMu')} ${SESSION} 00001041 ffffffff 0000000000000003`,
    request: { name: 'SignInit', values: [0x11n, { type: 0x1041 }, 3n] },
  },
  {
    hex: `0000002a 00000003 ${ascii('uMu')} ${SESSION} 0000000d ${PSS} 0000000000000003`,
    request: {
      name: 'SignInit',
      values: [0x11n, { type: 0x0d, parameter: { kind: 'pss', hash: 0x250n, mgf: 2n, saltBytes: 32n } }, 3n],
    },
  },
]

for (const { hex, request } of REQUESTS) {
  test(`a captured ${request.name} is read, and written byte by byte`, () => {
    assert.deepEqual(decodeRequest(fromHex(hex), 0), request)
    assert.equal(toHex(encodeAny(request, 0)), toHex(fromHex(hex)))
  })
}

test('captured responses are read, and written byte by byte', () => {
  const sizes = fromHex(`00000004 00000002 ${ascii('au')} 00 00000001`)
  assert.deepEqual(decodeResponse('GetSlotList', sizes, 0), { ok: true, values: [{ size: 1 }] })
  assert.deepEqual(encodeResponse('GetSlotList', [{ size: 1 }], 0), sizes)
  const mixed = fromHex(
    `00000018 00000003 ${ascii('aAu')} 00000004 00000000 01 00000008 0000000000000003 00000011 00 ` +
      '00000102 01 00000001 ffffffff 00000180 00 0000000000000011',
  )
  const attributes: readonly Attribute[] = [
    { type: 0, value: 3n },
    { type: 0x11 },
    { type: 0x102, value: { size: 1 } },
    { type: 0x180 },
  ]
  assert.deepEqual(decodeResponse('GetAttributeValue', mixed, 0), { ok: true, values: [attributes, 0x11n] })
  assert.deepEqual(encodeResponse('GetAttributeValue', [attributes, 0x11n], 0), mixed)
  const refusal = fromHex(`00000000 00000001 ${ascii('u')} 00000000000000a0`)
  assert.deepEqual(decodeResponse('Login', refusal, 0), { ok: false, code: 0xa0n })
  assert.deepEqual(encodeError(0xa0n), refusal)
  assert.deepEqual(encodeResponse('Initialize', [], 0), fromHex('00000001 00000000'))
})

test('a captured frame is cut out of the stream, whatever the pieces', () => {
  const body = fromHex(INITIALIZE)
  const frame = encodeFrame({ code: 0x10, body }, 'request')
  assert.equal(toHex(frame.subarray(0, 18)), `000000100000000600000042${ascii('client')}`)
  const reader = new FrameReader()
  for (const byte of frame) reader.push(Uint8Array.of(byte))
  reader.push(frame.subarray(0, 5))
  assert.deepEqual(reader.next(), { code: 0x10, body })
  assert.equal(reader.next(), undefined)
  assert.equal(reader.waitingBytes, 5)
})

/** Rows: dialect, mechanism, bytes: the three encodings that exist in the field. */
const MECHANISMS: readonly (readonly [Dialect, Mechanism | undefined, string])[] = [
  [0, { type: 0x1041 }, '00001041 ffffffff'],
  [1, { type: 0x1041 }, '00001041 ffffffff'],
  [2, { type: 0x1041 }, '00001041'],
  [0, { type: 0x1050, parameter: { kind: 'bytes', bytes: Uint8Array.of(7) } }, '00001050 00000001 07'],
  [1, ecdh(), '00001050 0000000000000001 ffffffff 00000001 04'],
  [2, ecdh(), '00001050 01 0000000000000001 ffffffff 00000001 04'],
  [2, { type: 0x1050 }, '00001050 00'],
  [2, { type: 0x8000_0001, parameter: { kind: 'bytes', bytes: Uint8Array.of(7) } }, '80000001 01 00000001 07'],
  [2, undefined, 'ffffffff'],
]

for (const [dialect, mechanism, hex] of MECHANISMS) {
  test(`dialect ${dialect} has ${hex}`, () => {
    const body = encodeRequest('DigestInit', [1n, mechanism], dialect)
    assert.equal(toHex(body).slice(36), toHex(fromHex(hex)))
    assert.deepEqual(decodeRequest(body, dialect), { name: 'DigestInit', values: [1n, mechanism] })
  })
}

function ecdh(): Mechanism {
  return { type: 0x1050, parameter: { kind: 'ecdh', kdf: 1n, shared: undefined, publicKey: Uint8Array.of(4) } }
}

test('the numbers of the calls are all there, once', () => {
  assert.deepEqual(
    CALL_NAMES.map((name) => callOf(name).id),
    Array.from({ length: 89 }, (_, index) => index + 1),
  )
})

/** Rows: hex of a body, why it is none. */
const INVALID: readonly (readonly [hex: string, why: string])[] = [
  ['', 'nothing'],
  ['00000002', 'no signature'],
  [`00000002 00000001 ${ascii('u')}`, 'the signature of another call'],
  ['00000002 ffffffff', 'a signature that is NULL'],
  [`0000000b 00000001 ${ascii('u')} 00`, 'an argument that is cut off'],
  [`00000012 00000004 ${ascii('uuay')} ${SESSION} ${SESSION} 01 00000005 31`, 'a byte string longer than the body'],
  [`00000012 00000004 ${ascii('uuay')} ${SESSION} ${SESSION} 02 00000000`, 'an array neither there nor absent'],
  [`0000001a 00000003 ${ascii('uaA')} ${SESSION} ffffffff`, 'four billion attributes'],
  [`0000001a 00000003 ${ascii('uaA')} ${SESSION} 00000001 00000102 01 00000002 00000001 01`, 'two lengths'],
  [`0000001a 00000003 ${ascii('uaA')} ${SESSION} 00000401 ${'00000102 00'.repeat(1025)}`, '1025 attributes'],
  [`0000001a 00000003 ${ascii('uaA')} ${SESSION} ${'00000001 40000211 01 00000018 '.repeat(12)} 00000000`, 'too deep'],
]

for (const [hex, why] of INVALID) {
  test(`a body is refused: ${why}`, () => {
    assert.throws(
      () => decodeRequest(fromHex(hex), 0),
      (error) => isFault(error, 'CRYPTOKI_MESSAGE_INVALID'),
    )
  })
}

test('responses that answer another call, or carry CKR_OK as a failure, are refused', () => {
  for (const hex of ['00000003 00000000', `00000000 00000001 ${ascii('u')} 0000000000000000`]) {
    assert.throws(
      () => decodeResponse('Finalize', fromHex(hex), 0),
      (error) => isFault(error, 'CRYPTOKI_MESSAGE_INVALID'),
    )
  }
})

test('frames beyond the limits are refused before their bytes are waited for', () => {
  const tooLong = new FrameReader()
  tooLong.push(fromHex(`00000010 00000000 ${(BODY_BYTES_MAX + 1).toString(16).padStart(8, '0')}`))
  assert.throws(
    () => tooLong.next(),
    (error) => isFault(error, 'CRYPTOKI_MESSAGE_TOO_LONG'),
  )
  const zero = new FrameReader()
  zero.push(new Uint8Array(12))
  assert.throws(
    () => zero.next(),
    (error) => isFault(error, 'CRYPTOKI_MESSAGE_INVALID'),
  )
})

test('a value of the wrong form is not written', () => {
  const wrong: readonly Attribute[] = [
    { type: 0x102, value: 3n },
    { type: 0, value: 1 },
    { type: 1, value: { size: 1 } },
    { type: 0x4000_0600, value: [{ type: 0 }] },
    { type: 0x4000_0211, value: [1n] },
  ]
  for (const attribute of wrong) {
    assert.throws(
      () => encodeRequest('FindObjectsInit', [1n, [attribute]], 0),
      (error) => isFault(error, 'CRYPTOKI_VALUE_SHAPE'),
    )
  }
  assert.throws(
    () => encodeRequest('DigestInit', [1n, ecdh()], 0),
    (error) => isFault(error, 'CRYPTOKI_VALUE_SHAPE'),
  )
})

const PLAIN = { noNullPrototype: true } as const
const anyDialect = fc.constantFrom<Dialect>(0, 1, 2)
const anyUlong = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })
const anyBytes = fc.uint8Array({ maxLength: 20 })
const anyAttribute: fc.Arbitrary<Attribute> = fc.oneof(
  fc.record({ type: fc.constantFrom(0, 0x100), value: anyUlong }, PLAIN),
  fc.record({ type: fc.constantFrom(1, 0x103), value: fc.nat(255) }, PLAIN),
  fc.record({ type: fc.constantFrom(3, 0x102, 0xcf53_4301), value: anyBytes }, PLAIN),
  fc.record({ type: fc.constant(3), value: fc.record({ size: fc.nat(1000) }, PLAIN) }, PLAIN),
  fc.record({ type: fc.constant(0x4000_0600), value: fc.array(anyUlong, { maxLength: 3 }) }, PLAIN),
  fc.record({ type: fc.constant(0x11) }, PLAIN),
)

test('templates and mechanisms come back as they were sent, in every dialect', () => {
  const anyTemplate = fc.array(fc.oneof(anyAttribute, nested(fc.array(anyAttribute, { maxLength: 3 }))), {
    maxLength: 5,
  })
  fc.assert(
    fc.property(anyDialect, anyUlong, anyTemplate, (dialect, session, template) => {
      const values = [session, { type: 0x1040 }, template, []] as const
      const body = encodeRequest('GenerateKeyPair', values, dialect)
      assert.deepEqual(decodeRequest(body, dialect), { name: 'GenerateKeyPair', values })
    }),
  )
})

function nested(templates: fc.Arbitrary<Attribute[]>): fc.Arbitrary<Attribute> {
  return fc.record({ type: fc.constant(0x4000_0211), value: templates }, PLAIN)
}

test('arbitrary bytes give a value, a request for more, or a declared fault; nothing else', () => {
  const anyCall = fc.constantFrom(...CALL_NAMES)
  fc.assert(
    fc.property(
      anyCall,
      anyDialect,
      fc.uint8Array({ maxLength: 80 }),
      fc.boolean(),
      (name, dialect, tail, isSigned) => {
        const head = isSigned ? signedHead(name) : new Uint8Array(0)
        const body = Uint8Array.from([...head, ...tail])
        declared(() => decodeRequest(body, dialect))
        declared(() => decodeResponse(name, body, dialect))
        declared(() => {
          const reader = new FrameReader()
          reader.push(body)
          while (reader.next() !== undefined);
        })
      },
    ),
    { numRuns: 2000 },
  )
})

function declared(act: () => unknown): void {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof Fault && error.blame === 'peer', String(error))
  }
}

function encodeAny(request: Request, dialect: Dialect): Uint8Array {
  const encode: (name: never, values: never, dialect: Dialect) => Uint8Array = encodeRequest
  return encode(request.name as never, request.values as never, dialect)
}

/** The start of a body that carries the right number and signature, so that arbitrary arguments are looked at. */
function signedHead(name: CallName): Uint8Array {
  const { id, request } = callOf(name)
  const [number, length] = [id, request.bytes.length].map((value) => value.toString(16).padStart(8, '0'))
  return fromHex(`${number} ${length} ${toHex(request.bytes)}`)
}

test('a message stays as it was when others are written, also after one that could not be said', () => {
  const kept = [encodeError(CKR.PIN_INCORRECT), encodeRequest('SeedRandom', [7n, new Uint8Array(9_000).fill(3)], 2)]
  const before = kept.map(toHex)
  assert.throws(() => encodeRequest('DigestInit', [1n, { type: 0x220, parameter: { kind: 'ulong', value: 1n } }], 0))
  encodeRequest('SeedRandom', [1n, new Uint8Array(20_000).fill(9)], 2)
  encodeError(CKR.GENERAL_ERROR)
  assert.deepEqual(kept.map(toHex), before)
})
