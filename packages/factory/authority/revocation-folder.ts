import { join } from 'node:path'
import { type Clock, type Log, type Millis, messageOf, millis, type Timers } from '@birthmark/foundation/kernel'
import { makeFolder, replaceFile } from '@birthmark/foundation/system'
import type { Authority } from './authority.ts'

/** What {@link publishLists} writes. */
export interface PublishOptions {
  /** Where the files go; made when absent. */
  readonly folder: string
  /** How long full lists count. */
  readonly lasts: Millis
  /** Only what is to be added to the full lists that are out, and counts this long. */
  readonly additionsLast?: Millis
}

/** What was written. */
export interface PublishedLists {
  /** Full lists of shards. */
  readonly full: number
  readonly additions: number
  /** Whether there is a list about all certificates: those outside of shards have no other. */
  readonly all: boolean
}

/**
 * Writes the lists of an authority, DER, under the names that its certificates tell, for any web server: `crl/1.crl`,
 * `crl/1-delta.crl`, `crl/all.crl`, and `issuer.crt`. A reader of a file sees the old one or the new.
 *
 * @throws what making lists throws, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
 */
export async function publishLists(authority: Authority, options: PublishOptions): Promise<PublishedLists> {
  const { folder, lasts, additionsLast } = options
  const { lists } = authority
  makeFolder(join(folder, 'crl'))
  const write = (name: string, der: Uint8Array): void => replaceFile(join(folder, name), der, { mode: 0o644 })
  let [full, additions] = [0, 0]
  for (const { number, base } of lists.shards) {
    if (additionsLast === undefined || base === undefined) {
      write(`crl/${number}.crl`, await lists.shard(number, lasts))
      full += 1
    }
    // An old addition would name a list that the new one replaced.
    write(`crl/${number}-delta.crl`, await lists.addition(number, additionsLast ?? lasts))
    additions += 1
  }
  const all = lists.shards.length === 0 || lists.outsideShards > 0
  if (all) write('crl/all.crl', await lists.full(additionsLast ?? lasts))
  write('issuer.crt', authority.issuing.der)
  return { full, additions, all }
}

/** What {@link keepPublished} needs beside what it writes. */
export interface KeepPublishedOptions {
  readonly folder: string
  /** How long full lists count; they are made anew after half of that. */
  readonly lasts: Millis
  /** How often additions are written; they count until the second next. */
  readonly every: Millis
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** Lists that are kept up to date. */
export interface KeptLists {
  /** Waits for what is being written, and stops. */
  stop(): Promise<void>
}

/**
 * Publishes full lists, and then additions, until it is told to stop. A failure is logged, and tried again next time.
 *
 * @throws what the first publishing throws
 */
export async function keepPublished(authority: Authority, options: KeepPublishedOptions): Promise<KeptLists> {
  const { folder, lasts, every, clock, timers, log } = options
  const additionsLast = millis(Math.min(2 * every, lasts))
  await publishLists(authority, { folder, lasts })
  let fullAt = clock.now()
  let isStopped = false
  const publish = async (): Promise<void> => {
    const isFullDue = clock.now() - fullAt >= lasts / 2
    await publishLists(authority, { folder, lasts, ...(!isFullDue && { additionsLast }) })
    if (isFullDue) fullAt = clock.now()
  }
  let writing = Promise.resolve()
  const plan = (): (() => void) =>
    timers.after(every, () => {
      writing = publish().catch((error: unknown) => {
        log.write('error', 'authority.lists-failed', { folder, why: messageOf(error) })
      })
      void writing.then(() => {
        if (!isStopped) cancel = plan()
      })
    })
  let cancel = plan()
  return {
    async stop() {
      isStopped = true
      cancel()
      await writing
    },
  }
}
