import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { faults, isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { Channel } from './channel.ts'
import { deserializeFrame, FrameReader, FrameWriter } from './frames.ts'

const fault = faults({ FULL: { blame: 'busy', message: 'no room for {what}', remedy: 'Wait.' } })

interface Ours {
  add(one: number, other: number): Promise<number>
  note(text: string): void
  fail(what: string): Promise<void>
  hang(): Promise<void>
}

test('calls are answered, in the order in which they were made and behind what was told before', async () => {
  const { client, heard } = open()
  client.tell('note', 'first')
  const sum = client.ask('add', 1, 2).then((value) => heard.push(`sum ${value}`))
  client.tell('note', 'second')
  await sum
  assert.deepEqual(heard, ['first', 'second', 'sum 3'])
})

test('bytes are copied when they are said', async () => {
  const [here, there] = duplexPair()
  const seen: Uint8Array[] = []
  const client = new Channel<{ take(bytes: Uint8Array): void }, object>(here)
  const served = new Channel<object, { take(bytes: Uint8Array): void }>(there)
  client.serve({}, () => undefined)
  served.serve({ take: (bytes) => void seen.push(bytes) }, () => undefined)
  const bytes = Uint8Array.of(1, 2, 3)
  client.tell('take', bytes.subarray(1))
  bytes.fill(9)
  for (let turns = 0; turns < 5; turns += 1) await turn()
  assert.deepEqual(
    seen.map((each) => [...each]),
    [[2, 3]],
  )
})

test('a fault keeps its code, its words and its context', async () => {
  const { client } = open()
  await assert.rejects(client.ask('fail', 'this'), (error) => {
    assert.ok(isFault(error, 'FULL'))
    assert.deepEqual([error.message, error.blame, error.remedy], ['no room for this', 'busy', 'Wait.'])
    assert.deepEqual(error.context, { what: 'this' })
    return true
  })
})

test('whoever waits for an answer learns that the other side is gone, and so do those who ask later', async () => {
  const { client, end, closed } = open()
  const asked = client.ask('hang')
  await turn()
  end()
  await assert.rejects(asked, (error) => isFault(error, 'CHANNEL_CLOSED'))
  await assert.rejects(client.ask('add', 1, 1), (error) => isFault(error, 'CHANNEL_CLOSED'))
  client.tell('note', 'to nobody')
  assert.equal(closed(), 1)
})

test('one that does not listen is noticed: it is behind, then full, and has caught up when it has read', async () => {
  const { client, there } = open({ listens: false })
  assert.deepEqual([client.drained(), client.isFull], [undefined, false])
  for (let count = 0; count < 40; count += 1) {
    client.tell('note', 'x'.repeat(1024 * 1024))
    await turn()
  }
  const drained = client.drained()
  assert.ok(drained !== undefined && client.isFull)
  there.resume()
  await drained
  assert.equal(client.isFull, false)
})

test('frames arrive whole however the bytes of a stream are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.anything({ withBigInt: true, withDate: true }))),
      fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
      (turns, cuts) => {
        const writer = new FrameWriter()
        const stream = Buffer.concat(
          turns.flatMap((values) => {
            for (const value of values) writer.add(value)
            return writer.take() ?? []
          }),
        )
        const read: unknown[] = []
        const reader = new FrameReader((frame) => void read.push(...deserializeFrame(frame)))
        for (let at = 0; at < stream.length; ) {
          const end = at + (cuts.next().value ?? 1)
          reader.push(stream.subarray(at, end))
          at = end
        }
        assert.deepEqual(read, turns.flat())
      },
    ),
  )
})

function open({ listens = true } = {}) {
  const [here, there] = duplexPair()
  const heard: string[] = []
  let closes = 0
  const client = new Channel<Ours, object>(here)
  client.serve({}, () => void closes++)
  const served: Ours = {
    add: async (one, other) => one + other,
    note: (text) => void heard.push(text),
    fail: (what) => Promise.reject(fault('FULL', { what })),
    hang: () => new Promise(() => undefined),
  }
  if (listens) new Channel<object, Ours>(there).serve(served, () => undefined)
  return { client, there, heard, end: () => there.destroy(), closed: () => closes }
}
