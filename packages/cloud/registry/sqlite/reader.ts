import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Log, messageOf } from '@birthmark/foundation/kernel'
import type { Change, CommitResult } from '../changes.ts'
import type { Scope } from '../records.ts'
import type { Registry, ScopedChanges } from '../registry.ts'
import { asStoreFault } from './faults.ts'
import type { CommitListener } from './group-commit.ts'
import { type Commits, DATABASE_FILE, SqliteRegistry } from './sqlite-registry.ts'

/** The process that writes a registry, as another that reads the same file needs it. */
export interface RegistryWriter {
  /** Resolves when the changes are on disk, or refused, and every process has been told of them. */
  commit(lists: readonly ScopedChanges[]): Promise<CommitResult>
  /** Names who is called after each durable list of changes of any process, in their order. */
  listen(listener: (scope: Scope, changes: readonly Change[]) => void): void
}

/**
 * Opens a registry that another process of this server has open, to read; what is committed here is committed there.
 * What a resolved commit has changed, the next read sees.
 *
 * @throws `FILE_NOT_PERMITTED`, `FILE_UNUSABLE`, `REGISTRY_DAMAGED`
 */
export function openSqliteReader(folder: string, writer: RegistryWriter, log: Log): Registry {
  const path = join(folder, DATABASE_FILE)
  return new SqliteRegistry(openReadOnly(path), path, log, { release: () => undefined }, new RemoteCommits(writer, log))
}

/**
 * Opens a database that another process writes.
 *
 * @throws as {@link openSqliteReader}
 */
export function openReadOnly(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS_MAX })
    database.exec(PRAGMAS)
    return database
  } catch (error) {
    throw asStoreFault(error, path)
  }
}

/** Changes that are made in another process, and the listeners here. */
class RemoteCommits implements Commits {
  readonly #writer: RegistryWriter
  readonly #listeners = new Set<CommitListener>()

  constructor(writer: RegistryWriter, log: Log) {
    this.#writer = writer
    writer.listen((scope, changes) => {
      for (const listener of this.#listeners) {
        try {
          listener(scope, changes)
        } catch (error) {
          log.write('error', 'registry.listener-failed', { why: messageOf(error) })
        }
      }
    })
  }

  commit(lists: readonly ScopedChanges[]): Promise<CommitResult> {
    return this.#writer.commit(lists)
  }

  subscribe(listener: CommitListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#listeners.clear()
  }
}

/** Each process has a cache of its own: a quarter of the writer's. */
const PRAGMAS = `
  PRAGMA cache_size = -16384;
  PRAGMA trusted_schema = OFF;
`
/** Longest wait for a file that is just being recovered, in ms. */
const BUSY_MS_MAX = 5000
