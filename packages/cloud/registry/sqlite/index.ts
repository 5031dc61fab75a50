/** The registry in one SQLite file: nothing to install, one process at a time. */
export { SQLITE_REGISTRY_FAULTS } from './faults.ts'
export { openSqliteRegistry, type SqliteRegistryOptions } from './sqlite-registry.ts'
