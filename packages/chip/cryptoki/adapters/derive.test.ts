import assert from 'node:assert/strict'
import { createECDH, createHash } from 'node:crypto'
import { test } from 'node:test'
import {
  attributeOf,
  bytesOf,
  findObjects,
  generateKeyPair,
  openSession,
  refusesCall,
  tokenBench,
} from '../../../../testing/testkit/token-bench.ts'
import {
  type Attribute,
  CKA,
  CKK,
  CKM,
  CKO,
  CKR,
  CURVES,
  type Mechanism,
  readPoint,
  type TokenCurve,
} from '../index.ts'

/** Rows: the curve, and OpenSSL's name for it. */
const ROWS: readonly (readonly [TokenCurve, string])[] = [
  ['p256', 'prime256v1'],
  ['p384', 'secp384r1'],
]

const OPEN: readonly Attribute[] = [
  { type: CKA.SENSITIVE, value: 0 },
  { type: CKA.EXTRACTABLE, value: 1 },
]

function ecdh(publicKey: Uint8Array, kdf = 1n): Mechanism {
  return { type: CKM.ECDH1_DERIVE, parameter: { kind: 'ecdh', kdf, shared: undefined, publicKey } }
}

for (const [curve, openssl] of ROWS) {
  test(`a key of ${curve} agrees with OpenSSL on a secret, which lives in the session`, async (context) => {
    const bench = await tokenBench(context)
    const program = await bench.program()
    const session = await openSession(program)
    const [publicKey, key] = await generateKeyPair(program, session, { curve })
    const point = readPoint(CURVES[curve], await bytesOf(program, session, publicKey, CKA.EC_POINT))
    const peer = createECDH(openssl)
    const theirs = peer.generateKeys()
    const expected = new Uint8Array(peer.computeSecret(point!))
    const [, , secret] = await program.call('DeriveKey2', [session, ecdh(theirs), key, OPEN])
    assert.deepEqual(await bytesOf(program, session, secret, CKA.VALUE), expected)
    assert.deepEqual((await attributeOf(program, session, secret, CKA.KEY_TYPE)).value, CKK.GENERIC_SECRET)
    const wrapped = Uint8Array.of(4, theirs.length, ...theirs)
    const [short] = await program.call('DeriveKey', [
      session,
      ecdh(wrapped),
      key,
      [
        ...OPEN,
        { type: CKA.CLASS, value: CKO.SECRET_KEY },
        { type: CKA.KEY_TYPE, value: CKK.AES },
        { type: CKA.VALUE_LEN, value: 16n },
      ],
    ])
    assert.deepEqual(await bytesOf(program, session, short, CKA.VALUE), expected.slice(-16), 'the beginning goes')
    await program.call('DigestInit', [session, { type: CKM.SHA256 }])
    await program.call('DigestKey', [session, secret])
    const [digest] = await program.call('DigestFinal', [session, 32])
    assert.deepEqual(digest, new Uint8Array(createHash('sha256').update(expected).digest()))
    await program.call('CloseSession', [session])
    const next = await openSession(program)
    assert.deepEqual(await findObjects(program, next, [{ type: CKA.CLASS, value: CKO.SECRET_KEY }]), [])
  })
}

test('a secret is told only when its template says so, and never again once it is sensitive', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const [, key] = await generateKeyPair(program, session)
  const theirs = createECDH('prime256v1').generateKeys()
  const value = async (template: readonly Attribute[]) => {
    const [secret] = await program.call('DeriveKey', [session, ecdh(theirs), key, template])
    return { secret, code: (await attributeOf(program, session, secret, CKA.VALUE)).code }
  }
  for (const template of [[], OPEN.slice(0, 1), OPEN.slice(1)]) {
    assert.equal((await value(template)).code, CKR.ATTRIBUTE_SENSITIVE)
  }
  const { secret, code } = await value(OPEN)
  assert.equal(code, CKR.OK)
  const change = (type: number, flag: number) =>
    program.call('SetAttributeValue', [session, secret, [{ type, value: flag }]])
  await change(CKA.LABEL, 0).catch(() => undefined)
  await change(CKA.SENSITIVE, 1)
  await refusesCall(change(CKA.SENSITIVE, 0), 'CKR_ATTRIBUTE_READ_ONLY')
  await change(CKA.EXTRACTABLE, 0)
  await refusesCall(change(CKA.EXTRACTABLE, 1), 'CKR_ATTRIBUTE_READ_ONLY')
  assert.equal((await attributeOf(program, session, secret, CKA.VALUE)).code, CKR.ATTRIBUTE_SENSITIVE)
  const search = [{ type: CKA.VALUE, value: new Uint8Array(32) }]
  assert.deepEqual(await findObjects(program, session, search), [], 'a search does not tell a secret either')
})

test('a derivation that makes no sense is refused by the standard’s code', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const [publicKey, key] = await generateKeyPair(program, session)
  const theirs = createECDH('prime256v1').generateKeys()
  const offCurve = Uint8Array.from(theirs).fill(7, 33)
  const derive = (mechanism: Mechanism, template: readonly Attribute[] = [], base = key) =>
    program.call('DeriveKey', [session, mechanism, base, template])
  const parameter = { kind: 'ecdh', kdf: 1n, shared: Uint8Array.of(1), publicKey: theirs } as const
  await refusesCall(derive({ type: CKM.ECDH1_DERIVE, parameter }), 'CKR_MECHANISM_PARAM_INVALID')
  await refusesCall(derive(ecdh(theirs, 2n)), 'CKR_MECHANISM_PARAM_INVALID')
  await refusesCall(derive(ecdh(theirs.subarray(1))), 'CKR_MECHANISM_PARAM_INVALID')
  await refusesCall(derive(ecdh(createECDH('secp384r1').generateKeys())), 'CKR_MECHANISM_PARAM_INVALID')
  await refusesCall(derive(ecdh(offCurve)), 'CKR_MECHANISM_PARAM_INVALID')
  await refusesCall(derive({ type: CKM.ECDSA }), 'CKR_MECHANISM_INVALID')
  await refusesCall(derive(ecdh(theirs), [], 5n), 'CKR_KEY_HANDLE_INVALID')
  await refusesCall(derive(ecdh(theirs), [], publicKey), 'CKR_KEY_FUNCTION_NOT_PERMITTED')
  await refusesCall(derive(ecdh(theirs), [{ type: CKA.TOKEN, value: 1 }]), 'CKR_TEMPLATE_INCONSISTENT')
  await refusesCall(derive(ecdh(theirs), [{ type: CKA.VALUE, value: theirs }]), 'CKR_TEMPLATE_INCONSISTENT')
  await refusesCall(derive(ecdh(theirs), [{ type: CKA.CLASS, value: 3n }]), 'CKR_TEMPLATE_INCONSISTENT')
  await refusesCall(derive(ecdh(theirs), [{ type: CKA.VALUE_LEN, value: 33n }]), 'CKR_ATTRIBUTE_VALUE_INVALID')
  await refusesCall(derive(ecdh(theirs), [{ type: CKA.KEY_TYPE, value: 3n }]), 'CKR_ATTRIBUTE_VALUE_INVALID')
  await refusesCall(derive(ecdh(theirs), [{ type: CKA.ALWAYS_SENSITIVE, value: 0 }]), 'CKR_ATTRIBUTE_READ_ONLY')
  await refusesCall(derive(ecdh(theirs), [{ type: 0x9999, value: theirs }]), 'CKR_ATTRIBUTE_TYPE_INVALID')
})

test('a key that was made without CKA_DERIVE signs only', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const [, key] = await generateKeyPair(program, session, { template: [{ type: CKA.DERIVE, value: 0 }] })
  assert.equal((await attributeOf(program, session, key, CKA.DERIVE)).value, 0)
  const theirs = createECDH('prime256v1').generateKeys()
  const derived = program.call('DeriveKey', [session, ecdh(theirs), key, []])
  await refusesCall(derived, 'CKR_KEY_FUNCTION_NOT_PERMITTED')
})
