import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import {
  findObjects,
  generateKeyPair,
  openSession,
  refusesCall,
  tokenBench,
} from '../../../../testing/testkit/token-bench.ts'
import { CKA, CKM, CKO, PIN_TRIES_MAX } from '../index.ts'
import type { CryptokiConnection } from './index.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

test('a PIN hides private keys, is counted over all programs, and is locked in the end', async (context) => {
  const bench = await tokenBench(context, { pin: '1234' })
  const program = await bench.program()
  const session = await openSession(program)
  await refusesCall(generateKeyPair(program, session), 'CKR_USER_NOT_LOGGED_IN')
  await refusesCall(program.call('Login', [session, 0n, text('1234')]), 'CKR_USER_TYPE_INVALID')
  await program.call('Login', [session, 1n, text('1234')])
  await refusesCall(program.call('Login', [session, 1n, text('1234')]), 'CKR_USER_ALREADY_LOGGED_IN')
  const [, key] = await generateKeyPair(program, session)
  assert.deepEqual(await program.call('GetSessionInfo', [session]), [1n, 3n, 6n, 0n])
  const stranger = await bench.program()
  const strange = await openSession(stranger)
  const isPrivate = { type: CKA.CLASS, value: CKO.PRIVATE_KEY }
  assert.deepEqual(await findObjects(stranger, strange, [isPrivate]), [], 'a login is one program’s own')
  await refusesCall(stranger.call('SignInit', [strange, { type: CKM.ECDSA }, key]), 'CKR_USER_NOT_LOGGED_IN')
  for (let count = 1; count < PIN_TRIES_MAX; count++) {
    await refusesCall(stranger.call('Login', [strange, 1n, text('0000')]), 'CKR_PIN_INCORRECT')
  }
  await refusesCall(stranger.call('Login', [strange, 9n, text('1234')]), 'CKR_USER_TYPE_INVALID')
  await refusesCall(stranger.call('Login', [strange, 2n, text('1234')]), 'CKR_OPERATION_NOT_INITIALIZED')
  await refusesCall(stranger.call('Login', [strange, 1n, { size: 0 }]), 'CKR_PIN_LOCKED')
  await refusesCall(stranger.call('Login', [strange, 1n, text('1234')]), 'CKR_PIN_LOCKED')
  await program.call('SignInit', [session, { type: CKM.ECDSA }, key])
  await program.call('Logout', [session])
  await refusesCall(program.call('Sign', [session, randomBytes(32), 64]), 'CKR_OPERATION_NOT_INITIALIZED')
})

/** Rows: what is tried in a fresh read-write session with one key pair, and the code it must give. */
const REFUSALS: readonly (readonly [
  what: string,
  code: string,
  act: (program: CryptokiConnection, session: bigint, key: bigint) => Promise<unknown>,
])[] = [
  ['an unknown slot', 'CKR_SLOT_ID_INVALID', (program) => program.call('GetTokenInfo', [7n])],
  ['a session that was never opened', 'CKR_SESSION_HANDLE_INVALID', (program) => program.call('GetSessionInfo', [99n])],
  ['a parallel session', 'CKR_SESSION_PARALLEL_NOT_SUPPORTED', (program) => program.call('OpenSession', [1n, 2n])],
  [
    'a second C_Initialize',
    'CKR_CRYPTOKI_ALREADY_INITIALIZED',
    (program) => program.call('Initialize', [text(''), 0, text('')]),
  ],
  [
    'an unknown key',
    'CKR_KEY_HANDLE_INVALID',
    (program, session) => program.call('SignInit', [session, { type: CKM.ECDSA }, 5n]),
  ],
  [
    'a public key that signs',
    'CKR_KEY_FUNCTION_NOT_PERMITTED',
    (program, session, key) => program.call('SignInit', [session, { type: CKM.ECDSA }, key + 1n]),
  ],
  [
    'a mechanism of RSA',
    'CKR_MECHANISM_INVALID',
    (program, session, key) => program.call('SignInit', [session, { type: 1 }, key]),
  ],
  ['information on it', 'CKR_MECHANISM_INVALID', (program) => program.call('GetMechanismInfo', [1n, 1n])],
  [
    'decryption',
    'CKR_FUNCTION_NOT_SUPPORTED',
    (program, session, key) => program.call('DecryptInit', [session, { type: 1 }, key]),
  ],
  [
    'a derivation without a parameter',
    'CKR_MECHANISM_PARAM_INVALID',
    (program, session, key) => program.call('DeriveKey', [session, { type: 0x1050 }, key, []]),
  ],
  [
    'a PIN set by nobody’s officer',
    'CKR_USER_NOT_LOGGED_IN',
    (program, session) => program.call('InitPIN', [session, text('1234')]),
  ],
  [
    'a token initialised while it is used',
    'CKR_SESSION_EXISTS',
    (program) => program.call('InitToken', [1n, text('1234'), text('a')]),
  ],
  ['a seed', 'CKR_RANDOM_SEED_NOT_SUPPORTED', (program, session) => program.call('SeedRandom', [session, text('a')])],
  [
    'the state of nothing',
    'CKR_OPERATION_NOT_INITIALIZED',
    (program, session) => program.call('GetOperationState', [session, 0]),
  ],
  [
    'the state of a digest',
    'CKR_STATE_UNSAVEABLE',
    async (program, session) => {
      await program.call('DigestInit', [session, { type: CKM.SHA256 }])
      await program.call('GetOperationState', [session, 0])
    },
  ],
  [
    'a state of somewhere else',
    'CKR_SAVED_STATE_INVALID',
    (program, session) => program.call('SetOperationState', [session, text('a'), 0n, 0n]),
  ],
  ['a copy', 'CKR_ACTION_PROHIBITED', (program, session, key) => program.call('CopyObject', [session, key, []])],
  [
    'a copy of nothing',
    'CKR_OBJECT_HANDLE_INVALID',
    (program, session) => program.call('CopyObject', [session, 5n, []]),
  ],
  [
    'a digest of a private key',
    'CKR_KEY_INDIGESTIBLE',
    async (program, session, key) => {
      await program.call('DigestInit', [session, { type: CKM.SHA256 }])
      await program.call('DigestKey', [session, key])
    },
  ],
  [
    'a public key destroyed without its private one',
    'CKR_ACTION_PROHIBITED',
    (program, session, key) => program.call('DestroyObject', [session, key + 1n]),
  ],
  ['a wait for slots', 'CKR_FUNCTION_NOT_SUPPORTED', (program) => program.call('WaitForSlotEvent', [0n])],
  ['a look for slots', 'CKR_NO_EVENT', (program) => program.call('WaitForSlotEvent', [1n])],
  [
    'a search in no search',
    'CKR_OPERATION_NOT_INITIALIZED',
    (program, session) => program.call('FindObjects', [session, 1]),
  ],
  [
    'two searches at once',
    'CKR_OPERATION_ACTIVE',
    async (program, session) => {
      await program.call('FindObjectsInit', [session, []])
      await program.call('FindObjectsInit', [session, []])
    },
  ],
  [
    'two signatures at once',
    'CKR_OPERATION_ACTIVE',
    async (program, session, key) => {
      await program.call('SignInit', [session, { type: CKM.ECDSA }, key])
      await program.call('SignInit', [session, { type: CKM.ECDSA }, key])
    },
  ],
  [
    'a digest in pieces',
    'CKR_FUNCTION_NOT_SUPPORTED',
    async (program, session, key) => {
      await program.call('SignInit', [session, { type: CKM.ECDSA }, key])
      await program.call('SignUpdate', [session, text('a')])
    },
  ],
  [
    'an empty digest',
    'CKR_DATA_LEN_RANGE',
    async (program, session, key) => {
      await program.call('SignInit', [session, { type: CKM.ECDSA }, key])
      await program.call('Sign', [session, text(''), 64])
    },
  ],
  [
    'a digest of 65 bytes',
    'CKR_DATA_LEN_RANGE',
    async (program, session, key) => {
      await program.call('SignInit', [session, { type: CKM.ECDSA }, key])
      await program.call('Sign', [session, new Uint8Array(65), 64])
    },
  ],
  [
    'a change in a read-only session',
    'CKR_SESSION_READ_ONLY',
    async (program) => {
      const [readOnly] = await program.call('OpenSession', [1n, 4n])
      await generateKeyPair(program, readOnly)
    },
  ],
  [
    'a session after it was closed',
    'CKR_SESSION_HANDLE_INVALID',
    async (program, session) => {
      await program.call('CloseSession', [session])
      await program.call('GetSessionInfo', [session])
    },
  ],
  [
    'a session after all were closed',
    'CKR_SESSION_HANDLE_INVALID',
    async (program, session) => {
      await program.call('CloseAllSessions', [1n])
      await program.call('GetSessionInfo', [session])
    },
  ],
  [
    'a call after C_Finalize',
    'CKR_CRYPTOKI_NOT_INITIALIZED',
    async (program) => {
      await program.call('Finalize', [])
      await program.call('GetInfo', [])
    },
  ],
  [
    'a place that the chip does not have',
    'CKR_ATTRIBUTE_VALUE_INVALID',
    (program, session) => generateKeyPair(program, session, 9),
  ],
  [
    'another curve',
    'CKR_CURVE_NOT_SUPPORTED',
    (program, session) => generate(program, session, { curve: '06052b81040023' }),
  ],
  ['no curve', 'CKR_TEMPLATE_INCOMPLETE', (program, session) => generate(program, session, { curve: '' })],
  [
    'a key of a session',
    'CKR_TEMPLATE_INCONSISTENT',
    (program, session) => generate(program, session, { type: CKA.TOKEN, value: 0 }),
  ],
  [
    'an extractable key',
    'CKR_TEMPLATE_INCONSISTENT',
    (program, session) => generate(program, session, { type: CKA.EXTRACTABLE, value: 1 }),
  ],
  [
    'a key that is not sensitive',
    'CKR_TEMPLATE_INCONSISTENT',
    (program, session) => generate(program, session, { type: CKA.SENSITIVE, value: 0 }),
  ],
  [
    'a key that does not sign',
    'CKR_TEMPLATE_INCONSISTENT',
    (program, session) => generate(program, session, { type: CKA.SIGN, value: 0 }),
  ],
  [
    'an attribute twice',
    'CKR_TEMPLATE_INCONSISTENT',
    (program, session) =>
      program.call('CreateObject', [
        session,
        [
          { type: CKA.CLASS, value: CKO.DATA },
          { type: CKA.CLASS, value: CKO.DATA },
        ],
      ]),
  ],
  [
    'an attribute without a value',
    'CKR_ATTRIBUTE_VALUE_INVALID',
    (program, session) => program.call('CreateObject', [session, [{ type: CKA.CLASS }]]),
  ],
  [
    'an object without a class',
    'CKR_TEMPLATE_INCOMPLETE',
    (program, session) => program.call('CreateObject', [session, [{ type: CKA.TOKEN, value: 1 }]]),
  ],
  [
    'an imported key',
    'CKR_TEMPLATE_INCONSISTENT',
    (program, session) => program.call('CreateObject', [session, [{ type: CKA.CLASS, value: CKO.PRIVATE_KEY }]]),
  ],
  [
    'a certificate that is none',
    'CKR_ATTRIBUTE_VALUE_INVALID',
    (program, session) =>
      program.call('CreateObject', [
        session,
        [
          { type: CKA.CLASS, value: CKO.CERTIFICATE },
          { type: CKA.TOKEN, value: 1 },
          { type: CKA.VALUE, value: text('no') },
        ],
      ]),
  ],
]

for (const [what, code, act] of REFUSALS) {
  test(`${what} is answered with ${code}`, async (context) => {
    const bench = await tokenBench(context)
    const program = await bench.program()
    const session = await openSession(program)
    const [, key] = await generateKeyPair(program, session)
    await refusesCall(act(program, session, key), code)
    await program.call('GetSlotList', [1, 10]).catch((error: unknown) => assert.ok(isFault(error, 'CRYPTOKI_REFUSED')))
  })
}

function generate(
  program: CryptokiConnection,
  session: bigint,
  change: { readonly curve?: string; readonly type?: number; readonly value?: number },
): Promise<unknown> {
  const { curve = '06082a8648ce3d030107', type = CKA.SIGN, value = 1 } = change
  const parameters = curve === '' ? [] : [{ type: CKA.EC_PARAMS, value: Uint8Array.from(Buffer.from(curve, 'hex')) }]
  const wanted = new Map([
    [CKA.TOKEN as number, 1],
    [type, value],
  ])
  const template = [...wanted].map(([each, its]) => ({ type: each, value: its }))
  return program.call('GenerateKeyPair', [session, { type: CKM.EC_KEY_PAIR_GEN }, parameters, template])
}

test('a locked slot is written no more', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  await generateKeyPair(program, session, 1)
  await bench.chip.lock('0xE0F1')
  await refusesCall(generateKeyPair(program, session, 1), 'CKR_TOKEN_WRITE_PROTECTED')
  for (const id of [2, 3]) await generateKeyPair(program, session, id)
  await refusesCall(generateKeyPair(program, session), 'CKR_DEVICE_MEMORY')
})
