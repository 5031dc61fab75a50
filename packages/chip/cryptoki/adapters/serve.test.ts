import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { trustXFault } from '@birthmark/chip/trust-x'
import { concat, isFault, uint16 } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import { openSession, refusesCall, tokenBench } from '../../../../testing/testkit/token-bench.ts'
import { callOf } from '../calls.ts'
import {
  CALL_NAMES,
  type CallName,
  CKR,
  decodeResponse,
  encodeFrame,
  encodeRequest,
  FrameReader,
  TokenApplication,
} from '../index.ts'
import { SESSIONS_COUNT_MAX } from '../token/state.ts'
import { CryptokiConnection, serveTokens } from './index.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

test('clients up to p11-kit 0.24 are told only the mechanisms that they let through', async (context) => {
  const { token } = await tokenBench(context)
  const nothing = (): never => assert.fail('nothing is computed')
  const host = { startHash: nothing, verify: nothing, isOnCurve: nothing }
  for (const [dialect, count] of [
    [0, 5],
    [1, 8],
    [2, 8],
  ] as const) {
    const application = new TokenApplication([token], { dialect, host })
    await application.answer(encodeRequest('Initialize', [text(''), 0, text('')], dialect))
    const body = await application.answer(encodeRequest('GetMechanismList', [1n, 0], dialect))
    assert.deepEqual(decodeResponse('GetMechanismList', body, dialect), { ok: true, values: [{ size: count }] })
    const unknown = await application.answer(Uint8Array.of(0, 0, 3, 0, 0, 0, 0, 0))
    assert.deepEqual(decodeResponse('Finalize', unknown, dialect), { ok: false, code: CKR.FUNCTION_NOT_SUPPORTED })
  }
})

test('the socket belongs to its owner; a served one is not taken, a leftover one is', async (context) => {
  const bench = await tokenBench(context)
  assert.equal(statSync(bench.socket).mode & 0o777, 0o600)
  await assert.rejects(serveTokens(bench.socket, []), (error) => isFault(error, 'CRYPTOKI_SOCKET_TAKEN'))
  const folder = await scratchFolder(context)
  await assert.rejects(serveTokens(join(folder, 'x'.repeat(120)), []), (error) =>
    isFault(error, 'CRYPTOKI_SOCKET_TAKEN'),
  )
  const file = join(folder, 'file')
  writeFileSync(file, 'kept')
  await assert.rejects(serveTokens(file, []), (error) => isFault(error, 'CRYPTOKI_SOCKET_TAKEN'))
  assert.equal(readFileSync(file, 'utf8'), 'kept')
})

test('a socket is not made where others could put theirs in its place', async (context) => {
  const folder = await scratchFolder(context)
  const open = join(folder, 'open')
  mkdirSync(open)
  for (const [mode, isTaken] of [
    [0o777, false],
    [0o770, false],
    [0o1777, true],
    [0o755, true],
  ] as const) {
    chmodSync(open, mode)
    const serving = serveTokens(join(open, 'token.sock'), [])
    if (isTaken) await (await serving).close()
    else await assert.rejects(serving, (error) => isFault(error, 'CRYPTOKI_FOLDER_OPEN'))
  }
})

const isRoot = process.getuid?.() === 0
test('another user cannot connect', { skip: isRoot ? false : 'only root can act as another user' }, async (context) => {
  const bench = await tokenBench(context)
  chmodSync(dirname(bench.socket), 0o755)
  const act = `require('node:net').connect(${JSON.stringify(bench.socket)})
    .on('connect', () => console.log('connected')).on('error', (error) => console.log(error.code))`
  const tried = (uid: number): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile('/usr/bin/env', [process.execPath, '-e', act], { uid, timeout: 5000 }, (error, stdout) => {
        if (stdout === '') reject(error ?? new Error('it said nothing'))
        else resolve(stdout.trim())
      })
    })
  assert.equal(await tried(NOBODY), 'EACCES')
})

/** The user that owns nothing. */
const NOBODY = 65_534

test('arbitrary calls are answered, whatever stands in them, and other programs notice nothing', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  // Most arguments begin with a session, and a program's first one is number 1; keys of a token begin at 0x101.
  const anyNumber = fc.constantFrom<readonly number[]>([0, 1], [1, 1], [1, 2], [0, 0], [0xff, 0xff])
  const anyTail = fc.tuple(fc.boolean(), fc.array(anyNumber, { maxLength: 3 }), fc.uint8Array({ maxLength: 60 }))
  const anyFrame = fc.record({ name: fc.constantFrom(...CALL_NAMES), tail: anyTail })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(0, 1, 2, 255), fc.array(anyFrame, { maxLength: 6 }), async (version, frames) => {
      const stream = connect(bench.socket)
      const bodies = [
        encodeRequest('Initialize', [text(''), 0, text('')], 0),
        encodeRequest('OpenSession', [1n, 6n], 0),
        ...frames.map(({ name, tail: [isInSession, numbers, bytes] }) => {
          const handles = numbers.flatMap((number) => [0, 0, 0, 0, 0, 0, ...number])
          return concat(signedHead(name), isInSession ? FIRST_SESSION : text(''), Uint8Array.from(handles), bytes)
        }),
      ]
      const sent = bodies.map((body, index) => encodeFrame({ code: index + 16, body }, 'request'))
      stream.write(concat(Uint8Array.of(version), ...sent))
      const reader = new FrameReader()
      for (let answered = -1; answered < bodies.length; ) {
        const [chunk] = (await once(stream, 'data')) as [Uint8Array]
        reader.push(chunk)
        if (answered === -1) answered += reader.byte() === undefined ? 0 : 1
        for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
          assert.equal(frame.code, 16 + answered)
          answered += 1
        }
        if (answered === bodies.length) break
      }
      stream.destroy()
      await program.call('GetSessionInfo', [session])
    }),
    { numRuns: 200 },
  )
  // An element may refuse what nobody asked for in earnest; nothing may be a bug.
  for (const { blame } of bench.faults) assert.notEqual(blame, 'bug')
})

const FIRST_SESSION = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1)

/** The start of a body that carries the right number and signature, so that arbitrary arguments are looked at. */
function signedHead(name: CallName): Uint8Array {
  const { id, request } = callOf(name)
  return concat(uint16(0), uint16(id), uint16(0), uint16(request.bytes.length), request.bytes)
}

test('arbitrary bytes end their connection with a declared fault; other programs notice nothing', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const stream = connect(bench.socket)
      stream.on('error', () => undefined)
      stream.end(bytes)
      stream.resume()
      await once(stream, 'close')
      await program.call('GetSessionInfo', [session])
    }),
    { numRuns: 100 },
  )
  for (const { code } of bench.faults) assert.match(code, /^CRYPTOKI_MESSAGE_/)
})

test('an element that fails, and a bug of ours, are answered with a code and reported', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  bench.chip.random = () => Promise.reject(trustXFault('TRUST_X_COMMAND_LOST', { why: 'a test' }))
  await refusesCall(program.call('GenerateRandom', [session, 8]), 'CKR_DEVICE_ERROR')
  bench.chip.random = () => Promise.reject(new TypeError('a bug'))
  await refusesCall(program.call('GenerateRandom', [session, 8]), 'CKR_GENERAL_ERROR')
  assert.deepEqual(
    bench.faults.map(({ code }) => code),
    ['TRUST_X_COMMAND_LOST', 'CRYPTOKI_CALL_FAILED'],
  )
})

test('a program that dies in the middle of a call leaves nothing behind', async (context) => {
  const bench = await tokenBench(context)
  for (let count = 0; count < 50; count++) {
    const program = await bench.program()
    const session = await openSession(program)
    const calls = Array.from({ length: 5 }, () => program.call('GenerateRandom', [session, 1000]))
    program.close()
    for (const call of calls) await assert.rejects(call, (error) => isFault(error, 'CRYPTOKI_MODULE_LOST'))
  }
  const survivor = await bench.program()
  await openSession(survivor)
  while (bench.server.connections > 1) await survivor.call('GetInfo', [])
})

test('a program has as many sessions as the limit, and no more', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  for (let count = 0; count < SESSIONS_COUNT_MAX; count++) await openSession(program)
  await refusesCall(openSession(program), 'CKR_SESSION_COUNT')
  await program.call('CloseAllSessions', [1n])
  await openSession(program)
})

test('a module that answers nonsense, or nothing, fails the call', async (context) => {
  const bench = await tokenBench(context)
  assert.ok(bench.server.connections === 0)
  await nonsense(context, Uint8Array.of(9), 'CRYPTOKI_MODULE_LOST')
  await nonsense(context, Uint8Array.of(2, ...new Uint8Array(12)), 'CRYPTOKI_MODULE_LOST')
  await nonsense(context, Uint8Array.of(2, 0, 0, 0, 0x99, 0, 0, 0, 0, 0, 0, 0, 0), 'CRYPTOKI_MODULE_LOST')
  await nonsense(context, undefined, 'CRYPTOKI_MODULE_SILENT')
})

async function nonsense(context: TestContext, answer: Uint8Array | undefined, code: string): Promise<void> {
  const path = join(await scratchFolder(context), 'nonsense.sock')
  const server = createServer((socket) => {
    if (answer === undefined) socket.resume()
    else socket.end(answer)
  }).listen(path)
  await once(server, 'listening')
  const stream = connect(path)
  context.after(() => {
    stream.destroy()
    server.close()
  })
  await once(stream, 'connect')
  const timers = {
    after: (_delay: number, task: () => void) =>
      answer === undefined ? (queueMicrotask(task), () => undefined) : () => undefined,
  }
  const connection = new CryptokiConnection({
    input: stream,
    output: stream,
    timers,
    patience: 1000 as never,
    end: () => stream.destroy(),
  })
  await assert.rejects(connection.call('Finalize', []), (error) => isFault(error, code))
}
