import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeFrame, splitMessage } from '@birthmark/chip/i2c'
import { fromHex, instant, millis, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { readVectors } from '../../../testing/testkit/vectors.ts'
import { nodeCrypto } from './adapters/node-crypto.ts'
import { freshMemory } from './adapters/vendor.ts'
import { TrustXDevice } from './device.ts'
import { blankMemory, type ChipMemory } from './memory.ts'
import type { CommandWork } from './timing.ts'

interface LogVectors {
  readonly uid: string
  readonly transactions: readonly { readonly write: string; readonly read?: string; readonly after?: string }[]
}

test('the log of a real chip is repeated byte for byte', () => {
  const { uid, transactions } = readVectors<LogVectors>('trust-x/bus-log.json')
  assert.equal(transactions.length, 12)
  // In the log the open command was answered late, with an acknowledgement of its own, and reading was done in time.
  const timing = { start: millis(0), command: ({ code }: CommandWork) => millis(code === 0x70 ? 10 : 2) }
  const memory = blankMemory(fromHex(uid), new Uint8Array(16))
  let now = instant(0)
  const device = new TrustXDevice(memory, { crypto: nodeCrypto, keep: () => true, timing }, now)
  device.powerUp(now)
  for (const { write, read, after } of transactions) {
    // The host looks every 5 ms, as the vendor's library does.
    now = instant(now + (write === '82' ? 5 : 0) + (after === undefined ? 0 : 5))
    assert.equal(device.write(fromHex(write), now), true)
    if (read === undefined) continue
    const bytes = fromHex(read)
    assert.equal(toHex(device.read(bytes.length, now)!), toHex(bytes), `after W ${write}`)
  }
})

test('a chip without supply does not answer, and one that starts not yet', () => {
  const timing = { start: millis(10), command: () => millis(0) }
  const ports = { crypto: nodeCrypto, keep: () => true, timing }
  const device = new TrustXDevice(freshMemory(), ports, instant(0))
  assert.equal(device.write(fromHex('82'), instant(0)), false)
  device.powerUp(instant(0))
  assert.equal(device.write(fromHex('82'), instant(9)), false)
  assert.equal(device.read(4, instant(9)), undefined)
  assert.equal(device.write(fromHex('82'), instant(10)), true)
  device.write(fromHex('88 00 00'), instant(10))
  assert.equal(device.write(fromHex('82'), instant(19)), false)
  device.powerDown(instant(30))
  assert.equal(device.read(4, instant(40)), undefined)
})

test('a soft reset closes the application and sets the frame length back', () => {
  const device = newDevice()
  exchange(device, OPEN)
  device.write(fromHex('81 00 40'), NOW)
  device.write(fromHex('88 00 00'), NOW)
  device.write(fromHex('81'), NOW)
  assert.equal(toHex(device.read(2, NOW)!), '0115')
  assert.equal(exchange(device, '01 00 0002 E0C2'), '00ff000000')
})

test('a re-sync keeps the application open, its sessions and the last error', () => {
  const device = newDevice()
  exchange(device, OPEN)
  exchange(device, '38 03 0009 01 0002 E100 02 0001 10', 1)
  assert.equal(exchange(device, '01 00 0002 FFFF', 2), '00ff000000')
  device.write(fromHex('80 C0 00 00 0A 9A'), NOW)
  assert.equal(exchange(device, '01 00 0002 F1C2', 0), '000000000101')
  assert.match(exchange(device, `31 11 0028 01 0020 ${'11'.repeat(32)} 03 0002 E100`, 1), /^00000000/)
})

test('a memory that cannot be kept fails the command and leaves everything as it was', () => {
  let isFull = true
  const device = newDevice(() => !isFull)
  exchange(device, OPEN)
  assert.equal(exchange(device, '02 40 0005 E0E1 0000 30', 1), '00ff000000')
  assert.equal(exchange(device, '01 00 0002 F1C2', 2), '000000000106')
  assert.equal(device.memory.objects.size, 0)
  isFull = false
  assert.equal(exchange(device, '02 40 0005 E0E1 0000 30', 3), '0000000000')
  assert.equal(device.memory.objects.size, 1)
})

test('a persistent address is remembered like any object', () => {
  const kept: ChipMemory[] = []
  const device = newDevice((memory) => kept.push(memory) > 0)
  device.write(fromHex('83 80 31'), NOW)
  assert.deepEqual(
    kept.map(({ bus }) => bus.address),
    [0x31],
  )
  assert.equal(device.address, 0x31)
})

test('arbitrary commands are answered, by OutData of the length it says or by an error; nothing else', () => {
  const device = newDevice()
  const code = fc.constantFrom(0x01, 0x02, 0x0c, 0x10, 0x18, 0x19, 0x30, 0x31, 0x32, 0x33, 0x34, 0x38, 0x70, 0x1a)
  const oid = fc.constantFrom(0xe0c2, 0xe0e1, 0xe0f1, 0xe0f2, 0xe100, 0xf1c0, 0xf1c2, 0xf1d0, 0xffff)
  const param = fc.constantFrom(0x00, 0x01, 0x02, 0x03, 0x11, 0x40, 0x91, 0xe2)
  const tagged = fc
    .tuple(fc.nat({ max: 8 }), fc.uint8Array({ maxLength: 40 }))
    .map(([tag, value]) => [tag, 0, value.length, ...value])
  const parts = fc.array(
    fc.oneof(
      tagged,
      oid.map((id) => [id >> 8, id & 0xff]),
      oid.map((id) => [1, 0, 2, id >> 8, id & 0xff]),
    ),
  )
  const shaped = fc.tuple(code, param, parts).map(([cmd, prm, data]) => {
    const bytes = data.flat()
    return Uint8Array.of(cmd, prm, bytes.length >> 8, bytes.length & 0xff, ...bytes)
  })
  const frames = new Frames()
  frames.exchange(device, fromHex(OPEN))
  fc.assert(
    fc.property(fc.oneof(shaped, fc.uint8Array({ maxLength: 60 })), (command) => {
      const response = frames.exchange(device, command)
      assert.ok(response !== undefined && response.length >= 4)
      const [status, , high, low] = response
      if (status === 0xff) assert.equal(toHex(response), 'ff000000')
      else assert.deepEqual([status, (high! << 8) | low!], [0, response.length - 4])
    }),
    { numRuns: 1000 },
  )
})

const NOW = instant(0)
const OPEN = 'F0 00 0010 D2760000 0447656E41757468 4170706C'

function newDevice(keep: (memory: ChipMemory) => boolean = () => true): TrustXDevice {
  const device = new TrustXDevice(freshMemory(), { crypto: nodeCrypto, keep }, NOW)
  device.powerUp(NOW)
  return device
}

/** Sends a command in frame `number` and gives the packet that answers it, in hex. */
function exchange(device: TrustXDevice, command: string, number = 0): string {
  const packet = fromHex(`00${command}`)
  const frame = encodeFrame({ kind: 'data', number, acknowledges: (number + 3) & 3, refuses: false, packet })
  device.write(Uint8Array.of(0x80, ...frame), NOW)
  device.write(fromHex('80'), NOW)
  const length = 40
  device.write(fromHex('82'), NOW)
  const state = device.read(4, NOW)!
  device.write(fromHex('80'), NOW)
  const answer = device.read((state[2]! << 8) | state[3]! || length, NOW)!
  return toHex(answer.subarray(3, -2))
}

/** A host that counts frames, for commands and responses of any length. */
class Frames {
  #number = 3

  exchange(device: TrustXDevice, command: Uint8Array): Uint8Array | undefined {
    for (const packet of splitMessage(command, 272)) {
      const acknowledges = this.#responses
      this.#number = (this.#number + 1) & 3
      const frame = encodeFrame({ kind: 'data', number: this.#number, acknowledges, refuses: false, packet })
      device.write(Uint8Array.of(0x80, ...frame), NOW)
    }
    const response: number[] = []
    for (let size = waiting(device); size > 0; size = waiting(device)) {
      device.write(fromHex('80'), NOW)
      const frame = device.read(size, NOW)!
      if (size > 5) response.push(...frame.subarray(4, -2))
      this.#responses = (frame[0]! >> 2) & 3
      device.write(Uint8Array.of(0x80, ...encodeFrame({ kind: 'ack', number: this.#responses })), NOW)
    }
    return Uint8Array.from(response)
  }

  #responses = 3
}

function waiting(device: TrustXDevice): number {
  device.write(fromHex('82'), NOW)
  const state = device.read(4, NOW)!
  return (state[2]! << 8) | state[3]!
}
