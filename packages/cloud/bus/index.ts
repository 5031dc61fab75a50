/** Message routing from publishers to receivers. */
export { type Bus, type Receiver, SHARE_GROUPS_MAX, SHARE_MEMBERS_MAX, TAKEN } from './bus.ts'
export { HubBus, type WorkerSeat } from './hub-bus.ts'
export type { HubLink, WorkerLink } from './links.ts'
export { LocalBus } from './local-bus.ts'
export { WorkerBus } from './worker-bus.ts'
