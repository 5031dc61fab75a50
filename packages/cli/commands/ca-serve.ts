import { existsSync } from 'node:fs'
import { type Authority, openAuthority, serveAuthority } from '@birthmark/factory/authority'
import { isFault, jsonLog, type Log, later, millis, seconds } from '@birthmark/foundation/kernel'
import { pause, systemClock, systemEntropy } from '@birthmark/foundation/system'
import { processOutput } from '../output.ts'
import { listenForStop } from '../signals.ts'
import { makeAuthority, readPassphrase } from './ca-folder.ts'

/** What `birthmark ca serve` was told. */
export interface CaServeFlags {
  readonly data: string
  readonly socket: string
  readonly passphraseFile: string
  readonly name: string
  readonly endpointName: readonly string[]
  readonly untilInputEnds?: boolean
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
  const passphrase = readPassphrase(flags.passphraseFile)
  await makeWhenAbsent(flags, passphrase, log)
  const authority = await openWhenFree(flags, passphrase, log)
  try {
    const server = await serveAuthority({ authority, socketPath: flags.socket, log })
    output.json({ ready: true, socket: flags.socket, root: authority.root.fingerprint })
    if (!output.jsonWanted) output.say(`The authority answers on ${flags.socket}. Stop it with Ctrl-C.`)
    await stop.told
    await server.close()
  } finally {
    await authority.close()
  }
}

async function makeWhenAbsent({ data, name }: CaServeFlags, passphrase: string, log: Log): Promise<void> {
  if (!existsSync(data)) await makeAuthority(data, passphrase, name, log)
}

/** Opens the authority; one whose parent process was killed a moment ago needs that moment to let go of it. */
async function openWhenFree(flags: CaServeFlags, passphrase: string, log: Log): Promise<Authority> {
  const options = {
    folder: flags.data,
    passphrase,
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
