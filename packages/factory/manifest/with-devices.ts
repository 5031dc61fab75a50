import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Fault } from '@birthmark/foundation/kernel'
import { asFileFault } from '@birthmark/foundation/system'
import { fileBytes, readLines } from './bytes.ts'
import { manifestFault } from './faults.ts'
import { membersOf } from './json-check.ts'
import type { ListedDevice, ManifestRow } from './row.ts'

/** How many of what a manifest held. */
export interface ManifestSummary {
  readonly rows: number
  readonly bad: number
  readonly devices: number
  /** Devices that have no certificate to register. */
  readonly withoutCertificate: number
}

/** What may be done with rows that were all read and checked. */
export interface CheckedDevices extends AsyncIterable<ListedDevice> {
  readonly summary: ManifestSummary
}

/** How to take rows that are wrong. */
export interface RowPolicy {
  /** Leaves wrong rows out; otherwise one of them means that nothing is used. */
  readonly skipBadRows: boolean
  /** Hears of every row, in order. */
  readonly onRow?: (row: ManifestRow) => void
}

/**
 * Reads all rows to their end first, and only then hands their devices to `use`; with a wrong row, to nobody. The
 * devices wait in a file of this user, in the system's folder for such, so that memory stays flat and what is used is
 * what was checked, whatever happens to the manifest meanwhile.
 *
 * @throws `MANIFEST_ROWS_WRONG` (peer), what `rows` and `use` throw, and the faults of files
 */
export async function withDevices<Value>(
  rows: AsyncIterable<ManifestRow>,
  policy: RowPolicy,
  use: (devices: CheckedDevices) => Promise<Value>,
): Promise<Value> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-manifest-'))
  const path = join(folder, 'devices.jsonl')
  try {
    const count = new Count()
    await pipeline(count.lines(rows, policy), createWriteStream(path, { mode: 0o600, flags: 'wx' })).catch(
      (error: unknown) => {
        throw error instanceof Fault || !isOfFiles(error) ? error : asFileFault(error, path)
      },
    )
    const { firstBad, summary } = count
    if (firstBad !== undefined && !policy.skipBadRows) {
      const [problem] = firstBad.problems
      throw manifestFault('MANIFEST_ROWS_WRONG', { ...summary, row: firstBad.row, why: problem?.why ?? '' })
    }
    return await use({ summary, [Symbol.asyncIterator]: () => readBack(path) })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

class Count {
  #rows = 0
  #bad = 0
  #devices = 0
  #withoutCertificate = 0
  firstBad: Extract<ManifestRow, { ok: false }> | undefined

  get summary(): ManifestSummary {
    return {
      rows: this.#rows,
      bad: this.#bad,
      devices: this.#devices,
      withoutCertificate: this.#withoutCertificate,
    }
  }

  async *lines(rows: AsyncIterable<ManifestRow>, { onRow }: RowPolicy): AsyncGenerator<string, void, undefined> {
    for await (const row of rows) {
      onRow?.(row)
      this.#rows += 1
      if (!row.ok) {
        this.#bad += 1
        this.firstBad ??= row
        continue
      }
      for (const device of row.devices) {
        this.#devices += 1
        if (device.certificate === undefined) this.#withoutCertificate += 1
        yield `${JSON.stringify(device, bytesAsBase64)}\n`
      }
    }
  }
}

async function* readBack(path: string): AsyncGenerator<ListedDevice, void, undefined> {
  for await (const { text = '' } of readLines(fileBytes(path), Number.MAX_SAFE_INTEGER)) yield deviceIn(text)
}

/** Reads what {@link Count.lines} wrote into a file that only this user can change. */
function deviceIn(line: string): ListedDevice {
  const members = membersOf(JSON.parse(line)) ?? new Map<string, unknown>()
  const text = (name: string): string | undefined => {
    const value = members.get(name)
    return typeof value === 'string' ? value : undefined
  }
  const [uid, slot, fingerprint, subject] = [text('uid'), text('slot'), text('fingerprint'), text('subject')]
  const [certificate, key] = [bytesOf(text('certificate')), bytesOf(text('key'))]
  const chain: unknown = members.get('chain')
  return {
    row: Number(members.get('row')),
    ...(uid !== undefined && { uid }),
    ...(slot !== undefined && { slot }),
    ...(certificate !== undefined && { certificate }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(subject !== undefined && { subject }),
    ...(key !== undefined && { key }),
    chain: Array.isArray(chain)
      ? chain.map((der: unknown) => bytesOf(String(der))).filter((der) => der !== undefined)
      : [],
  }
}

function bytesAsBase64(_name: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}

function bytesOf(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : Uint8Array.from(Buffer.from(text, 'base64'))
}

function isOfFiles(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
