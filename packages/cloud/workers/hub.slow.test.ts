import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Registry } from '@birthmark/cloud/registry'
import { isFault, type Log, millis, type Timers } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { Hub } from './hub.ts'
import { HubBuses } from './hub-buses.ts'
import { Roster } from './roster.ts'

/** Workers as processes, with programs of a few lines. */

test('a worker that ends before it listens is told with its reason, and so is one that refuses', async (context) => {
  const silent = await hubOf(context, 'process.exit(3)')
  await assert.rejects(silent.hub.open(), (error) => {
    assert.ok(isFault(error, 'WORKER_DID_NOT_START'))
    return /worker 1 did not start: .*status 3/.test(error.message)
  })
  const refusing = await hubOf(context, 'serve({ start: () => Promise.reject(new Error("no such folder")) })')
  await assert.rejects(refusing.hub.open(), /no such folder/)
})

test('a worker that dies is started again, each time later, until it has served for a while', async (context) => {
  const { hub, events, waits, until } = await hubOf(
    context,
    'serve({ start: async () => ready(), ping: () => process.exit(5) })',
  )
  await hub.open()
  assert.equal(hub.size, 1)
  for (const wait of [1000, 2000, 4000]) {
    await until(() => waits.has(5000))
    waits.run(5000)
    await until(() => waits.has(wait))
    assert.equal(hub.size, 0)
    waits.run(wait)
    await until(() => waits.has(5000))
  }
  // It serves for half a minute.
  waits.run(30_000)
  waits.run(5000)
  await until(() => waits.has(1000))
  assert.equal(events.filter((event) => event === 'server.worker-ended').length, 4)
  assert.equal(events.filter((event) => event === 'server.worker-ready').length, 4)
  await hub.close()
})

test('a worker whose event loop does not turn is killed, and a stop does not wait for one', async (context) => {
  const stuck = 'serve({ start: async () => undefined, ping: () => { for (;;); }, stop: () => { for (;;); } })'
  const { hub, events, waits, until } = await hubOf(context, stuck)
  await hub.open()
  waits.run(5000)
  await until(() => waits.has(20_000))
  waits.run(20_000)
  await until(() => events.includes('server.worker-ended'))
  waits.run(1000)
  await until(() => events.filter((event) => event === 'server.worker-ready').length === 2)
  const closed = hub.close()
  await until(() => waits.has(10_000))
  waits.run(10_000)
  await closed
  assert.equal(hub.size, 0)
})

async function hubOf(context: TestContext, program: string) {
  const entry = join(await scratchFolder(context), 'worker.ts')
  const room = fileURLToPath(new URL('./index.ts', import.meta.url))
  writeFileSync(
    entry,
    `import { Socket } from 'node:net'
     import { Channel } from ${JSON.stringify(room)}
     const channel = new Channel(new Socket({ fd: 3 }))
     const serve = (calls) => channel.serve({ shares: () => undefined, ...calls }, () => process.exit())
     const ready = () => channel.ask('ready')
     ${program}`,
  )
  const events: string[] = []
  const log: Log = { write: (_level, event) => void events.push(event) }
  const waits = new Waits()
  const none = (): never => assert.fail('nobody asks for it')
  const buses = new HubBuses({ hashMatchesParent: false }, systemEntropy)
  const busOf = buses.of.bind(buses)
  const registry: Pick<Registry, 'onCommit'> = { onCommit: () => () => undefined }
  const world = { clock: systemClock, busOf, log }
  const parts = {
    roster: new Roster({ ...world, sessionsOf: none, presenceOf: none }),
    buses,
    busOf,
    registry,
    commit: none,
    retained: { write: none },
    presenceOf: none,
    services: new Map(),
    watchSessions: none,
    authorizers: { isThere: none, authorize: none },
    takeConnect: none,
    endClient: none,
    log,
    count: none,
  }
  const hub = new Hub<object>({ count: 1, entry, start: () => ({}), timers: waits, log }, parts)
  context.after(() => hub.close())
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((resolve) => void systemTimers.after(millis(5), () => resolve(undefined)))
  }
  return { hub, events, waits, until }
}

/** Timers whose time is over when the test says so, by how long they wait. */
class Waits implements Timers {
  readonly #waiting = new Map<number, () => void>()

  after(delay: number, task: () => void): () => void {
    this.#waiting.set(delay, task)
    return () => {
      if (this.#waiting.get(delay) === task) this.#waiting.delete(delay)
    }
  }

  has(delay: number): boolean {
    return this.#waiting.has(delay)
  }

  run(delay: number): void {
    const task = this.#waiting.get(delay)
    this.#waiting.delete(delay)
    task?.()
  }
}
