/** The registry in one SQLite file: nothing to install, one process at a time. */
export { openDatabase } from './database.ts'
export { asStoreFault, registryFault, SQLITE_REGISTRY_FAULTS } from './faults.ts'
export { openSqliteRegistry, type SqliteRegistryOptions } from './sqlite-registry.ts'
export { type Row, Statements } from './statements.ts'
