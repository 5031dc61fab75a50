/** Message routing from publishers to receivers. */
export { type Bus, type Receiver, SHARE_GROUPS_MAX, SHARE_MEMBERS_MAX } from './bus.ts'
export { LocalBus } from './local-bus.ts'
