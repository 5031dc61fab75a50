import { type DeviceStage, LEDGER_STEPS, type LedgerRecord } from './records.ts'

/** One device as the ledger knows it. */
export interface LedgerDevice {
  readonly uid: string
  readonly order: string
  readonly stage: DeviceStage
  /** The key that the element made; known until the device is made or scrapped. */
  readonly publicKey?: Uint8Array
  /** SHA-256 of its certificate, hex, once it is made. */
  readonly fingerprint?: string
}

/** How many devices of an order stand at each stage. */
export type StageCounts = Readonly<Record<DeviceStage, number>>

/** Where every device of a ledger stands. In memory: about 400 bytes per device. */
export class DeviceIndex {
  readonly #devices = new Map<string, LedgerDevice>()
  readonly #counts = new Map<string, Record<DeviceStage, number>>()

  get(uid: string): LedgerDevice | undefined {
    return this.#devices.get(uid)
  }

  count(order: string): StageCounts {
    return { ...(this.#counts.get(order) ?? NONE) }
  }

  /** Tells whether `record` may follow on what its device is now. */
  follows({ uid, order, kind }: LedgerRecord): boolean {
    const device = this.#devices.get(uid)
    if (device === undefined) return LEDGER_STEPS.unknown.includes(kind)
    return device.order === order && LEDGER_STEPS[device.stage].includes(kind)
  }

  /** Moves a device on. @returns What takes the step back. */
  apply(record: LedgerRecord): () => void {
    const { uid } = record
    const before = this.#devices.get(uid)
    this.#put(uid, deviceAfter(before, record))
    return () => this.#put(uid, before)
  }

  #put(uid: string, device: LedgerDevice | undefined): void {
    const before = this.#devices.get(uid)
    if (before !== undefined) this.#countsOf(before.order)[before.stage] -= 1
    if (device === undefined) this.#devices.delete(uid)
    else {
      this.#devices.set(uid, device)
      this.#countsOf(device.order)[device.stage] += 1
    }
  }

  #countsOf(order: string): Record<DeviceStage, number> {
    const known = this.#counts.get(order)
    if (known !== undefined) return known
    const counts = { ...NONE }
    this.#counts.set(order, counts)
    return counts
  }
}

function deviceAfter(before: LedgerDevice | undefined, record: LedgerRecord): LedgerDevice {
  const { uid, order, kind: stage } = record
  switch (record.kind) {
    case 'begun':
      return { uid, order, stage, publicKey: record.publicKey }
    case 'made':
    case 'locked':
      return { uid, order, stage, fingerprint: record.fingerprint }
    case 'scrapped': {
      const fingerprint = record.fingerprint ?? before?.fingerprint
      return { uid, order, stage, ...(fingerprint !== undefined && { fingerprint }) }
    }
  }
}

const NONE: StageCounts = { begun: 0, made: 0, locked: 0, scrapped: 0 }
