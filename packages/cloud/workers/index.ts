/** The processes of one server: a main process that owns what there is one of, and workers that own connections. */
export type { HubCalls, WorkerCalls, WorkerCounts } from './calls.ts'
export { Channel } from './channel.ts'
export { WORKER_FAULTS } from './faults.ts'
export { Hub, type HubOptions } from './hub.ts'
export { HubBuses } from './hub-buses.ts'
export type { HubParts } from './hub-side.ts'
export { Roster, type RosterOptions } from './roster.ts'
export { type RemoteWriter, WorkerSide } from './worker-side.ts'
