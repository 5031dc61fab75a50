import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openVirtualChip, serveChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { type Fault, fromHex, isFault, millis, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import { encodeFrame, type I2cSlave } from '../index.ts'
import { connectBus, HOSTS_WAITING_MAX, serveSlave } from './index.ts'

/** A virtual chip that listens, and what its server complained of. */
async function listeningChip(context: TestContext, where: 'path' | 'port' = 'port') {
  const chip = await openVirtualChip()
  const faults: Fault[] = []
  const address = where === 'port' ? 0 : join(await scratchFolder(context), 'chip.sock')
  const server = await serveChip(address, chip, (fault) => faults.push(fault))
  context.after(async () => {
    await server.close()
    await chip.close()
  })
  return { chip, server, faults, address: server.address }
}

for (const where of ['path', 'port'] as const) {
  test(`a host works with a chip behind a socket, by its ${where}`, async (context) => {
    const { address, chip } = await listeningChip(context, where)
    const element = await TrustX.open(await connectBus(address))
    assert.equal((await element.identify()).uid, chip.uid)
    await element.generateKey('0xE0F1')
    await element.writeCertificate('0xE0E1', new Uint8Array(1700).fill(0x30))
    assert.equal((await element.readCertificate('0xE0E1'))?.length, 1700)
    await element.close()
  })
}

test('a socket belongs to its owner alone', async (context) => {
  const { address } = await listeningChip(context, 'path')
  assert.equal(statSync(String(address)).mode & 0o777, 0o600)
})

test('a connection is a power cycle: memory stays, sessions and the application do not', async (context) => {
  const { address } = await listeningChip(context)
  const first = await TrustX.open(await connectBus(address))
  await first.setDataObject(0xf1d0, Uint8Array.of(1, 2, 3))
  await first.close()
  const raw = await RawHost.connect(address)
  context.after(() => raw.close())
  // GetDataObject before OpenApplication.
  const packet = fromHex('00 01 00 0002 F1D0')
  const frame = encodeFrame({ kind: 'data', number: 0, acknowledges: 3, refuses: false, packet })
  assert.equal(await raw.ask(`01 30 000D 80 ${toHex(frame)}`), '00300000')
  await raw.ask('01 30 0001 80')
  assert.match(await raw.ask('02 30 000A'), /^0030000a00000500ff000000/)
  raw.close()
  const second = await TrustX.open(await connectBus(address))
  assert.deepEqual(await second.getDataObject(0xf1d0), Uint8Array.of(1, 2, 3))
  await second.close()
})

test('another bus address is not acknowledged', async (context) => {
  const { address } = await listeningChip(context)
  const raw = await RawHost.connect(address)
  context.after(() => raw.close())
  assert.equal(await raw.ask('01 31 0001 82'), '01310000')
  assert.equal(await raw.ask('02 31 0004'), '01310000')
  const bus = await connectBus(address, { chipAddress: 0x20 })
  raw.close()
  await assert.rejects(bus.write(fromHex('82')), (error) => isFault(error, 'I2C_NOT_ACKNOWLEDGED'))
  await bus.close()
})

test('a pin that is low holds the chip without supply, and every rise is a power cycle', async (context) => {
  const { address } = await listeningChip(context)
  const raw = await RawHost.connect(address)
  context.after(() => raw.close())
  assert.equal(await raw.ask('01 30 0003 81 0040'), '00300000')
  assert.equal(await raw.ask('03 30 0002 11 00'), '00300000')
  assert.equal(await raw.ask('01 30 0001 81'), '01300000')
  assert.equal(await raw.ask('03 30 0002 1B 00'), '00300000')
  assert.equal(await raw.ask('03 30 0002 11 01'), '00300000')
  assert.equal(await raw.ask('01 30 0001 81'), '01300000', 'the other pin is still low')
  assert.equal(await raw.ask('03 30 0002 1B 01'), '00300000')
  assert.equal(await raw.ask('01 30 0001 81'), '00300000')
  assert.equal(await raw.ask('02 30 0002'), '003000020115')
})

test('requests that come in pieces or many at once are answered in order', async (context) => {
  const { address } = await listeningChip(context)
  const raw = await RawHost.connect(address)
  context.after(() => raw.close())
  const request = '01 30 0001 82 02 30 0004'
  for (const byte of fromHex(request)) raw.send(toHex(Uint8Array.of(byte)))
  assert.equal(await raw.receive(12), '003000000030000408000000')
  raw.send(request.repeat(500))
  assert.equal(await raw.receive(12 * 500), '003000000030000408000000'.repeat(500))
})

/** Rows: what is sent, why it is no bus. */
const GARBLED: readonly (readonly [sent: string, why: string])[] = [
  ['00 30 0000', 'no such operation'],
  ['04 30 0000', 'no such operation'],
  ['03 30 0001 00', 'a pin without level'],
  ['03 30 FFFF', 'a pin with too much'],
  ['47 45 54 20 2F 20 48 54 54 50', 'another protocol'],
]

for (const [sent, why] of GARBLED) {
  test(`${sent} is closed with I2C_BUS_GARBLED: ${why}`, async (context) => {
    const { address, faults } = await listeningChip(context)
    const raw = await RawHost.connect(address)
    context.after(() => raw.close())
    raw.send(sent)
    await raw.closed()
    assert.deepEqual(
      faults.map(({ code }) => code),
      ['I2C_BUS_GARBLED'],
    )
    const element = await TrustX.open(await connectBus(address))
    await element.close()
  })
}

test('arbitrary bytes are answered in full or closed, and the chip lives on', async (context) => {
  const { address, faults } = await listeningChip(context)
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 60 }), async (bytes) => {
      const raw = await RawHost.connect(address)
      raw.socket.end(bytes)
      await raw.closed()
    }),
    { numRuns: 40 },
  )
  assert.ok(faults.every(({ code }) => code === 'I2C_BUS_GARBLED'))
  const element = await TrustX.open(await connectBus(address))
  assert.equal((await element.random(8)).length, 8)
  await element.close()
})

test('a host that asks for much and reads nothing costs a bounded amount', async (context) => {
  const { address } = await listeningChip(context)
  const raw = await RawHost.connect(address)
  raw.socket.pause()
  const before = process.memoryUsage().arrayBuffers
  // 20,000 reads of 64 KiB: 1.3 GB of answers.
  raw.socket.write(Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([2, 0x30, 0xff, 0xff]))))
  const other = await connectBus(address)
  // Long enough for the server to have read everything that the kernel lets it.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024)
  raw.close()
  await other.write(fromHex('82'))
  await other.close()
})

test('a second host waits for the first; too many are sent away', async (context) => {
  const { address, faults } = await listeningChip(context)
  const first = await TrustX.open(await connectBus(address))
  const waiting = await Promise.all(Array.from({ length: HOSTS_WAITING_MAX }, () => connectBus(address)))
  const opening = TrustX.open(waiting[0]!)
  const tooMany = await RawHost.connect(address)
  await tooMany.closed()
  assert.deepEqual(
    faults.map(({ code }) => code),
    ['I2C_BUS_CROWDED'],
  )
  assert.equal((await first.random(8)).length, 8)
  await first.close()
  assert.equal((await (await opening).random(8)).length, 8)
  await Promise.all(waiting.map((bus) => bus.close()))
})

test('a server that goes away fails the command under way, which may have been executed', async (context) => {
  const { address, server, chip } = await listeningChip(context)
  const element = await TrustX.open(await connectBus(address))
  const commands = Array.from({ length: 5 }, (_, number) => element.setDataObject(0xf1d0 + number, Uint8Array.of(1)))
  const settled = Promise.allSettled(commands)
  await commands[0]
  await server.close()
  const faults = (await settled).filter((result) => result.status === 'rejected').map(({ reason }): unknown => reason)
  assert.ok(faults.length > 0)
  for (const [index, fault] of faults.entries()) {
    assert.ok(isFault(fault, 'TRUST_X_COMMAND_LOST'), String(fault))
    // Those that had not begun were certainly not executed.
    if (index > 0) assert.equal(fault.context['executed'], 'no')
  }
  assert.deepEqual(chip.memory.objects.get(0xf1d0)?.content, Uint8Array.of(1))
})

test('a chip that vanishes right after a command was sent leaves its fate unknown', async (context) => {
  const chip = await openVirtualChip()
  let isArmed = false
  const vanishing: I2cSlave = {
    get address() {
      return chip.slave.address
    },
    write: (bytes) => {
      const isTaken = chip.slave.write(bytes)
      if (isArmed && bytes.length > 10) void server.close()
      return isTaken
    },
    read: (count) => chip.slave.read(count),
    powerUp: () => chip.slave.powerUp(),
    powerDown: () => chip.slave.powerDown(),
  }
  const server = await serveSlave(0, vanishing)
  context.after(() => chip.close())
  const element = await TrustX.open(await connectBus(server.address))
  isArmed = true
  await assert.rejects(element.setDataObject(0xf1d0, Uint8Array.of(7)), (error) => {
    assert.ok(isFault(error, 'TRUST_X_COMMAND_LOST'), String(error))
    assert.equal(error.context['executed'], 'unknown')
    return true
  })
  // It was executed indeed; whoever comes next is told the truth by the chip itself.
  assert.deepEqual(chip.memory.objects.get(0xf1d0)?.content, Uint8Array.of(7))
  await assert.rejects(element.random(8), (error) => isFault(error) && error.context['executed'] === 'no')
})

/** Rows: what the other end answers to a read of four bytes, and what the host must say. */
const ANSWERS: readonly (readonly [answer: string, code: string, why: string])[] = [
  ['01 30 0000', 'I2C_NOT_ACKNOWLEDGED', 'a NACK'],
  ['FF 30 0000', 'I2C_NOT_ACKNOWLEDGED', 'any other status'],
  ['00 30 0003 000000', 'I2C_BUS_GARBLED', 'too few bytes'],
  ['00 30 0005 0000000000', 'I2C_BUS_GARBLED', 'too many bytes'],
]

for (const [answer, code, why] of ANSWERS) {
  test(`an answer ${answer} is ${code}: ${why}`, async (context) => {
    const { address } = await fakeChip(context, (socket) => socket.write(fromHex(answer)))
    const bus = await connectBus(address)
    await assert.rejects(bus.read(4), (error) => isFault(error, code))
    await bus.close()
  })
}

test('an answer that nobody asked for closes the bus', async (context) => {
  const { address } = await fakeChip(context, (socket) => socket.write(fromHex('00 30 0000 00 30 0000')))
  const bus = await connectBus(address)
  await bus.write(fromHex('82'))
  await assert.rejects(bus.write(fromHex('82')), (error) => isFault(error, 'I2C_BUS_GARBLED'))
})

test('a chip that never answers is a fault after the host’s patience', async (context) => {
  const { address } = await fakeChip(context, () => undefined)
  const bus = await connectBus(address, { patience: millis(1) })
  await assert.rejects(bus.write(fromHex('82')), (error) => isFault(error, 'I2C_BUS_GARBLED'))
})

test('a transfer that no length field holds is refused', async (context) => {
  const { address } = await listeningChip(context)
  const bus = await connectBus(address)
  await assert.rejects(bus.read(0x10000), (error) => isFault(error, 'I2C_TRANSFER_TOO_LONG'))
  await assert.rejects(bus.write(new Uint8Array(0x10000)), (error) => isFault(error, 'I2C_TRANSFER_TOO_LONG'))
  await bus.close()
  await assert.rejects(bus.read(1), (error) => isFault(error, 'I2C_BUS_GONE'))
})

test('nobody listening is a fault that names the address', async (context) => {
  const path = join(await scratchFolder(context), 'nobody.sock')
  await assert.rejects(connectBus(path), (error) => {
    assert.ok(isFault(error, 'I2C_BUS_UNREACHABLE'))
    assert.match(error.message, /nobody\.sock: ENOENT/)
    return true
  })
})

test('a socket that a dead process left behind is replaced; one that is served is not', async (context) => {
  const path = join(await scratchFolder(context), 'chip.sock')
  const leftover = createServer()
  leftover.listen(path)
  await once(leftover, 'listening')
  // A process that dies leaves the path; closing would remove it, so it is put back as a stale socket's stand-in.
  const chip = await openVirtualChip()
  context.after(() => chip.close())
  await assert.rejects(serveChip(path, chip), (error) => isFault(error, 'I2C_BUS_ADDRESS_TAKEN'))
  leftover.close()
  await once(leftover, 'close')
  const server = await serveChip(path, chip)
  assert.ok(existsSync(path))
  await server.close()
})

test('a file that is no socket is not removed', async (context) => {
  const path = join(await scratchFolder(context), 'precious')
  writeFileSync(path, 'precious')
  const chip = await openVirtualChip()
  context.after(() => chip.close())
  await assert.rejects(serveChip(path, chip), (error) => isFault(error, 'I2C_BUS_ADDRESS_TAKEN'))
  assert.ok(existsSync(path))
})

/** A host that speaks bytes. */
class RawHost {
  readonly socket: Socket
  #received = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('hex')
    })
    socket.on('error', () => undefined)
  }

  static async connect(address: string | number): Promise<RawHost> {
    const socket = typeof address === 'string' ? connect(address) : connect(address, '127.0.0.1')
    await once(socket, 'connect')
    return new RawHost(socket)
  }

  send(hex: string): void {
    this.socket.write(fromHex(hex))
  }

  async receive(count: number): Promise<string> {
    while (this.#received.length < 2 * count) await once(this.socket, 'data')
    const bytes = this.#received.slice(0, 2 * count)
    this.#received = this.#received.slice(2 * count)
    return bytes
  }

  /** Sends one request and gives its answer. */
  async ask(hex: string): Promise<string> {
    this.send(hex)
    const head = await this.receive(4)
    return head + (await this.receive(Number.parseInt(head.slice(4), 16)))
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close')
  }

  close(): void {
    this.socket.destroy()
  }
}

/** The other end of a bus, as a function of each chunk. */
async function fakeChip(
  context: TestContext,
  answer: (socket: Socket, request: Buffer) => unknown,
): Promise<{ address: number; server: Server }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => answer(socket, chunk))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return { address: typeof address === 'object' && address !== null ? address.port : 0, server }
}
