import type { Clock, Log } from '@birthmark/foundation/kernel'
import type { ChainFile } from './chain-file.ts'
import type { ChainedEntry } from './chain-reader.ts'
import { ChainedLog } from './chained-log.ts'
import { DeviceIndex, type LedgerDevice, type StageCounts } from './device-index.ts'
import { ledgerFault } from './faults.ts'
import { LEDGER_FORMAT, type LedgerHeading, type LedgerRecord, readLedgerRecord, writeLedgerRecord } from './records.ts'

/** What opening a {@link Ledger} needs. */
export interface LedgerOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Log
  /** Opens the file; for tests that make the disk fail. */
  readonly openFile?: (path: string) => Promise<ChainFile>
}

/** The record of every identity a line made: a chained log that knows where each device stands. */
export class Ledger {
  readonly #chain: ChainedLog<LedgerRecord | LedgerHeading>
  readonly #devices: DeviceIndex

  private constructor(chain: ChainedLog<LedgerRecord | LedgerHeading>, devices: DeviceIndex) {
    this.#chain = chain
    this.#devices = devices
  }

  /**
   * Opens a ledger, made when absent, and keeps other processes out.
   *
   * @throws `LEDGER_IN_USE`, `LEDGER_DAMAGED`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
   */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const devices = new DeviceIndex()
    const chain = await ChainedLog.open<LedgerRecord | LedgerHeading>({
      ...options,
      write: writeLedgerRecord,
      read: readLedgerRecord,
      replay: (entry) => replay(devices, entry, options.path),
    })
    if (chain.head.entries === 0) await chain.append({ kind: 'ledger', format: LEDGER_FORMAT })
    return new Ledger(chain, devices)
  }

  /** The number of durable entries and the hash of the last; a manifest names both. */
  get head(): { readonly entries: number; readonly hash: string } {
    return this.#chain.head
  }

  /** Gives what is known of a device; `undefined` for one that was never begun. */
  device(uid: string): LedgerDevice | undefined {
    return this.#devices.get(uid)
  }

  /** Counts the devices of an order by stage. */
  count(order: string): StageCounts {
    return this.#devices.count(order)
  }

  /**
   * Records one step of a device's birth; returns when it is on the disk.
   *
   * @throws `LEDGER_STEP_REFUSED` when the step does not follow on the device's last one, or names another order;
   * `LEDGER_FAILED`, `LEDGER_CLOSED`, `LEDGER_BUSY`, `LEDGER_RECORD_INVALID`, `DISK_FULL`,
   * `FILE_NOT_PERMITTED`, `FILE_UNUSABLE`
   */
  async record(record: LedgerRecord): Promise<void> {
    if (!this.#devices.follows(record)) {
      const stage = this.#devices.get(record.uid)?.stage ?? 'unknown'
      throw ledgerFault('LEDGER_STEP_REFUSED', { uid: record.uid, stage, kind: record.kind })
    }
    // Seen at once, so that a second socket with the same element is refused while the disk works.
    const takeBack = this.#devices.apply(record)
    try {
      await this.#chain.append(record)
    } catch (error) {
      takeBack()
      throw error
    }
  }

  /** Gives every durable record of a device, in order. @throws `LEDGER_DAMAGED`, `LEDGER_CLOSED`, `FILE_UNUSABLE` */
  async *entries(): AsyncGenerator<ChainedEntry<LedgerRecord>, void, undefined> {
    for await (const entry of this.#chain.entries()) {
      const { content } = entry
      if (content.kind !== 'ledger') yield { ...entry, content }
    }
  }

  /** Waits for the records under way and lets go of the file. */
  async close(): Promise<void> {
    await this.#chain.close()
  }
}

function replay(
  devices: DeviceIndex,
  { content, seq }: ChainedEntry<LedgerRecord | LedgerHeading>,
  path: string,
): void {
  if ((content.kind === 'ledger') !== (seq === 0)) {
    throw ledgerFault('LEDGER_DAMAGED', { path, line: seq + 1, why: 'a ledger has one heading, and it comes first' })
  }
  if (content.kind === 'ledger') return
  if (!devices.follows(content)) {
    throw ledgerFault('LEDGER_DAMAGED', { path, line: seq + 1, why: 'it does not follow on what its device was' })
  }
  devices.apply(content)
}
