/** Sessions in one SQLite file beside the registry's. */
export { openSqliteSessions, type SqliteSessionsOptions } from './sqlite-sessions.ts'
