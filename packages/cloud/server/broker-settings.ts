import type { FrontLimits } from '@birthmark/cloud/front'
import { AWS_PROFILE, type BrokerProfile, STANDARD_PROFILE } from '@birthmark/cloud/mqtt'
import type { RetainedLimits } from '@birthmark/cloud/retained'
import type { SessionLimits } from '@birthmark/cloud/sessions'
import { millis } from '@birthmark/foundation/kernel'
import { serverFault } from './faults.ts'
import { LIMITS, type ProfileLimit } from './limit-table.ts'

/** Whose behaviour the broker has, and with which limits. */
export interface BrokerSettings {
  /** `aws` when absent. */
  readonly profile?: 'aws' | 'standard'
  /** Seconds that a session outlives its connection, at most; the profile's when absent. 0: not at all. */
  readonly sessionExpiry?: number
  /** Limits that differ. */
  readonly limits?: LimitChanges
}

/** Limits that differ from the default ones, by where they are kept. `Infinity` stands for none. */
export interface LimitChanges {
  readonly profile: Readonly<Partial<Record<ProfileLimit, number>>>
  readonly front: Readonly<Partial<Record<keyof FrontLimits, number>>>
  readonly sessions: Readonly<Partial<SessionLimits>>
  readonly retained: Readonly<Partial<RetainedLimits>>
}

/** Gives the front's limits that differ, times as what they are. */
export function frontLimits({ limits, profile }: BrokerSettings): Partial<FrontLimits> {
  const { handshake, connect, httpRequest, httpIdle, drain, ...counts } = limits?.front ?? {}
  const times = Object.entries({ handshake, connect, httpRequest, httpIdle, drain }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, millis(value)] as const],
  )
  return {
    ...(profile === 'standard' && { connectsPerClientPerSecond: NONE }),
    ...counts,
    ...Object.fromEntries(times),
  }
}

/** Gives the limits of retained messages that differ. */
export function retainedLimits({ limits, profile }: BrokerSettings): Partial<RetainedLimits> {
  return { ...(profile === 'standard' && { perTopicPerSecond: NONE, perSecond: NONE }), ...limits?.retained }
}

/** Gives the profile that settings come to. */
export function brokerProfile({ limits, profile, sessionExpiry }: BrokerSettings): BrokerProfile {
  return {
    ...(profile === 'standard' ? STANDARD_PROFILE : AWS_PROFILE),
    ...(sessionExpiry !== undefined && { sessionExpiryMax: sessionExpiry }),
    ...limits?.profile,
  }
}

/**
 * Reads limits as `name=value`, where the value is a whole number or `unlimited`, which is as much as MQTT can say; of
 * one that is named twice the last value counts.
 *
 * @throws `LIMIT_UNKNOWN`, `LIMIT_VALUE_INVALID` (caller)
 */
export function parseLimits(texts: readonly string[]): LimitChanges {
  const changes = { profile: {}, front: {}, sessions: {}, retained: {} }
  for (const text of texts) {
    const [name = '', value = ''] = text.split(/=(.*)/s)
    const row = LIMITS.find((one) => one.name === name)
    if (row === undefined) throw serverFault('LIMIT_UNKNOWN', { name })
    const most = row.of === 'profile' ? (PROTOCOL_MAX[row.member] ?? NONE) : NONE
    Object.assign(changes[row.of], { [row.member]: Math.min(parseValue(name, value), most) })
  }
  return changes
}

function parseValue(name: string, text: string): number {
  if (text === 'unlimited') return NONE
  const value = /^\d{1,15}$/.test(text) ? Number(text) : undefined
  // Bounds may be none at all; a rate of nothing would let nobody in.
  const isRate = LIMITS.some((row) => row.name === name && row.unit.includes('second') && row.unit !== 'seconds')
  if (value === undefined || (isRate && value === 0)) throw serverFault('LIMIT_VALUE_INVALID', { name, value: text })
  return value
}

/** A machine of one's own is no shared service: the profile `standard` has no rates. */
const NONE = Number.POSITIVE_INFINITY

/** What the fields of MQTT can say, and as long as sessions are kept: AWS IoT's longest, 7 days. */
const PROTOCOL_MAX: Readonly<Partial<Record<ProfileLimit, number>>> = {
  packetBytesMax: 268_435_460,
  payloadBytesMax: 268_435_455,
  topicBytesMax: 65_535,
  topicSlashesMax: 1000,
  clientIdBytesMax: 65_535,
  shareNameBytesMax: 65_535,
  contentTypeBytesMax: 65_535,
  correlationDataBytesMax: 65_535,
  inboundInflightMax: 65_535,
  outboundInflightMax: 65_535,
  topicAliasMax: 65_535,
  keepAliveMin: 65_535,
  keepAliveMax: 65_535,
  sessionExpiryMax: 604_800,
  messageExpiryMax: 4_294_967_295,
}
