/** Message routing from publishers to receivers. */
export type { Bus, Receiver } from './bus.ts'
export { LocalBus } from './local-bus.ts'
