import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type Fault, isFault } from '@birthmark/foundation/kernel'
import { type I2cSlave, i2cFault, MessageReader, SlavePort } from '../index.ts'
import { type BusAddress, formatAddress, netOptions, systemCode } from './address.ts'

/** A chip that listens. */
export interface BusServer {
  /** Where hosts find it: a path, or the port that was chosen when 0 was asked for. */
  readonly address: BusAddress
  /** Closes the connections and the listener; the chip itself stays open. */
  close(): Promise<void>
}

/**
 * Lets a chip listen on a socket. A connection is a power cycle, and one host at a time has the chip: others wait until
 * it leaves, up to {@link HOSTS_WAITING_MAX}.
 *
 * @param onFault Hears what a connection was closed for.
 * @throws `I2C_BUS_ADDRESS_TAKEN`
 */
export async function serveSlave(
  address: BusAddress,
  slave: I2cSlave,
  onFault: (fault: Fault) => void = () => undefined,
): Promise<BusServer> {
  slave.powerDown()
  const line = new HostLine(slave, onFault)
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => line.join(socket))
  await listen(server, address)
  const bound = server.address()
  return {
    address: bound !== null && typeof bound === 'object' ? bound.port : address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        line.close()
      }),
  }
}

/** The hosts of one chip: the first has it, the others wait. */
class HostLine {
  readonly #slave: I2cSlave
  readonly #onFault: (fault: Fault) => void
  readonly #sockets: Socket[] = []
  #served: HostConnection | undefined

  constructor(slave: I2cSlave, onFault: (fault: Fault) => void) {
    this.#slave = slave
    this.#onFault = onFault
  }

  join(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#leave(socket))
    if (this.#sockets.length > HOSTS_WAITING_MAX) {
      this.#onFault(i2cFault('I2C_BUS_CROWDED', { waiting: HOSTS_WAITING_MAX }))
      socket.destroy()
      return
    }
    this.#sockets.push(socket)
    if (this.#sockets.length === 1) this.#served = new HostConnection(socket, this.#slave, this.#onFault)
  }

  close(): void {
    for (const socket of this.#sockets.toReversed()) socket.destroy()
  }

  #leave(socket: Socket): void {
    const place = this.#sockets.indexOf(socket)
    if (place === -1) return
    this.#sockets.splice(place, 1)
    if (place > 0) return
    // The chip loses its supply before the next host gives it back.
    this.#served?.close()
    const next = this.#sockets.find((waiting) => !waiting.destroyed)
    this.#served = next && new HostConnection(next, this.#slave, this.#onFault)
  }
}

/** Serves one host until it leaves. While it does not take its answers, its questions wait in the kernel. */
class HostConnection {
  readonly #socket: Socket
  readonly #port: SlavePort
  readonly #onFault: (fault: Fault) => void
  readonly #reader = MessageReader.forRequests()
  #isBlocked = false

  constructor(socket: Socket, slave: I2cSlave, onFault: (fault: Fault) => void) {
    this.#socket = socket
    this.#port = new SlavePort(slave)
    this.#onFault = onFault
    socket.on('drain', () => this.#unblock())
    socket.on('data', (chunk: Uint8Array) => {
      this.#reader.push(chunk)
      this.#answer()
    })
    socket.resume()
  }

  /** The chip loses its supply. */
  close(): void {
    this.#port.close()
  }

  #answer(): void {
    try {
      while (!this.#isBlocked) {
        const request = this.#reader.next()
        if (request === undefined) return
        this.#isBlocked = !this.#socket.write(this.#port.answer(request))
      }
      this.#socket.pause()
    } catch (error) {
      if (!isFault(error)) throw error
      this.#onFault(error)
      this.#socket.removeAllListeners('data')
      this.#socket.destroySoon()
    }
  }

  #unblock(): void {
    this.#isBlocked = false
    this.#socket.resume()
    this.#answer()
  }
}

async function listen(server: Server, address: BusAddress): Promise<void> {
  try {
    await tryListen(server, address)
  } catch (error) {
    const isTaken = typeof address !== 'string' || systemCode(error) !== 'EADDRINUSE' || !(await isLeftover(address))
    if (isTaken) throw addressFault(address, error)
    rmSync(address, { force: true })
    await tryListen(server, address).catch((again: unknown) => {
      throw addressFault(address, again)
    })
  }
  // Whoever may connect may use the keys.
  if (typeof address === 'string') chmodSync(address, 0o600)
}

function tryListen(server: Server, address: BusAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(netOptions(address), () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

/** Tells a socket that a dead process left behind from one that somebody listens on, and from any other file. */
function isLeftover(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return Promise.resolve(false)
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.once('error', (error) => resolve(systemCode(error) === 'ECONNREFUSED'))
  })
}

function addressFault(address: BusAddress, error: unknown): Fault {
  return i2cFault('I2C_BUS_ADDRESS_TAKEN', { target: formatAddress(address), why: systemCode(error) }, error)
}

/** A chip is used by one host; more than a few that wait are a mistake. Further ones are closed at once. */
export const HOSTS_WAITING_MAX = 8
