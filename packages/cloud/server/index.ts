/** Wiring: the cloud's parts started on a data directory, and stopped. */
export { type AuthorityClient, connectAuthority, requireSocketPath } from './authority-socket.ts'
export { backUp } from './backup.ts'
export type { BackupSummary } from './backup-file.ts'
export { SERVER_FAULTS } from './faults.ts'
export { type OfflineApi, openOffline } from './offline.ts'
export { restore } from './restore.ts'
export { type RunningServer, type ServerOptions, startServer } from './server.ts'
