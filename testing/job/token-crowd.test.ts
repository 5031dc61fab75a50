/** A crowd on one token server: many programs at once, many that come and go. Nothing is kept of those that went. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pauseMs } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CKM } from '@birthmark/chip/cryptoki'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { connectProgram, generateKeyPair, openSession } from '../testkit/token-bench.ts'
import type { Holdings } from '../testkit/token-server-process.ts'

test('1,000 programs have a session each, and all of them sign', async (context) => {
  const { socket, holdings } = await serverProcess(context)
  const programs = []
  for (let count = 0; count < 1000; count++) {
    const program = await connectProgram(context, socket)
    programs.push({ program, session: await openSession(program) })
  }
  const [first] = programs
  const [, key] = await generateKeyPair(first!.program, first!.session)
  const signatures = await Promise.all(
    programs.map(async ({ program, session }) => {
      await program.call('SignInit', [session, { type: CKM.ECDSA }, key])
      const [signature] = await program.call('Sign', [session, new Uint8Array(32).fill(7), 64])
      return signature
    }),
  )
  assert.equal(new Set(signatures.map((signature) => JSON.stringify(signature))).size, 1000)
  const busy = await holdings()
  assert.deepEqual([busy.connections, busy.sessions, busy.faults], [1000, 1000, []])
  for (const { program } of programs) program.close()
  await untilEmpty(holdings)
})

test('10,000 connections come and go: memory is flat within 10 %, and no slot is lost', async (context) => {
  const { socket, holdings } = await serverProcess(context)
  await comeAndGo(socket, 2_000)
  const before = await untilEmpty(holdings)
  await comeAndGo(socket, 10_000)
  const after = await untilEmpty(holdings)
  context.diagnostic(`${before.bytes} bytes before, ${after.bytes} after`)
  assert.ok(after.bytes < before.bytes * 1.1, `${before.bytes} bytes became ${after.bytes}`)
  assert.ok([...before.faults, ...after.faults].every((code) => code.startsWith('CRYPTOKI_MESSAGE_')))
  const program = await connectProgram(context, socket)
  const [slots] = await program.call('GetSlotList', [1, 16])
  assert.deepEqual(slots, [1n])
  const session = await openSession(program)
  await generateKeyPair(program, session)
})

test('who sends without end and takes no answer holds bounded memory, hinders nobody', async (context) => {
  const { socket, holdings } = await serverProcess(context)
  const program = await connectProgram(context, socket)
  const session = await openSession(program)
  const before = await holdings()
  const greedy = connect(socket)
  greedy.on('error', () => undefined)
  context.after(() => greedy.destroy())
  const call = frame(18, `00000040 00000003 ${ascii('ufy')} 0000000000000001 00010000`)
  greedy.write(Buffer.concat([GREETING, INITIALIZE, OPEN_SESSION]))
  // 100,000 calls for 64 KiB of random bytes each: more than 6 GB of answers.
  for (let count = 0; count < 100; count++) greedy.write(Buffer.concat(Array.from({ length: 1000 }, () => call)))
  for (let look = 0; look < 20; look++) {
    await program.call('GenerateRandom', [session, 1000])
    const { bytes, connections } = await holdings()
    assert.equal(connections, 2)
    assert.ok(bytes - before.bytes < GREEDY_BYTES_MAX, `it holds ${bytes - before.bytes} bytes`)
  }
})

/** What the server may hold for one connection: a message, the calls behind it, answers that nobody takes, and room. */
const GREEDY_BYTES_MAX = 4_194_304

async function serverProcess(context: TestContext) {
  const socket = join(await scratchFolder(context), 'token.sock')
  const script = fileURLToPath(new URL('../testkit/token-server-process.ts', import.meta.url))
  const child: ChildProcess = fork(script, [socket], { execArgv: ['--expose-gc'] })
  context.after(() => child.kill('SIGKILL'))
  await once(child, 'message')
  const holdings = async (): Promise<Holdings> => {
    const answer = once(child, 'message')
    child.send('how much')
    const [told] = (await answer) as [Holdings]
    return told
  }
  return { socket, holdings }
}

/** Waits until the server has noticed that everybody is gone. */
async function untilEmpty(holdings: () => Promise<Holdings>): Promise<Holdings> {
  const faults: string[] = []
  for (;;) {
    const held = await holdings()
    faults.push(...held.faults)
    if (held.connections === 0) {
      assert.equal(held.sessions, 0)
      return { ...held, faults }
    }
    await pauseMs(20)
  }
}

/** Makes connections, a few at a time, that end at every moment of a program's life. */
async function comeAndGo(socket: string, count: number): Promise<void> {
  let left = count
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const stream = connect(socket)
      stream.on('error', () => undefined)
      await once(stream, 'connect')
      const bytes = LIVES[left % LIVES.length] ?? GREETING
      if (bytes.length > 0) {
        stream.write(bytes)
        await once(stream, 'data')
      }
      stream.destroy()
    }
  }
  await Promise.all(Array.from({ length: 8 }, one))
}

const GREETING = Uint8Array.of(2)

function ascii(text: string): string {
  return Buffer.from(text).toString('hex')
}

function frame(code: number, hex: string): Buffer {
  const body = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const head = Buffer.alloc(12)
  head.writeUInt32BE(code)
  head.writeUInt32BE(body.length, 8)
  return Buffer.concat([head, body])
}

const INITIALIZE = frame(16, `00000001 00000005 ${ascii('ayyay')} 01 00000000 00 01 00000000`)
const OPEN_SESSION = frame(17, `0000000a 00000002 ${ascii('uu')} 0000000000000001 0000000000000006`)

/** Nothing, a greeting, half a call, a whole one, a session that is not closed, and nonsense. */
const LIVES: readonly Uint8Array[] = [
  new Uint8Array(0),
  GREETING,
  Buffer.concat([GREETING, INITIALIZE.subarray(0, 20)]),
  Buffer.concat([GREETING, INITIALIZE]),
  Buffer.concat([GREETING, INITIALIZE, OPEN_SESSION]),
  Buffer.concat([GREETING, Buffer.alloc(40, 0xff)]),
]
