import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Instant } from '@birthmark/foundation/kernel'
import { asStoreFault, registryFault } from './faults.ts'
import { createPrivateFile } from './private-file.ts'
import { APPLICATION_ID, MIGRATIONS, migrate, schemaVersion } from './schema.ts'

/**
 * Opens the registry at `path`, making or migrating it first. One that cannot be used is left as it was found.
 *
 * @param migrations The versions this program knows; an argument for the tests of migration.
 * @throws `REGISTRY_NEWER`, `REGISTRY_FOREIGN`, `REGISTRY_DAMAGED`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
 */
export function openDatabase(path: string, now: Instant, migrations: readonly string[] = MIGRATIONS): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    if (!createPrivateFile(path)) inspect(path, migrations.length)
    database = new DatabaseSync(path)
    database.exec(PRAGMAS)
    migrate(database, migrations, now)
    return database
  } catch (error) {
    database?.close()
    throw asStoreFault(error, path)
  }
}

/** Looks at an existing file without the right to write: whatever is wrong with it stays as it was. */
function inspect(path: string, known: number): void {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    if (database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined) return
    if (database.prepare('PRAGMA application_id').get()?.['application_id'] !== APPLICATION_ID) {
      throw registryFault('REGISTRY_FOREIGN', { path })
    }
    const found = schemaVersion(database)
    if (found > known) throw registryFault('REGISTRY_NEWER', { path, found, known })
    if (statSync(path).size <= QUICK_CHECK_BYTES_MAX) quickCheck(database, path)
  } finally {
    database.close()
  }
}

function quickCheck(database: DatabaseSync, path: string): void {
  const why = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (why !== 'ok') throw registryFault('REGISTRY_DAMAGED', { path, why: String(why).slice(0, 200) })
}

/**
 * WAL with `synchronous=FULL`: a commit that returned is on disk (https://sqlite.org/pragma.html#pragma_synchronous).
 * The cache takes 64 MiB; the log file shrinks to 16 MiB after a burst.
 */
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA cache_size = -65536;
  PRAGMA journal_size_limit = 16777216;
  PRAGMA trusted_schema = OFF;
`

/**
 * Largest file whose structure is checked at every start, in bytes: takes about a tenth of a second. Damage in a larger
 * one is named when it is met.
 */
const QUICK_CHECK_BYTES_MAX = 256 * 1024 * 1024
