/** What somebody does who should not: claims that have leaked, keys that two devices have. Pure, but for adapters/. */
export type { Alarm, AlarmFacts, AlarmRule } from './alarm.ts'
export { ALARM_RULES } from './alarm.ts'
export { AlarmBook, type AlarmFilter, type AlarmRecord } from './alarm-book.ts'
export {
  type ClaimRefusal,
  type ClaimRequest,
  type ClaimVerdict,
  ClaimWatch,
  type TakenByClaim,
} from './claim-watch.ts'
export { type KeyUse, KeyWatch } from './key-watch.ts'
export { ABUSE_RULES, type AbuseRules, type Threshold } from './rules.ts'
