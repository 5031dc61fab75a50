/** What every place shares: faults, brands, clock and entropy as ports, the machine driver, log. Nothing of Node. */
export { type Brand, days, type Instant, instant, later, type Millis, millis, seconds } from './brand.ts'
export { concat, concatShortLived, equalBytes, fromHex, shortLived, toHex, uint16 } from './bytes.ts'
export {
  type Blame,
  Fault,
  type FaultContext,
  type FaultDefinition,
  type FaultTable,
  faults,
  inFile,
  isFault,
  messageOf,
  type Raise,
} from './fault.ts'
export { KeyedRates } from './keyed-rates.ts'
export { jsonLog, type Level, type Log, type LogFields, silentLog } from './log.ts'
export { type Driven, drive, type Machine, type World } from './machine.ts'
export { type Labels, Metrics } from './metrics.ts'
export type { Cancel, Clock, Entropy, Timers } from './ports.ts'
export { decodeUtf8, encodeUtf8 } from './text.ts'
export { TokenBucket } from './token-bucket.ts'
