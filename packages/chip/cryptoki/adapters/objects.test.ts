import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { newTlsAuthority } from '../../../../testing/testkit/tls-identities.ts'
import {
  attributeOf,
  bytesOf,
  findObjects,
  generateKeyPair,
  openSession,
  refusesCall,
  tokenBench,
} from '../../../../testing/testkit/token-bench.ts'
import { type Attribute, CKA, CKK, CKM, CKO, CURVES } from '../index.ts'
import { SESSION_OBJECTS_COUNT_MAX } from '../token/state.ts'
import { type CryptokiConnection, openTrustXToken } from './index.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const IN_TOKEN: Attribute = { type: CKA.TOKEN, value: 1 }
const DATA: Attribute = { type: CKA.CLASS, value: CKO.DATA }

function dataOf(value: Uint8Array, ...more: readonly Attribute[]): readonly Attribute[] {
  return [DATA, IN_TOKEN, { type: CKA.VALUE, value }, ...more]
}

test('data objects are the chip’s own slots, under its names and readable ones', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const label = (name: string): Attribute => ({ type: CKA.LABEL, value: text(name) })
  const create = (...template: readonly Attribute[]) => program.call('CreateObject', [session, template])
  const [first] = await create(...dataOf(text('first')))
  assert.deepEqual(await bytesOf(program, session, first, CKA.LABEL), text('0xF1D4'), 'F1D0 to F1D3 keep public keys')
  const [named] = await create(...dataOf(text('named'), label('0xF1DF')))
  const [readable] = await create(...dataOf(text('readable'), label('data 3')))
  assert.deepEqual(await bytesOf(program, session, readable, CKA.LABEL), text('0xF1D6'))
  const [large] = await create(...dataOf(new Uint8Array(1500).fill(7)))
  assert.deepEqual(await findObjects(program, session, [DATA, label('large data 1')]), [large])
  assert.deepEqual(await bench.chip.getDataObject(0xf1df), text('named'))
  assert.deepEqual(await findObjects(program, session, [DATA]), [first, readable, named, large])
  await refusesCall(create(...dataOf(new Uint8Array(101), label('0xF1D4'))), 'CKR_DEVICE_MEMORY')
  await refusesCall(create(...dataOf(text('a'), label('0xF1D0'))), 'CKR_ATTRIBUTE_VALUE_INVALID')
  await refusesCall(create(...dataOf(Uint8Array.of(0))), 'CKR_ATTRIBUTE_VALUE_INVALID')
  await refusesCall(
    create(...dataOf(text('a'), { type: CKA.APPLICATION, value: text('app') })),
    'CKR_ATTRIBUTE_VALUE_INVALID',
  )
  await refusesCall(create(...dataOf(text('a'), { type: CKA.PRIVATE, value: 1 })), 'CKR_TEMPLATE_INCONSISTENT')
  await refusesCall(create(DATA, IN_TOKEN), 'CKR_TEMPLATE_INCOMPLETE')
  await program.call('DestroyObject', [session, named])
  await refusesCall(program.call('DestroyObject', [session, named]), 'CKR_OBJECT_HANDLE_INVALID')
  await bench.chip.lock('0xF1D4')
  await refusesCall(program.call('DestroyObject', [session, first]), 'CKR_ACTION_PROHIBITED')
  await refusesCall(create(...dataOf(text('b'), label('0xF1D4'))), 'CKR_TOKEN_WRITE_PROTECTED')
  const again = (await openTrustXToken(bench.chip)).source.objects.filter(({ kind }) => kind === 'data')
  assert.deepEqual(
    again.map(({ slot, isChangeable }) => [slot, isChangeable]),
    [
      ['0xF1D4', false],
      ['0xF1D6', true],
      ['0xF1E0', true],
    ],
  )
})

test('a destroyed key is gone for good: its place holds another one, that nobody knows', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const [, key] = await generateKeyPair(program, session, { id: 2, curve: 'p384' })
  await program.call('SignInit', [session, { type: CKM.ECDSA }, key])
  await program.call('DestroyObject', [session, key])
  await refusesCall(program.call('Sign', [session, new Uint8Array(32), 96]), 'CKR_KEY_HANDLE_INVALID')
  assert.deepEqual(await findObjects(program, session, [{ type: CKA.ID, value: Uint8Array.of(2) }]), [])
  const again = await openTrustXToken(bench.chip)
  assert.ok(!again.source.objects.some(({ slot }) => slot === '0xE0F2'))
  const [, next] = await generateKeyPair(program, session, { id: 2 })
  assert.notEqual(next, key, 'another key has another handle')
  await bench.chip.lock('0xE0F2')
  await refusesCall(program.call('DestroyObject', [session, next]), 'CKR_ACTION_PROHIBITED')
  const [vendor] = await findObjects(program, session, [{ type: CKA.LABEL, value: text('vendor key') }])
  await refusesCall(program.call('DestroyObject', [session, vendor!]), 'CKR_ACTION_PROHIBITED')
  assert.deepEqual(await bytesOf(program, session, vendor!, CKA.DESTROYABLE), Uint8Array.of(0))
})

test('without the vendor’s pair there are three places for keys, and its place is not one of them', async (context) => {
  const bench = await tokenBench(context, { withVendor: false })
  const program = await bench.program()
  const session = await openSession(program)
  assert.deepEqual(await findObjects(program, session, []), [])
  for (const id of [1, 2, 3]) await generateKeyPair(program, session, id)
  await refusesCall(generateKeyPair(program, session), 'CKR_DEVICE_MEMORY')
  await refusesCall(generateKeyPair(program, session, 0), 'CKR_ATTRIBUTE_VALUE_INVALID')
})

test('a trust anchor is trusted once nobody can exchange it', async (context) => {
  const bench = await tokenBench(context)
  const { root } = await newTlsAuthority()
  for (const slot of ['0xE0E8', '0xE0EF']) await bench.chip.writeCertificate(slot, root.der)
  await bench.chip.lock('0xE0EF')
  const { objects } = await openTrustXToken(bench.chip)
  const anchors = objects.filter(({ alias }) => alias?.startsWith('trust anchor'))
  assert.deepEqual(
    anchors.map(({ attributes }) => attributes.get(CKA.TRUSTED)),
    [0, 1],
  )
})

test('objects of a session are its own, found, changed, and gone with it', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const [session] = await program.call('OpenSession', [1n, 4n])
  const other = await openSession(program)
  const { root } = await newTlsAuthority()
  const [data] = await program.call('CreateObject', [session, [DATA, { type: CKA.VALUE, value: text('note') }]])
  const [certificate] = await program.call('CreateObject', [
    session,
    [
      { type: CKA.CLASS, value: CKO.CERTIFICATE },
      { type: CKA.VALUE, value: root.der },
    ],
  ])
  assert.deepEqual(await bytesOf(program, other, certificate, CKA.SUBJECT).then((subject) => subject[0]), 0x30)
  await program.call('SetAttributeValue', [session, data, [{ type: CKA.LABEL, value: text('a note') }]])
  assert.deepEqual(await findObjects(program, other, [DATA, { type: CKA.LABEL, value: text('a note') }]), [data])
  const stranger = await bench.program()
  const strange = await openSession(stranger)
  assert.deepEqual(await findObjects(stranger, strange, [DATA]), [], 'another program does not see it')
  await refusesCall(stranger.call('DestroyObject', [strange, data]), 'CKR_OBJECT_HANDLE_INVALID')
  await refusesCall(
    program.call('SetAttributeValue', [session, data, [{ type: CKA.TOKEN, value: 1 }]]),
    'CKR_ATTRIBUTE_READ_ONLY',
  )
  await refusesCall(
    program.call('SetAttributeValue', [session, data, [{ type: CKA.SUBJECT, value: text('') }]]),
    'CKR_ATTRIBUTE_TYPE_INVALID',
  )
  await program.call('DestroyObject', [other, certificate])
  await program.call('CloseSession', [session])
  assert.deepEqual(await findObjects(program, other, [DATA]), [])
})

test('objects of sessions are as many as the limit, and as large', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const create = (value: Uint8Array) => program.call('CreateObject', [session, [DATA, { type: CKA.VALUE, value }]])
  await refusesCall(create(new Uint8Array(300_000)), 'CKR_DEVICE_MEMORY')
  for (let count = 0; count < SESSION_OBJECTS_COUNT_MAX; count++) await create(text('a'))
  await refusesCall(create(text('a')), 'CKR_DEVICE_MEMORY')
  await program.call('CloseAllSessions', [1n])
  const [handle] = await program.call('CreateObject', [await openSession(program), [DATA]])
  assert.ok(handle > 0n)
})

test('private objects of a session need a login, and end with it', async (context) => {
  const bench = await tokenBench(context, { pin: '4711' })
  const program = await bench.program()
  const session = await openSession(program)
  const secret: readonly Attribute[] = [
    { type: CKA.CLASS, value: CKO.SECRET_KEY },
    { type: CKA.KEY_TYPE, value: CKK.GENERIC_SECRET },
    { type: CKA.VALUE, value: text('a secret') },
  ]
  await refusesCall(program.call('CreateObject', [session, secret]), 'CKR_USER_NOT_LOGGED_IN')
  await program.call('Login', [session, 1n, text('4711')])
  const [handle] = await program.call('CreateObject', [session, secret])
  await program.call('Logout', [session])
  await refusesCall(program.call('GetObjectSize', [session, handle]), 'CKR_OBJECT_HANDLE_INVALID')
  await program.call('Login', [session, 1n, text('4711')])
  await refusesCall(program.call('GetObjectSize', [session, handle]), 'CKR_OBJECT_HANDLE_INVALID')
})

/** Templates that try everything: flags of all kinds, in the right form and in wrong ones. */
const anyTemplate: fc.Arbitrary<readonly Attribute[]> = fc.uniqueArray(
  fc.oneof(
    fc.record({ type: fc.constantFrom<number>(...flagTypes()), value: fc.constantFrom(0, 1, 255) }),
    fc.record({ type: fc.constantFrom<number>(CKA.CLASS, CKA.KEY_TYPE, CKA.VALUE_LEN), value: fc.bigInt(0n, 20n) }),
    fc.record({
      type: fc.constantFrom<number>(CKA.VALUE, CKA.LABEL, CKA.ID, CKA.EC_PARAMS, CKA.EC_POINT, 0x8000_0001),
      value: fc.oneof(fc.constant(CURVES.p256.parameters), fc.uint8Array({ maxLength: 70 })),
    }),
  ),
  { selector: ({ type }) => type, maxLength: 8 },
)

function flagTypes(): readonly number[] {
  const secret = [CKA.SENSITIVE, CKA.EXTRACTABLE, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE, CKA.PRIVATE]
  return [...secret, CKA.TOKEN, CKA.MODIFIABLE, CKA.COPYABLE, CKA.WRAP_WITH_TRUSTED, CKA.SIGN, CKA.DERIVE]
}

test('no template, and no call with one, makes a private key extractable or not sensitive', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  let keysCount = 0
  await fc.assert(
    fc.asyncProperty(anyTemplate, anyTemplate, fc.boolean(), async (publicTemplate, any, isInToken) => {
      const template = isInToken ? [IN_TOKEN, ...any.filter(({ type }) => type !== CKA.TOKEN)] : any
      const parameters = { type: CKA.EC_PARAMS, value: CURVES.p256.parameters }
      const made = await answered(
        program.call('GenerateKeyPair', [
          session,
          { type: CKM.EC_KEY_PAIR_GEN },
          [...publicTemplate, parameters],
          template,
        ]),
      )
      const created = await answered(program.call('CreateObject', [session, template]))
      keysCount += made === undefined ? 0 : 1
      if (made !== undefined) {
        await answered(program.call('SetAttributeValue', [session, made[1], template]))
        await answered(program.call('CopyObject', [session, made[1], template]))
      }
      await assertKeysAreSafe(program, session)
      if (created !== undefined) await program.call('DestroyObject', [session, created[0]])
    }),
    { numRuns: 200 },
  )
  assert.ok(keysCount > 0, 'some templates make a key')
})

/** Gives what a call was answered with; nothing when it was refused by a code of the standard. */
async function answered<Value>(sent: Promise<Value>): Promise<Value | undefined> {
  try {
    return await sent
  } catch (error) {
    assert.ok(isFault(error, 'CRYPTOKI_REFUSED'), String(error))
    assert.doesNotMatch(String(error.context['code']), /GENERAL_ERROR|DEVICE_ERROR|FUNCTION_FAILED/)
    return undefined
  }
}

async function assertKeysAreSafe(program: CryptokiConnection, session: bigint): Promise<void> {
  for (const key of await findObjects(program, session, [{ type: CKA.CLASS, value: CKO.PRIVATE_KEY }])) {
    for (const [type, value] of [
      [CKA.SENSITIVE, 1],
      [CKA.ALWAYS_SENSITIVE, 1],
      [CKA.EXTRACTABLE, 0],
      [CKA.NEVER_EXTRACTABLE, 1],
      [CKA.PRIVATE, 1],
      [CKA.VALUE, undefined],
    ] as const) {
      assert.equal((await attributeOf(program, session, key, type)).value, value)
    }
  }
}
