/** Retained messages in one SQLite file. */
export { openSqliteRetained, openSqliteRetainedReader, type SqliteRetainedOptions } from './sqlite-retained.ts'
