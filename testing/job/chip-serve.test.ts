import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { connectBus, serveSlave } from '@birthmark/chip/i2c/adapters'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { isFault } from '@birthmark/foundation/kernel'
import { type Ended, type Running, runBirthmark, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** `birthmark chip serve` as drivers are tested with: faults, clocks, and a server that goes away. */

test('a chip that is served with faults is survived by the driver: right answers or declared faults', async (t) => {
  const outcomes = async (seed: string): Promise<string[]> => {
    const { socket, server, ready } = await serve(t, ['--fault', ALL_FAULTS, '--seed', seed])
    assert.deepEqual(ready['seed'], Number(seed))
    const found: string[] = []
    const element = await openPatiently(socket)
    for (let count = 0; count < 40; count++) {
      found.push(
        await element.random(16).then(
          (bytes) => String(bytes.length),
          (error: unknown) => (isFault(error) ? `${error.code} ${String(error.context['executed'])}` : String(error)),
        ),
      )
    }
    await element.close()
    await stopsInOrder(server)
    return found
  }
  const [one, other] = [await outcomes('7'), await outcomes('8')]
  for (const outcome of [...one, ...other]) assert.match(outcome, /^(?:16$|TRUST_X_[A-Z_]+ (?:no|unknown)$)/)
  assert.ok(one.filter((outcome) => outcome === '16').length > 10, one.join(', '))
})

test('a switch that is off leaves a chip without faults, and one at rate 1 lets nobody through', async (t) => {
  const calm = await serve(t, ['--fault', 'nack=0,crc=0,lost=0,late=0,reset=0,brownout=0'])
  assert.equal((await chip(['random', '--socket', calm.socket])).status, 0)
  const deaf = await serve(t, ['--fault', 'nack=1'])
  const ended = await chip(['random', '--socket', deaf.socket])
  const { error } = JSON.parse(ended.stdout)
  assert.deepEqual([ended.status, error.code, error.executed], [1, 'TRUST_X_COMMAND_LOST', 'no'])
  assert.match(ended.stderr, /I2C_NOT_ACKNOWLEDGED\); carried out: no/)
})

test('every chip of a tray has faults of its own', async (t) => {
  const folder = await scratchFolder(t)
  assert.equal((await chip(['new', '--tray', folder, '--count', '2'])).status, 0)
  const tray = startBirthmark(['chip', 'serve', '--tray', folder, '--fault', 'crc=0.2', '--seed', '1', '--json'])
  t.after(() => tray.child.kill())
  const [line] = await tray.said(/^\{"ready":true.*\}$/m)
  assert.deepEqual(JSON.parse(line), { ready: true, chips: 2, seed: 1 })
  for (const name of ['00001.sock', '00002.sock']) {
    const element = await openPatiently(join(folder, name))
    await element.close()
  }
  await stopsInOrder(tray)
})

test('a chip in the data sheet’s time sleeps when it is left alone, and the driver wakes it', async (t) => {
  const { socket } = await serve(t, ['--timing', 'datasheet', '--bus-khz', '100'])
  const bus = await connectBus(socket)
  await setTimeout(200)
  await assert.rejects(bus.write(Uint8Array.of(0x82)), (error) => isFault(error, 'I2C_NOT_ACKNOWLEDGED'))
  const element = await TrustX.open(bus)
  await setTimeout(200)
  assert.equal((await element.random(16)).length, 16)
  await element.close()
})

/** Rows: when the bus disappears, what the command line must say of the key pair that it wanted. */
const GONE: readonly (readonly [when: string, executed: string, isIt: (frame: Uint8Array) => boolean])[] = [
  ['before the first command', 'no', () => true],
  ['when the chip has the command', 'unknown', (frame) => frame[5] === 0x38],
]

for (const [when, executed, isIt] of GONE) {
  test(`a bus that disappears ${when}: carried out, ${executed}`, async (t) => {
    const socket = join(await scratchFolder(t), 'meter.sock')
    const served = await openVirtualChip()
    t.after(() => served.close())
    const server = await serveSlave(socket, {
      get address() {
        return served.slave.address
      },
      write: (bytes) => {
        const isTaken = served.slave.write(bytes)
        const isCommand = bytes[0] === 0x80 && bytes.length > 6
        if (isCommand && isIt(bytes)) void server.close()
        return isTaken
      },
      read: (count) => served.slave.read(count),
      powerUp: () => served.slave.powerUp(),
      powerDown: () => served.slave.powerDown(),
    })
    const ended = await chip(['keygen', '0xE0F1', '--socket', socket])
    const { error } = JSON.parse(ended.stdout)
    assert.deepEqual([ended.status, error.code, error.executed], [1, 'TRUST_X_COMMAND_LOST', executed])
    assert.match(
      ended.stderr,
      new RegExp(`The chip was lost during \\w+ \\(I2C_BUS_GONE\\); carried out: ${executed}\\.`),
    )
    assert.equal(served.memory.objects.has(0xe0f1), executed === 'unknown')
  })
}

test('a socket where nobody listens: nothing was carried out', async (t) => {
  const folder = await scratchFolder(t)
  const ended = await chip(['random', '--socket', join(folder, 'none.sock')])
  const { error } = JSON.parse(ended.stdout)
  assert.deepEqual([ended.status, error.code, error.executed], [1, 'I2C_BUS_UNREACHABLE', 'no'])
})

test('what the chip refuses was not carried out', async (t) => {
  const { socket } = await serve(t, [])
  const ended = await chip(['write', '0xE0C2', '--hex', '00', '--socket', socket])
  const { error } = JSON.parse(ended.stdout)
  assert.deepEqual([ended.status, error.code, error.executed], [1, 'TRUST_X_ACCESS_DENIED', 'no'])
})

test('switches that make no sense are wrong usage', async () => {
  const wrong = [
    ['--fault', 'thunder=0.1'],
    ['--seed', 'x'],
    ['--bus-khz', '1001'],
  ]
  const ended = await Promise.all(wrong.map((words) => chip(['serve', '--chip', 'x', '--socket', 'y', ...words])))
  for (const { status, stdout } of ended) {
    assert.deepEqual([status, JSON.parse(stdout).error.code], [2, 'USAGE_WRONG'], stdout)
  }
})

const ALL_FAULTS = 'nack=0.05,crc=0.05,lost=0.05,late=0.05,reset=0.02,brownout=0.02'

interface Served {
  readonly socket: string
  readonly server: Running
  readonly ready: Readonly<Record<string, unknown>>
}

/** Serves a new chip. */
async function serve(t: TestContext, words: readonly string[]): Promise<Served> {
  const folder = await scratchFolder(t)
  const socket = join(folder, 'meter.sock')
  const server = startBirthmark([
    'chip',
    'serve',
    '--chip',
    join(folder, 'meter.chip'),
    '--socket',
    socket,
    '--json',
    ...words,
  ])
  t.after(() => server.child.kill())
  const [line] = await server.said(/^\{"ready":true.*\}$/m)
  return { socket, server, ready: JSON.parse(line) }
}

/** Opens a chip that may be lost on the way: whoever is told so tries again. */
async function openPatiently(socket: string): Promise<TrustX> {
  for (let tries = 0; ; tries++) {
    const bus = await connectBus(socket)
    try {
      return await TrustX.open(bus)
    } catch (error) {
      await bus.close()
      if (!isFault(error) || tries === 20) throw error
    }
  }
}

function chip(words: readonly string[]): Promise<Ended> {
  return runBirthmark(['chip', ...words, '--json'])
}
