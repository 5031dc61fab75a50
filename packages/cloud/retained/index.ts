/**
 * Retained messages: one for each topic of an account and region, on disk, for those who subscribe later. The publisher
 * of one is answered when it is on disk.
 */
export { RETAINED_LIMITS, type RetainedLimits } from './limits.ts'
export {
  RetainedMessages,
  type RetainedOptions,
  type ScopedRetained,
} from './retained-messages.ts'
export { retainingBus } from './retaining-bus.ts'
export type { RetainedChange, RetainedStore, RetainedSummary } from './store.ts'
