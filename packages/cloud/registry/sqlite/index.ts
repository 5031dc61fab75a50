/** The registry in one SQLite file: nothing to install, one process at a time. */
export { openDatabase } from './database.ts'
export { asStoreFault, registryFault, SQLITE_REGISTRY_FAULTS } from './faults.ts'
export { openReadOnly, openSqliteReader, type RegistryWriter } from './reader.ts'
export { openSqliteRegistry, type SqliteRegistry, type SqliteRegistryOptions } from './sqlite-registry.ts'
export { type Row, Statements } from './statements.ts'
export { TurnCommits, type TurnCommitsOptions } from './turn-commits.ts'
