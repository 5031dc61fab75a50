import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import {
  CHEAP,
  findObjects,
  generateKeyPair,
  memoryPins,
  openSession,
  refusesCall,
  tokenBench,
} from '../../../../testing/testkit/token-bench.ts'
import { CKA, CKF, CKO, CKR, PIN_TRIES_MAX, type PinRecord, Refusal, SO_PIN_TRIES_MAX } from '../index.ts'
import { type CryptokiConnection, chipPins, openPinFile } from './index.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

async function flagsOf(program: CryptokiConnection): Promise<bigint> {
  const info = await program.call('GetTokenInfo', [1n])
  return info[4]
}

test('a token’s flags tell how many tries are left', async (context) => {
  const bench = await tokenBench(context, { pin: '4711', soPin: '87654321' })
  const program = await bench.program()
  const session = await openSession(program)
  const always = CKF.RNG | CKF.LOGIN_REQUIRED | CKF.USER_PIN_INITIALIZED | CKF.TOKEN_INITIALIZED
  const wrong = () => program.call('Login', [session, 1n, text('0000')])
  assert.equal(await flagsOf(program), always)
  await refusesCall(wrong(), 'CKR_PIN_INCORRECT')
  assert.equal(await flagsOf(program), always | CKF.USER_PIN_COUNT_LOW)
  await refusesCall(wrong(), 'CKR_PIN_INCORRECT')
  assert.equal(await flagsOf(program), always | CKF.USER_PIN_COUNT_LOW | CKF.USER_PIN_FINAL_TRY)
  await refusesCall(wrong(), 'CKR_PIN_LOCKED')
  assert.equal(await flagsOf(program), always | CKF.USER_PIN_LOCKED)
  await refusesCall(program.call('Login', [session, 0n, text('00000000')]), 'CKR_PIN_INCORRECT')
  assert.equal(await flagsOf(program), always | CKF.USER_PIN_LOCKED | CKF.SO_PIN_COUNT_LOW)
  await program.call('Login', [session, 0n, text('87654321')])
  assert.equal(await flagsOf(program), always | CKF.USER_PIN_LOCKED)
  await program.call('InitPIN', [session, text('2222')])
  await program.call('Logout', [session])
  await program.call('Login', [session, 1n, text('2222')])
  assert.equal(await flagsOf(program), always)
})

test('the security officer sets PINs and sees no keys', async (context) => {
  const bench = await tokenBench(context, { pin: '4711', soPin: '87654321' })
  const program = await bench.program()
  const session = await openSession(program)
  await program.call('Login', [session, 1n, text('4711')])
  await refusesCall(program.call('Login', [session, 0n, text('87654321')]), 'CKR_USER_ANOTHER_ALREADY_LOGGED_IN')
  await generateKeyPair(program, session)
  await program.call('Logout', [session])
  const [reader] = await program.call('OpenSession', [1n, 4n])
  await refusesCall(program.call('Login', [session, 0n, text('87654321')]), 'CKR_SESSION_READ_ONLY_EXISTS')
  await program.call('CloseSession', [reader])
  await program.call('Login', [session, 0n, text('87654321')])
  assert.deepEqual(await program.call('GetSessionInfo', [session]), [1n, 4n, 6n, 0n])
  await refusesCall(program.call('OpenSession', [1n, 4n]), 'CKR_SESSION_READ_WRITE_SO_EXISTS')
  assert.deepEqual(await findObjects(program, session, [{ type: CKA.CLASS, value: CKO.PRIVATE_KEY }]), [])
  await refusesCall(generateKeyPair(program, session), 'CKR_USER_NOT_LOGGED_IN')
  await refusesCall(program.call('InitPIN', [session, text('1')]), 'CKR_PIN_LEN_RANGE')
  await refusesCall(program.call('InitPIN', [session, text('12\u000045')]), 'CKR_PIN_INVALID')
  await program.call('SetPIN', [session, text('87654321'), text('12345678')])
  await program.call('Logout', [session])
  await refusesCall(program.call('InitPIN', [session, text('1234')]), 'CKR_USER_NOT_LOGGED_IN')
  await refusesCall(program.call('Login', [session, 0n, text('87654321')]), 'CKR_PIN_INCORRECT')
  await program.call('Login', [session, 0n, text('12345678')])
})

test('a user changes the PIN, logged in or not, and wrong old ones are counted', async (context) => {
  const bench = await tokenBench(context, { pin: '4711' })
  const program = await bench.program()
  const session = await openSession(program)
  await program.call('SetPIN', [session, text('4711'), text('new one')])
  await program.call('Login', [session, 1n, text('new one')])
  await program.call('SetPIN', [session, text('new one'), text('4712')])
  await refusesCall(program.call('SetPIN', [session, text('4712'), text('1')]), 'CKR_PIN_LEN_RANGE')
  const [reader] = await program.call('OpenSession', [1n, 4n])
  await refusesCall(program.call('SetPIN', [reader, text('4712'), text('1234')]), 'CKR_SESSION_READ_ONLY')
  for (let count = 1; count < PIN_TRIES_MAX; count++) {
    await refusesCall(program.call('SetPIN', [session, text('0000'), text('1234')]), 'CKR_PIN_INCORRECT')
  }
  await refusesCall(program.call('SetPIN', [session, text('0000'), text('1234')]), 'CKR_PIN_LOCKED')
  await refusesCall(program.call('SetPIN', [session, text('4712'), text('1234')]), 'CKR_PIN_LOCKED')
})

test('C_InitToken makes an empty token with a label and an officer, who is asked the next time', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  await generateKeyPair(program, session)
  await bench.chip.lock('0xE0F1')
  await generateKeyPair(program, session)
  await refusesCall(program.call('SetPIN', [session, text(''), text('4711')]), 'CKR_PIN_INCORRECT')
  const label = text('a name'.padEnd(32))
  await program.call('CloseSession', [session])
  await refusesCall(program.call('InitToken', [1n, text('1'), label]), 'CKR_PIN_LEN_RANGE')
  await program.call('InitToken', [1n, text('87654321'), Uint8Array.of(...label, 0x20, 0x41)])
  const info = await program.call('GetTokenInfo', [1n])
  assert.deepEqual(info[0], label)
  assert.equal(info[4], CKF.RNG | CKF.TOKEN_INITIALIZED | CKF.LOGIN_REQUIRED)
  const next = await openSession(program)
  await refusesCall(program.call('Login', [next, 1n, text('4711')]), 'CKR_USER_PIN_NOT_INITIALIZED')
  await program.call('Login', [next, 0n, text('87654321')])
  await program.call('InitPIN', [next, text('4711')])
  await program.call('Logout', [next])
  await program.call('Login', [next, 1n, text('4711')])
  const keys = await findObjects(program, next, [{ type: CKA.CLASS, value: CKO.PRIVATE_KEY }])
  assert.equal(keys.length, 2, 'what is locked stays: the first key, and the vendor’s')
  await program.call('Finalize', [])
  await program.call('Initialize', [text(''), 0, text('')])
  await refusesCall(program.call('InitToken2', [1n, text('wrong one'), label]), 'CKR_PIN_INCORRECT')
  await program.call('InitToken2', [1n, text('87654321'), label])
  await refusesCall(program.call('InitToken', [1n, text('87654321'), Uint8Array.of(0xff, 0xfe)]), 'CKR_ARGUMENTS_BAD')
})

test('PINs and their counters survive a restart; a damaged file is left untouched', async (context) => {
  const path = join(await scratchFolder(context), 'meter.chip.token')
  const first = openPinFile(path)
  assert.equal(await first.provide('user', text('4711')), true)
  await assert.rejects(first.present('user', text('0000')), isCode(CKR.PIN_INCORRECT))
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const second = openPinFile(path)
  assert.equal(await second.provide('user', text('0815')), false, 'a PIN that is there stays')
  await assert.rejects(second.present('user', text('0000')), isCode(CKR.PIN_INCORRECT))
  await assert.rejects(openPinFile(path).present('user', text('0000')), isCode(CKR.PIN_LOCKED))
  await assert.rejects(openPinFile(path).present('user', text('4711')), isCode(CKR.PIN_LOCKED))
  for (const content of [
    'no JSON',
    '[]',
    '{}',
    '{"birthmark-token-pins":2}',
    '{"birthmark-token-pins":1,"user":5}',
    '{"birthmark-token-pins":1,"user":{"sealed":"","wrongCount":-1}}',
    '{"birthmark-token-pins":1,"label":5}',
  ]) {
    writeFileSync(path, content)
    assert.throws(
      () => openPinFile(path),
      (error) => isFault(error, 'CRYPTOKI_FILE_DAMAGED'),
    )
  }
})

test('a try is counted before it is judged: what is kept at any moment never gives one for nothing', async () => {
  const kept: PinRecord[] = []
  const store = { record: {} as PinRecord, write: (next: PinRecord) => void kept.push((store.record = next)) }
  const pins = chipPins(store, CHEAP)
  await pins.provide('user', text('4711'))
  kept.length = 0
  await pins.present('user', text('4711'))
  assert.deepEqual(
    kept.map(({ user }) => user?.wrongCount),
    [1, 0],
  )
  kept.length = 0
  const tries = await Promise.allSettled(Array.from({ length: 10 }, () => pins.present('user', text('0000'))))
  assert.ok(tries.every(({ status }) => status === 'rejected'))
  assert.deepEqual(
    kept.map(({ user }) => user?.wrongCount),
    [1, 2, 3],
    'ten programs at once have no more tries than one',
  )
})

test('a disk that takes no counter gives no try', async () => {
  const record: PinRecord = (await sealedRecord()).record
  const full = {
    record,
    write: (): never => {
      throw new TypeError('the disk is full')
    },
  }
  const pins = chipPins(full, CHEAP)
  await assert.rejects(pins.present('user', text('4711')), TypeError)
  await assert.rejects(pins.present('user', text('0000')), TypeError)
})

test('the security officer’s PIN is locked for good', async () => {
  const pins = await memoryPins({ soPin: '87654321' })
  for (let count = 1; count < SO_PIN_TRIES_MAX; count++) {
    await assert.rejects(pins.present('so', text('0000')), isCode(CKR.PIN_INCORRECT))
  }
  await assert.rejects(pins.present('so', text('0000')), isCode(CKR.PIN_LOCKED))
  await assert.rejects(pins.present('so', text('87654321')), isCode(CKR.PIN_LOCKED))
  assert.equal(pins.flags & CKF.SO_PIN_LOCKED, CKF.SO_PIN_LOCKED)
})

async function sealedRecord(): Promise<{ record: PinRecord }> {
  const store = { record: {} as PinRecord, write: (next: PinRecord) => void (store.record = next) }
  await chipPins(store, CHEAP).provide('user', text('4711'))
  return store
}

function isCode(code: bigint): (error: unknown) => boolean {
  return (error) => error instanceof Refusal && error.code === code
}
