import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { trustXFault } from '@birthmark/chip/trust-x'
import { isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import { openSession, refusesCall, tokenBench } from '../../../../testing/testkit/token-bench.ts'
import { CKR, decodeResponse, encodeRequest, TokenApplication } from '../index.ts'
import { SESSIONS_COUNT_MAX } from '../token/state.ts'
import { CryptokiConnection, serveTokens } from './index.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

test('clients up to p11-kit 0.24 are told only the mechanisms that they let through', async (context) => {
  const { token } = await tokenBench(context)
  const startHash = (): never => assert.fail('nothing is hashed')
  for (const [dialect, count] of [
    [0, 5],
    [1, 7],
    [2, 7],
  ] as const) {
    const application = new TokenApplication([token], { dialect, startHash })
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
