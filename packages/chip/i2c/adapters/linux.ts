import { type Fault, isFault } from '@birthmark/foundation/kernel'
import { BASE_ADDRESS, GUARD_TIME_MICROS, type I2cBus, i2cFault } from '../index.ts'
import { systemCode } from './address.ts'

/** How to talk to a chip on a Linux bus; every part has a default. */
export interface LinuxBusOptions {
  /** 7-bit address of the chip; default 0x30. */
  readonly chipAddress?: number
  /** Gives the npm package `i2c-bus`; default is to import it. */
  readonly load?: () => Promise<unknown>
}

/**
 * Opens the bus `/dev/i2c-N` through the optional npm package `i2c-bus`. Each access is one plain write or read: the
 * chip knows no repeated start. The bus speed is the one that the system was started with.
 *
 * Source: Linux 6.1, Documentation/i2c/dev-interface.rst.
 *
 * @throws `I2C_DEVICE_NAME_INVALID`, `I2C_PACKAGE_MISSING`, `I2C_DEVICE_UNUSABLE`
 */
export async function openLinuxBus(device: string, options: LinuxBusOptions = {}): Promise<I2cBus> {
  const number = /^\/dev\/i2c-(\d{1,3})$/.exec(device)?.[1]
  if (number === undefined) throw i2cFault('I2C_DEVICE_NAME_INVALID')
  const open = opener(await (options.load ?? importPackage)().catch(packageMissing))
  try {
    return new LinuxBus(await open(Number(number)), device, options.chipAddress ?? BASE_ADDRESS)
  } catch (error) {
    throw unusable(device, error)
  }
}

/** The part of `i2c-bus` (version 5) that is used: plain transactions of an opened bus. */
interface OpenedBus {
  i2cWrite(address: number, count: number, bytes: Uint8Array): Promise<{ readonly bytesWritten: number }>
  i2cRead(address: number, count: number, bytes: Uint8Array): Promise<{ readonly bytesRead: number }>
  close(): Promise<void>
}

class LinuxBus implements I2cBus {
  readonly #bus: OpenedBus
  readonly #device: string
  readonly #chipAddress: number
  #isOpen = true
  /** When the last transfer ended, on the monotonic clock. */
  #endedAt = 0

  constructor(bus: OpenedBus, device: string, chipAddress: number) {
    this.#bus = bus
    this.#device = device
    this.#chipAddress = chipAddress
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#transfer(() => this.#bus.i2cWrite(this.#chipAddress, bytes.length, Buffer.from(bytes)))
  }

  async read(count: number): Promise<Uint8Array> {
    const bytes = Buffer.alloc(count)
    const { bytesRead } = await this.#transfer(() => this.#bus.i2cRead(this.#chipAddress, count, bytes))
    return Uint8Array.from(bytes.subarray(0, bytesRead))
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#bus.close()
  }

  async #transfer<Result>(transfer: () => Promise<Result>): Promise<Result> {
    if (!this.#isOpen) throw i2cFault('I2C_BUS_GONE')
    // Shorter than any timer; the way to the kernel and back mostly takes longer anyway.
    while (performance.now() < this.#endedAt + GUARD_TIME_MICROS / 1000);
    try {
      return await transfer()
    } catch (error) {
      if (NOT_ACKNOWLEDGED.has(systemCode(error))) throw i2cFault('I2C_NOT_ACKNOWLEDGED', {}, error)
      throw unusable(this.#device, error)
    } finally {
      this.#endedAt = performance.now()
    }
  }
}

/** What drivers of Linux say when an address is not acknowledged; EIO is what some older ones have for everything. */
const NOT_ACKNOWLEDGED: ReadonlySet<string> = new Set(['ENXIO', 'EREMOTEIO', 'EIO'])

const PACKAGE: string = 'i2c-bus'

function importPackage(): Promise<unknown> {
  return import(PACKAGE)
}

function packageMissing(cause: unknown): never {
  throw i2cFault('I2C_PACKAGE_MISSING', { package: PACKAGE }, cause)
}

/** Finds `openPromisified` in what the package exports. */
function opener(module: unknown): (busNumber: number) => Promise<OpenedBus> {
  const exported = fieldOf(module, 'openPromisified') ?? fieldOf(fieldOf(module, 'default'), 'openPromisified')
  if (typeof exported !== 'function') throw i2cFault('I2C_PACKAGE_MISSING', { package: PACKAGE })
  return async (busNumber) => asBus(await exported(busNumber))
}

function asBus(value: unknown): OpenedBus {
  const isBus = ['i2cWrite', 'i2cRead', 'close'].every((name) => typeof fieldOf(value, name) === 'function')
  if (!isBus) throw i2cFault('I2C_PACKAGE_MISSING', { package: PACKAGE })
  return value as OpenedBus
}

function fieldOf(value: unknown, name: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined
  return Reflect.get(value, name)
}

function unusable(device: string, error: unknown): Fault {
  if (isFault(error)) return error
  return i2cFault('I2C_DEVICE_UNUSABLE', { target: device, why: systemCode(error) }, error)
}
