import { join } from 'node:path'
import { openSqliteRegistry, type SqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { RetainedMessages, type RetainedStore } from '@birthmark/cloud/retained'
import { openSqliteRetained } from '@birthmark/cloud/retained/sqlite'
import type { SessionStore } from '@birthmark/cloud/sessions'
import { openSqliteSessions } from '@birthmark/cloud/sessions/sqlite'
import type { Clock, Log, Timers } from '@birthmark/foundation/kernel'
import { makeFolder } from '@birthmark/foundation/system'
import { type AttemptFile, openAttemptFile } from './attempt-file.ts'
import { type BrokerSettings, retainedLimits } from './broker-settings.ts'

/** What a data directory holds of its own databases. */
export interface Stores {
  readonly registry: SqliteRegistry
  readonly sessions: SessionStore
  readonly retainedStore: RetainedStore
  readonly retained: RetainedMessages
  /** Absent where it cannot be used: attempts are then in memory only. */
  readonly attemptKeeper: AttemptFile | undefined
}

/** What the stores need, of a server's options. */
export interface StoresOptions extends BrokerSettings {
  readonly folder: string
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/**
 * Opens the databases of a data directory, which is made when it is absent.
 *
 * @param closing Gets what closes them, in the order in which they were opened.
 * @throws faults of the registry (a data directory in use, no rights)
 */
export async function openStores(options: StoresOptions, closing: (() => Promise<void>)[]): Promise<Stores> {
  const { clock, log, timers } = options
  const at = (name: string): { folder: string; clock: Clock; log: Log } => {
    return { folder: join(options.folder, name), clock, log }
  }
  makeFolder(options.folder)
  const registry = await openSqliteRegistry(at('registry'))
  closing.push(() => registry.close())
  const sessions = openSqliteSessions(at('sessions'))
  closing.push(async () => sessions.close())
  const retainedStore = openSqliteRetained(at('retained'))
  closing.push(async () => retainedStore.close())
  const retained = new RetainedMessages({ store: retainedStore, clock, limits: retainedLimits(options) })
  const attemptKeeper = openAttemptFile({ ...at('attempts'), timers })
  if (attemptKeeper !== undefined) closing.push(async () => attemptKeeper.close())
  return { registry, sessions, retainedStore, retained, attemptKeeper }
}
