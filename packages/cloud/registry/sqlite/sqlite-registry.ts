import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { type Clock, isFault, type Log, messageOf } from '@birthmark/foundation/kernel'
import { makeFolder } from '@birthmark/foundation/system'
import type { AccessKeyRecord, AuditFilter, AuditRecord } from '../access-records.ts'
import type { Change, CommitResult } from '../changes.ts'
import type { OpenScope, Scope } from '../records.ts'
import type { Registry, ScopedChanges, ScopedRegistry } from '../registry.ts'
import { openDatabase } from './database.ts'
import { asStoreFault, registryFault } from './faults.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { type CommitListener, GroupCommit } from './group-commit.ts'
import { accessKeyOf, readAudit } from './read-access.ts'
import { openScopeOf, text } from './rows.ts'
import { SqliteScopedRegistry } from './scoped-registry.ts'
import { Scopes } from './scopes.ts'
import { Statements } from './statements.ts'

/** Where a registry lives and what it needs. */
export interface SqliteRegistryOptions {
  /** Made when absent. Holds `registry.db`, its write-ahead log, and `registry.lock`. */
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
}

/**
 * Opens the registry in a folder, which no other process may have open, and brings it to this program's version.
 *
 * A resolved commit is on disk and survives a power cut. Another program may read `registry.db` meanwhile, for a backup
 * for example (`sqlite3 registry.db ".backup copy.db"`).
 *
 * @throws `DATA_FOLDER_IN_USE`, `REGISTRY_NEWER`, `REGISTRY_FOREIGN`, `REGISTRY_DAMAGED`, `FILE_NOT_PERMITTED`,
 * `DISK_FULL`, `FILE_UNUSABLE`
 */
export async function openSqliteRegistry({ folder, clock, log }: SqliteRegistryOptions): Promise<SqliteRegistry> {
  makeFolder(folder)
  const lock = lockFolder(folder)
  const path = join(folder, DATABASE_FILE)
  let database: DatabaseSync | undefined
  try {
    database = openDatabase(path, clock.now())
    return new SqliteRegistry(database, path, log, lock)
  } catch (error) {
    database?.close()
    lock.release()
    throw asStoreFault(error, path)
  }
}

/** What makes changes durable, and tells of them. */
export type Commits = Pick<GroupCommit, 'commit' | 'subscribe' | 'close'>

/** A registry in an open database. Queries run at once, between the transactions of the group commit. */
export class SqliteRegistry implements Registry {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #log: Log
  readonly #lock: FolderLock
  readonly #sql: Statements
  readonly #scopes: Scopes
  readonly #commits: Commits
  #closed = false

  /** @param commits Where changes go that are not made in this process. */
  constructor(database: DatabaseSync, path: string, log: Log, lock: FolderLock, commits?: Commits) {
    this.#database = database
    this.#path = path
    this.#log = log
    this.#lock = lock
    this.#sql = new Statements(database)
    this.#scopes = new Scopes(this.#sql)
    this.#commits = commits ?? new GroupCommit({ database, path, sql: this.#sql, scopes: this.#scopes, log })
  }

  in(of: Scope, alongside?: () => readonly Change[]): ScopedRegistry {
    const scope = { account: of.account, region: of.region }
    if (alongside === undefined) return new SqliteScopedRegistry(scope, this)
    return new SqliteScopedRegistry(scope, {
      commit: (lists) => this.commit([...lists, { scope, changes: alongside() }]),
      read: (at, query) => this.read(at, query),
    })
  }

  async accessKey(id: string): Promise<{ readonly key: AccessKeyRecord; readonly scope: Scope } | undefined> {
    return this.#query(() => {
      const row = this.#sql.one(
        'SELECT k.*, s.account, s.region FROM access_key k JOIN scope s ON s.id = k.scope WHERE k.key_id = ?',
        id,
      )
      if (row === undefined) return undefined
      return { key: accessKeyOf(row), scope: { account: text(row['account']), region: text(row['region']) } }
    })
  }

  async openScopes(): Promise<readonly OpenScope[]> {
    return this.#query(() =>
      this.#sql.all('SELECT * FROM scope WHERE endpoint_prefix IS NOT NULL ORDER BY opened_at, id').map(openScopeOf),
    )
  }

  async audit(account: string, filter: AuditFilter): Promise<readonly AuditRecord[]> {
    return this.#query(() => readAudit(this.#sql, account, filter))
  }

  onCommit(listener: CommitListener): () => void {
    return this.#commits.subscribe(listener)
  }

  /** Applies lists of changes, each in its scope, all or none. @throws as {@link ScopedRegistry.commit} */
  commit(lists: readonly ScopedChanges[]): Promise<CommitResult> {
    return this.#commits.commit(lists)
  }

  async read<Result>(scope: Scope, query: (sql: Statements, scopeId: number) => Result): Promise<Result> {
    return this.#query(() => query(this.#sql, this.#scopes.id(scope)))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#commits.close()
    this.#closed = true
    try {
      this.#database.close()
    } finally {
      this.#lock.release()
    }
  }

  #query<Result>(query: () => Result): Result {
    if (this.#closed) throw registryFault('REGISTRY_CLOSED')
    try {
      return query()
    } catch (error) {
      const fault = asStoreFault(error, this.#path)
      if (!isFault(fault) || fault.blame === 'operator') {
        this.#log.write('error', 'registry.query-failed', { why: messageOf(fault) })
      }
      throw fault
    }
  }
}

/** The registry's file in its folder. */
export const DATABASE_FILE = 'registry.db'
