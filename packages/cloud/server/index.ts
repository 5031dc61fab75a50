/** Wiring: the cloud's parts started on a data directory, and stopped. */
export { type AuthorityClient, connectAuthority, requireSocketPath } from './authority-socket.ts'
export { SERVER_FAULTS } from './faults.ts'
export { type RunningServer, type ServerOptions, startServer } from './server.ts'
