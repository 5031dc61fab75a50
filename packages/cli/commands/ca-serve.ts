import { existsSync } from 'node:fs'
import {
  type Authority,
  type KeptLists,
  keepPublished,
  openAuthority,
  serveAuthority,
} from '@birthmark/factory/authority'
import { days, isFault, jsonLog, type Log, later, millis, seconds } from '@birthmark/foundation/kernel'
import { pause, systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { processOutput } from '../output.ts'
import { listenForStop } from '../signals.ts'
import { caFault, makeAuthority, passphraseOf } from './ca-folder.ts'

/** What `birthmark ca serve` was told. */
export interface CaServeFlags {
  readonly data: string
  readonly socket: string
  readonly passphraseFile?: string
  readonly name: string
  readonly endpointName: readonly string[]
  readonly untilInputEnds?: boolean
  /** Where revocation lists are kept up to date. */
  readonly lists?: string
  readonly listDays: number
  readonly deltaMinutes: number
  readonly json?: boolean
}

/**
 * Serves an authority on its local socket until it is told to stop; makes the authority when there is none.
 *
 * @throws `PASSPHRASE_FILE_EMPTY`, and the faults of the authority
 */
export async function serveAuthorityCommand(flags: CaServeFlags): Promise<void> {
  const stop = listenForStop({ inputEnds: flags.untilInputEnds === true })
  const output = processOutput({ json: flags.json === true })
  const log = jsonLog(systemClock, (line) => process.stderr.write(line))
  const { passphrase } = passphraseOf(flags)
  await makeWhenAbsent(flags, passphrase, log)
  const authority = await openWhenFree(flags, passphrase, log)
  try {
    const lists = await keepLists(authority, flags, log)
    const server = await serveAuthority({ authority, socketPath: flags.socket, log })
    output.json({ ready: true, socket: flags.socket, root: authority.root.fingerprint })
    if (!output.jsonWanted) output.say(`The authority answers on ${flags.socket}. Stop it with Ctrl-C.`)
    await stop.told
    await server.close()
    await lists?.stop()
  } finally {
    await authority.close()
  }
}

async function keepLists(authority: Authority, flags: CaServeFlags, log: Log): Promise<KeptLists | undefined> {
  const { lists: folder, listDays, deltaMinutes } = flags
  if (folder === undefined) return undefined
  const often = { lasts: days(listDays), every: seconds(deltaMinutes * 60) }
  return keepPublished(authority, { folder, ...often, clock: systemClock, timers: systemTimers, log })
}

async function makeWhenAbsent({ data, name }: CaServeFlags, passphrase: string | undefined, log: Log): Promise<void> {
  if (existsSync(data)) return
  if (passphrase === undefined) throw caFault('CA_PASSPHRASE_NOT_NAMED')
  await makeAuthority(data, passphrase, name, log)
}

/** Opens the authority; one whose parent process was killed a moment ago needs that moment to let go of it. */
async function openWhenFree(flags: CaServeFlags, passphrase: string | undefined, log: Log): Promise<Authority> {
  const options = {
    folder: flags.data,
    ...(passphrase !== undefined && { passphrase }),
    endpointNames: flags.endpointName,
    clock: systemClock,
    entropy: systemEntropy,
    log,
  }
  const patienceEnds = later(systemClock.now(), LET_GO_TIMEOUT)
  for (;;) {
    try {
      return await openAuthority(options)
    } catch (error) {
      if (!isFault(error, 'AUTHORITY_IN_USE') || systemClock.now() >= patienceEnds) throw error
    }
    await pause(LET_GO_INTERVAL)
  }
}

/** How long a process may take to end after its parent did; it has nothing left to do but close its journal. */
const LET_GO_TIMEOUT = seconds(5)
const LET_GO_INTERVAL = millis(100)
