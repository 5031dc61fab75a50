import assert from 'node:assert/strict'
import { createECDH, createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { test } from 'node:test'
import {
  bytesOf,
  generateKeyPair,
  openSession,
  refusesCall,
  tokenBench,
} from '../../../../testing/testkit/token-bench.ts'
import { CKA, CKK, CKM, CKO, CURVES, readSpki, type TokenCurve } from '../index.ts'

const MESSAGE = randomBytes(300)

/** Rows: mechanism, what it is called with, whether it takes pieces. */
const MECHANISMS: readonly (readonly [number, Uint8Array, boolean])[] = [
  [CKM.ECDSA, createHash('sha256').update(MESSAGE).digest(), false],
  [CKM.ECDSA, createHash('sha512').update(MESSAGE).digest(), false],
  [CKM.ECDSA, createHash('sha1').update(MESSAGE).digest(), false],
  [CKM.ECDSA_SHA256, MESSAGE, true],
  [CKM.ECDSA_SHA384, MESSAGE, true],
]

for (const curve of ['p256', 'p384'] as const) {
  for (const [type, data, takesPieces] of MECHANISMS) {
    const what = `${curve} signs with 0x${type.toString(16)} over ${data.length} bytes`
    test(`what ${what} verifies, and nothing else`, async (context) => {
      const bench = await tokenBench(context)
      const program = await bench.program()
      const session = await openSession(program)
      const [publicKey, key] = await generateKeyPair(program, session, { curve })
      await program.call('SignInit', [session, { type }, key])
      if (takesPieces) await program.call('SignUpdate', [session, data])
      const [signature] = takesPieces
        ? await program.call('SignFinal', [session, 256])
        : await program.call('Sign', [session, data, 256])
      assert.ok(signature instanceof Uint8Array && signature.length === 2 * CURVES[curve].bytes)
      const init = () => program.call('VerifyInit', [session, { type }, publicKey])
      await init()
      await program.call('Verify', [session, data, signature])
      await refusesCall(program.call('Verify', [session, data, signature]), 'CKR_OPERATION_NOT_INITIALIZED')
      for (const at of [0, signature.length - 1]) {
        await init()
        const changed = signature.map((byte, index) => (index === at ? byte ^ 1 : byte))
        await refusesCall(program.call('Verify', [session, data, changed]), 'CKR_SIGNATURE_INVALID')
      }
      await init()
      await refusesCall(program.call('Verify', [session, data, signature.subarray(1)]), 'CKR_SIGNATURE_LEN_RANGE')
      await init()
      if (!takesPieces) return refusesCall(program.call('VerifyUpdate', [session, data]), 'CKR_FUNCTION_NOT_SUPPORTED')
      for (const piece of [data.subarray(0, 100), data.subarray(100)]) {
        await program.call('VerifyUpdate', [session, piece])
      }
      await program.call('VerifyFinal', [session, signature])
      await refusesCall(program.call('VerifyFinal', [session, signature]), 'CKR_OPERATION_NOT_INITIALIZED')
    })
  }
}

test('a public key that a program brings verifies what its owner signed elsewhere', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  for (const [curve, openssl] of [
    ['p256', 'P-256'],
    ['p384', 'P-384'],
  ] as const) {
    const keys = generateKeyPairSync('ec', { namedCurve: openssl })
    const { point } = readSpki(new Uint8Array(keys.publicKey.export({ format: 'der', type: 'spki' })))!
    const [handle] = await program.call('CreateObject', [session, brought(curve, point)])
    const key = createPrivateKey(keys.privateKey.export({ format: 'pem', type: 'pkcs8' }))
    const signature = sign('sha384', MESSAGE, { key, dsaEncoding: 'ieee-p1363' })
    await program.call('VerifyInit', [session, { type: CKM.ECDSA_SHA384 }, handle])
    await program.call('Verify', [session, MESSAGE, signature])
    assert.deepEqual(await bytesOf(program, session, handle, CKA.EC_PARAMS), CURVES[curve].parameters)
  }
})

test('a check that makes no sense is refused by the standard’s code', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const [publicKey, key] = await generateKeyPair(program, session)
  const start = (type: number, handle: bigint) => program.call('VerifyInit', [session, { type }, handle])
  await refusesCall(start(CKM.ECDSA, key), 'CKR_KEY_FUNCTION_NOT_PERMITTED')
  await refusesCall(start(CKM.ECDSA, 5n), 'CKR_KEY_HANDLE_INVALID')
  await refusesCall(start(CKM.SHA256, publicKey), 'CKR_MECHANISM_INVALID')
  await start(CKM.ECDSA, publicKey)
  await refusesCall(start(CKM.ECDSA, publicKey), 'CKR_OPERATION_ACTIVE')
  await program.call('VerifyInit', [session, undefined, 0n])
  await refusesCall(program.call('Verify', [session, MESSAGE, MESSAGE]), 'CKR_OPERATION_NOT_INITIALIZED')
  await start(CKM.ECDSA, publicKey)
  await refusesCall(program.call('Verify', [session, MESSAGE, MESSAGE]), 'CKR_DATA_LEN_RANGE')
  await start(CKM.ECDSA, publicKey)
  await program.call('SessionCancel', [session, 0x2000n])
  await refusesCall(program.call('VerifyFinal', [session, MESSAGE]), 'CKR_OPERATION_NOT_INITIALIZED')
  await start(CKM.ECDSA_SHA256, publicKey)
  await program.call('VerifyUpdate', [session, MESSAGE])
  await refusesCall(program.call('Verify', [session, MESSAGE, MESSAGE]), 'CKR_OPERATION_ACTIVE')
  const off = createECDH('prime256v1').generateKeys().fill(1, 33)
  await refusesCall(program.call('CreateObject', [session, brought('p256', off)]), 'CKR_ATTRIBUTE_VALUE_INVALID')
})

function brought(curve: TokenCurve, point: Uint8Array) {
  return [
    { type: CKA.CLASS, value: CKO.PUBLIC_KEY },
    { type: CKA.KEY_TYPE, value: CKK.EC },
    { type: CKA.EC_PARAMS, value: CURVES[curve].parameters },
    { type: CKA.EC_POINT, value: Uint8Array.of(4, point.length, ...point) },
  ]
}
