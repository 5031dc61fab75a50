import { faultySlave, type I2cMaster, type I2cSlave, memoryBus, type SlaveFaultRates } from '@birthmark/chip/i2c'
import { type Clock, type Fault, isFault, millis, toHex } from '@birthmark/foundation/kernel'
import { asFileFault, systemClock, systemEntropy } from '@birthmark/foundation/system'
import { type ChipChoices, DEFAULT_CHOICES } from '../choices.ts'
import type { ChipCrypto } from '../crypto.ts'
import { TrustXDevice } from '../device.ts'
import type { ChipMemory } from '../memory.ts'
import { datasheetTiming } from '../timing.ts'
import { ChipFile } from './chip-file.ts'
import { type BusyCrypto, nodeCrypto, openBusyCrypto } from './node-crypto.ts'
import { type ChipVendor, makeVendor, personalise } from './vendor.ts'

/** Where a virtual chip lives and how it behaves; every part has a default. */
export interface VirtualChipOptions {
  /** Its file; made when absent. Without one the chip lives as long as the process. */
  readonly file?: string
  /** What a chip without a file, or with a new one, starts from; default is a fresh chip of {@link vendor}. */
  readonly memory?: ChipMemory
  /** Who made a fresh chip; default is one vendor per process. */
  readonly vendor?: ChipVendor
  /** `instant` (default) answers at once; `datasheet` takes the time that silicon takes. */
  readonly timing?: 'instant' | 'datasheet'
  /**
   * Speed of the bus clock in kHz, for `datasheet`; default 400. A master in this process that sets the clock decides
   * it then, and the chip's mode always limits it: 400, or 1000 in fast mode plus.
   */
  readonly clockKHz?: number
  /** What goes wrong, for testing drivers; nothing by default. */
  readonly faults?: ChipFaults
  /** What the chip does where no document says it. */
  readonly choices?: Partial<ChipChoices>
  readonly clock?: Clock
  readonly crypto?: ChipCrypto
  /**
   * For a chip that is to sign as often as it can: what signatures need beforehand is computed by a thread that all
   * such chips of the process share, from the hundredth signature on. Off by default: it takes some ten megabytes.
   */
  readonly signsOften?: boolean
  /** Hears of memory that could not be written; the command failed with error code 06 then. */
  readonly onFault?: (fault: Fault) => void
}

/** Faults that happen to a chip and on its wires. */
export interface ChipFaults extends SlaveFaultRates {
  /** Per write to its memory, 0 to 1: the supply breaks down before or after it, and the chip starts over. */
  readonly brownOut?: number
  /** Gives numbers from 0 up to 1; the same ones give the same faults. */
  readonly random: () => number
}

/** A chip in this process. It is its own bus: hand it to `TrustX.open`, or to `serveChip`. */
export class VirtualChip implements I2cMaster {
  /** The chip as a bus sees it. */
  readonly slave: I2cSlave
  readonly #device: TrustXDevice
  readonly #file: ChipFile | undefined
  readonly #busy: BusyCrypto | undefined
  #bus: I2cMaster
  #isOpen = true

  /** @internal Use {@link openVirtualChip}. */
  constructor(memory: ChipMemory, file: ChipFile | undefined, options: VirtualChipOptions) {
    const clock = options.clock ?? systemClock
    const choices = choicesOf(options)
    const timing = options.timing === 'datasheet' ? { timing: datasheetTiming(millis(choices.wakeMillis)) } : {}
    const supply = new Supply(keeper(file, options.onFault), options.faults)
    this.#busy = options.signsOften === true ? openBusyCrypto() : undefined
    const ports = {
      crypto: options.crypto ?? this.#busy?.crypto ?? nodeCrypto,
      keep: (kept: ChipMemory) => supply.keep(kept),
      choices,
      ...(options.clockKHz === undefined ? {} : { clockKHz: options.clockKHz }),
      ...timing,
    }
    this.#file = file
    this.#device = new TrustXDevice(memory, ports, clock.now())
    const slave = slaveOf(this.#device, supply, clock)
    this.slave = options.faults === undefined ? slave : faultySlave(slave, options.faults.random, options.faults)
    this.#bus = memoryBus(this.slave)
  }

  /** The coprocessor UID in lower-case hex. */
  get uid(): string {
    return toHex(this.#device.memory.uid)
  }

  /** What the chip remembers, private keys included: a value to make a copy of the chip from, in tests. */
  get memory(): ChipMemory {
    return this.#device.memory
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    return this.#bus.write(bytes)
  }

  read(count: number): Promise<Uint8Array> | Uint8Array {
    return this.#bus.read(count)
  }

  async setClock(kHz: number): Promise<void> {
    this.slave.setClock?.(kHz)
  }

  /** Takes the supply away and gives it back, as a host does that starts anew. */
  async powerCycle(): Promise<void> {
    await this.#bus.close()
    if (this.#isOpen) this.#bus = memoryBus(this.slave)
  }

  /** Takes the supply away for good and lets go of the file; harmless when repeated. */
  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#bus.close()
    this.slave.powerDown()
    this.#file?.close()
    await this.#busy?.close()
  }
}

/**
 * Opens a virtual chip, or makes a fresh one.
 *
 * @throws `CHIP_FILE_IN_USE`, `CHIP_FILE_NOT_A_CHIP`, `CHIP_FILE_VERSION_UNKNOWN`, `CHIP_FILE_DAMAGED`, and the faults
 *   of the file system
 */
export async function openVirtualChip(options: VirtualChipOptions = {}): Promise<VirtualChip> {
  const file = options.file === undefined ? undefined : ChipFile.open(options.file)
  try {
    const memory = file?.memory ?? options.memory ?? (await freshChip(options))
    // A new chip is on disk before anybody learns its UID.
    if (file !== undefined && file.memory === undefined) file.save(memory)
    return new VirtualChip(memory, file, options)
  } catch (error) {
    file?.close()
    throw error
  }
}

async function freshChip(options: VirtualChipOptions): Promise<ChipMemory> {
  const { vendor, clock = systemClock, crypto } = options
  return personalise(vendor ?? (await defaultVendor()), clock, crypto, choicesOf(options))
}

/** Gives the vendor of all chips that name none; it is made when the first of them is. */
function defaultVendor(): Promise<ChipVendor> {
  processVendor ??= makeVendor(systemClock, systemEntropy)
  return processVendor
}

let processVendor: Promise<ChipVendor> | undefined

function choicesOf({ choices }: VirtualChipOptions): ChipChoices {
  return { ...DEFAULT_CHOICES, ...choices }
}

function keeper(file: ChipFile | undefined, onFault: VirtualChipOptions['onFault']): (memory: ChipMemory) => boolean {
  return (memory) => {
    try {
      file?.save(memory)
      return true
    } catch (error) {
      onFault?.(isFault(error) ? error : asFileFault(error, file?.path ?? ''))
      return false
    }
  }
}

/** The supply of a chip, which may break down while the chip writes its memory. */
class Supply {
  readonly #keep: (memory: ChipMemory) => boolean
  readonly #faults: ChipFaults | undefined
  #hasBroken = false

  constructor(keep: (memory: ChipMemory) => boolean, faults: ChipFaults | undefined) {
    this.#keep = keep
    this.#faults = faults
  }

  /** Keeps the memory, unless the supply breaks down before. */
  keep(memory: ChipMemory): boolean {
    const { brownOut = 0, random } = this.#faults ?? { random: () => 1 }
    if (brownOut === 0 || random() >= brownOut) return this.#keep(memory)
    this.#hasBroken = true
    return random() < 0.5 && this.#keep(memory)
  }

  /** Tells once whether it broke down. */
  hasBroken(): boolean {
    const hasBroken = this.#hasBroken
    this.#hasBroken = false
    return hasBroken
  }
}

function slaveOf(device: TrustXDevice, supply: Supply, clock: Clock): I2cSlave {
  return {
    get address() {
      return device.address
    },
    write: (bytes) => {
      const isTaken = device.write(bytes, clock.now())
      if (supply.hasBroken()) {
        device.powerDown(clock.now())
        device.powerUp(clock.now())
      }
      return isTaken
    },
    read: (count) => device.read(count, clock.now()),
    setClock: (kHz) => device.setClock(kHz),
    powerUp: () => device.powerUp(clock.now()),
    powerDown: () => device.powerDown(clock.now()),
  }
}
