import type { Instant } from '@birthmark/foundation/kernel'

/** What was noticed. */
export type AlarmRule = (typeof ALARM_RULES)[number]

/** Every rule that raises an alarm; `docs/guides/abuse.md` says what each looks at. */
export const ALARM_RULES = ['CLAIM_PLACES', 'CLAIM_REFUSED', 'CLAIM_FAST', 'THING_TAKEN', 'KEY_SHARED'] as const

/** What an alarm rests on: numbers and names, never a secret. */
export type AlarmFacts = Readonly<Record<string, string | number | readonly string[]>>

/** Something that an operator should look at. */
export interface Alarm {
  readonly rule: AlarmRule
  readonly at: Instant
  /** The certificate that it is about: a claim, or a device's own. */
  readonly certificateId: string
  /** One sentence: what was seen. */
  readonly reason: string
  /** One sentence: what to do about it. */
  readonly remedy: string
  readonly facts: AlarmFacts
}
