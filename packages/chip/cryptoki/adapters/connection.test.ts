import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { type Cancel, isFault, seconds, type Timers } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { encodeFrame, encodeResponse, FrameReader } from '../index.ts'
import { CryptokiConnection } from './index.ts'

/** Time that stands still until a test lets the last timer that was set run out. */
class StandingTime implements Timers {
  #last: (() => void) | undefined
  /** How often a timer was set. */
  count = 0

  after(_delay: unknown, task: () => void): Cancel {
    this.count += 1
    this.#last = task
    return () => {
      if (this.#last === task) this.#last = undefined
    }
  }

  get isWaiting(): boolean {
    return this.#last !== undefined
  }

  runOut(): void {
    this.#last?.()
  }
}

interface Bench {
  readonly connection: CryptokiConnection
  readonly time: StandingTime
  /** What the module says. */
  readonly input: PassThrough
  /** What it hears. */
  readonly output: PassThrough
  readonly ended: () => number
}

function newBench(): Bench {
  const [input, output, time] = [new PassThrough(), new PassThrough(), new StandingTime()]
  let ended = 0
  const end = (): void => void (ended += 1)
  const connection = new CryptokiConnection({ input, output, timers: time, patience: seconds(9), end })
  return { connection, time, input, output, ended: () => ended }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('arbitrary bytes in arbitrary pieces answer no call: each fails with a declared fault, once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 })),
      fc.constantFrom(0, 1, 2, 3),
      async (pieces, version) => {
        const { connection, input, ended } = newBench()
        const calls = [
          connection.call('Initialize', [new Uint8Array(0), 0, Uint8Array.of(0)]),
          connection.call('GetInfo', []),
        ]
        const results = Promise.allSettled(calls)
        input.write(Uint8Array.of(version))
        for (const piece of pieces) input.write(piece)
        input.end()
        for (const result of await results) {
          assert.ok(result.status === 'rejected' && isFault(result.reason, 'CRYPTOKI_MODULE_LOST'))
        }
        assert.equal(ended(), 1)
        await assert.rejects(connection.call('GetInfo', []), (error) => isFault(error, 'CRYPTOKI_MODULE_LOST'))
      },
    ),
  )
})

test('calls are sent in the order in which they are made, without waiting for answers', async () => {
  const { connection, input, output } = newBench()
  const sent = ['CloseSession', 'Logout', 'FindObjectsFinal'].map((name, n) =>
    connection.call(name as 'Logout', [BigInt(n)]),
  )
  input.write(Uint8Array.of(2))
  await settled()
  const later = connection.call('Logout', [3n])
  const reader = new FrameReader()
  for (let heard = output.read(); heard !== null; heard = output.read()) reader.push(heard)
  assert.equal(reader.byte(), 2)
  const ids: (number | undefined)[] = []
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    ids.push(new DataView(frame.body.buffer, frame.body.byteOffset).getUint32(0))
    const name = (['CloseSession', 'Logout', 'FindObjectsFinal', 'Logout'] as const)[ids.length - 1] ?? 'Logout'
    input.write(encodeFrame({ code: frame.code, body: encodeResponse(name, [], 2) }, 'response'))
  }
  assert.deepEqual(ids, [11, 19, 28, 19])
  assert.deepEqual(await Promise.all([...sent, later]), [[], [], [], []])
})

test('patience begins anew with every answer, and nobody waits while no call is under way', async () => {
  const { connection, time, input } = newBench()
  const [first, second] = [connection.call('Logout', [1n]), connection.call('Logout', [2n])]
  input.write(Uint8Array.of(0))
  await settled()
  const before = time.count
  const answer = (code: number): Uint8Array => encodeFrame({ code, body: encodeResponse('Logout', [], 0) }, 'response')
  input.write(answer(0x10))
  await first
  assert.equal(time.count, before + 1)
  input.write(answer(0x11))
  await second
  assert.equal(time.isWaiting, false)
  const third = connection.call('Logout', [3n])
  assert.equal(time.isWaiting, true)
  time.runOut()
  await assert.rejects(
    third,
    (error) => isFault(error, 'CRYPTOKI_MODULE_SILENT') && error.context['executed'] === 'unknown',
  )
  assert.equal(time.isWaiting, false)
})

test('what an encoding cannot say fails its call alone', async () => {
  const { connection, input, output } = newBench()
  input.write(Uint8Array.of(0))
  await settled()
  const parameter = { kind: 'ecdh', kdf: 1n, shared: undefined, publicKey: new Uint8Array(65) } as const
  const derive = connection.call('DeriveKey', [1n, { type: 0x1050, parameter }, 2n, []])
  await assert.rejects(derive, (error) => isFault(error, 'CRYPTOKI_VALUE_SHAPE'))
  output.read()
  const logout = connection.call('Logout', [1n])
  assert.equal(connection.isLost, false)
  input.write(encodeFrame({ code: 0x10, body: encodeResponse('Logout', [], 0) }, 'response'))
  assert.deepEqual(await logout, [])
})

test('an answer that is there at once, and a call that cannot be said, leave nobody waiting', async () => {
  const { connection, time, input, output, ended } = newBench()
  const listed = connection.call('GetSlotList', [1, 16])
  const refused = connection.call('DigestInit', [1n, { type: 0x220, parameter: { kind: 'ulong', value: 1n } }])
  const reader = new FrameReader()
  let isGreeted = false
  output.on('data', (bytes: Uint8Array) => {
    reader.push(bytes)
    if (!isGreeted) reader.byte()
    isGreeted = true
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      input.write(encodeFrame({ code: frame.code, body: encodeResponse('GetSlotList', [[7n]], 0) }, 'response'))
    }
  })
  input.write(Uint8Array.of(0))
  assert.deepEqual(await listed, [[7n]])
  await assert.rejects(refused, (error) => isFault(error, 'CRYPTOKI_VALUE_SHAPE'))
  assert.deepEqual(await connection.call('GetSlotList', [1, 16]), [[7n]])
  await settled()
  assert.equal(time.isWaiting, false)
  time.runOut()
  assert.equal(ended(), 0)
})
