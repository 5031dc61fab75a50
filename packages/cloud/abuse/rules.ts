import { type Millis, seconds } from '@birthmark/foundation/kernel'

/** So many of something in a span of time: the next one is too many. */
export interface Threshold {
  readonly count: number
  readonly within: Millis
}

/**
 * When something counts as abuse. What brakes a claim never brakes an honest device: it uses a connection of its own,
 * asks for one certificate, and has a serial number of the list.
 */
export interface AbuseRules {
  /** Networks from which one claim is used: an IPv4 address, or the first 64 bits of an IPv6 address, each. */
  readonly claimPlaces: Threshold
  /** Requests of one claim that were refused for what they asked: a serial number, a thing, a hook's decision. */
  readonly claimRefusals: Threshold
  /** Requests of one claim, all its connections together. */
  readonly claimRequests: Threshold
  /** Requests of one connection with a claim; beyond it they wait. */
  readonly connectionRequests: Threshold
  /** Refused requests of one connection with a claim; then all others of it wait. */
  readonly connectionRefusals: Threshold
  /** The same two while there is an alarm about the claim: enough for one device that asks twice. */
  readonly alarmedRequests: Threshold
  readonly alarmedRefusals: Threshold
  /** Client ids that are connected at once with one certificate, for each of its things. */
  readonly clientsPerThing: number
  /** Take-overs of one client id by the same certificate that come back to a network it had left. */
  readonly keyReturns: Threshold
  /** Take-overs of one client id by the same certificate, wherever they come from. */
  readonly keyTakeOvers: Threshold
  /** How long an alarm lasts, and how long the same one is not raised again. */
  readonly lasts: Millis
}

const MINUTE = seconds(60)
const TEN_MINUTES = seconds(600)

/**
 * The rules of a server that is told no others. Places: a batch that boots in a hundred homes in one hour is a launch,
 * which an operator knows of. Refusals: one wrong label is a mistake, three are somebody who tries. Requests: an honest
 * device needs two; a hall of 500 testers stays below 1000 a second. Take-overs: a radio changes networks, it does not
 * come back to the last one within seconds, again and again.
 */
export const ABUSE_RULES: AbuseRules = {
  claimPlaces: { count: 100, within: seconds(3600) },
  claimRefusals: { count: 2, within: TEN_MINUTES },
  claimRequests: { count: 60_000, within: MINUTE },
  connectionRequests: { count: 60, within: MINUTE },
  connectionRefusals: { count: 2, within: TEN_MINUTES },
  alarmedRequests: { count: 4, within: MINUTE },
  alarmedRefusals: { count: 0, within: TEN_MINUTES },
  clientsPerThing: 1,
  keyReturns: { count: 1, within: TEN_MINUTES },
  keyTakeOvers: { count: 9, within: TEN_MINUTES },
  lasts: TEN_MINUTES,
}
