import { join } from 'node:path'
import { formatRun, type LineProgress, RunStatistics } from '@birthmark/factory/line'
import type { WorkOrder } from '@birthmark/factory/order'
import type { Instant } from '@birthmark/foundation/kernel'
import { makeFolder, replaceFile, systemClock } from '@birthmark/foundation/system'
import type { LineStation } from './station.ts'

/** The file of one run: how its elements left their sockets, for the report. */
export interface RunFile {
  take(event: LineProgress): void
  /** Writes what was counted up to now. */
  save(): void
}

/**
 * Begins the file of a run, in the folder `runs` of the line.
 *
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
 */
export function beginRunFile(data: string, { id: order, product, count }: WorkOrder, station: LineStation): RunFile {
  const startedAt = systemClock.now()
  const about = { order, product, count, station: station.id, stationName: station.name, startedAt }
  const statistics = new RunStatistics(about)
  const path = join(
    makeFolder(join(data, RUNS_FOLDER)),
    `${new Date(startedAt).toISOString().replaceAll(':', '-')}.json`,
  )
  let savedAt: Instant = startedAt
  const save = (): void => {
    savedAt = systemClock.now()
    replaceFile(path, formatRun(statistics.record(savedAt)))
  }
  return {
    take: (event) => {
      if (event.event !== 'device') return
      statistics.add(event.result)
      if (systemClock.now() - savedAt > SAVE_INTERVAL_MS) save()
    },
    save,
  }
}

/** Where the files of the runs are, below the line's folder. */
export const RUNS_FOLDER = 'runs'

/** What a run that is killed may lose of its statistics; the ledger loses nothing. */
const SAVE_INTERVAL_MS = 5_000
