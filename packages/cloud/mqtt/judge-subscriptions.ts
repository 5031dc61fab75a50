import { Fault } from '@birthmark/foundation/kernel'
import { type MqttFaultCode, mqttFault, reasonCode } from './faults.ts'
import type { SubscriptionRequest } from './packet.ts'
import { REASON } from './reason-code.ts'
import { isSubscribable } from './reserved-topics.ts'
import type { RefusalCause, SessionOptions } from './session.ts'
import { isShared, parseTopicFilter, splitShared, type TopicFilter } from './topic.ts'

/** The judgement on one filter of a SUBSCRIBE. */
export type Judgement = Granted | Refused

/** A subscription that may be made. */
export interface Granted {
  readonly granted: true
  readonly filter: TopicFilter
  readonly qos: 0 | 1
  readonly noLocal: boolean
}

/** A subscription that is refused. */
export interface Refused {
  readonly granted: false
  readonly cause: RefusalCause
  /** For an MQTT 5.0 SUBACK. */
  readonly reasonCode: number
  /** Whether it is one that the client has no right to, rather than one that nobody could have. */
  readonly isForbidden: boolean
}

/**
 * Judges every filter of a SUBSCRIBE, in its order: by the profile's limits, by what is supported, by the policy.
 *
 * @param existing Filters that the session has already; they are granted again without counting twice.
 */
export function judgeSubscriptions(
  requests: readonly SubscriptionRequest[],
  options: SessionOptions,
  existing: ReadonlyMap<string, TopicFilter>,
): readonly Judgement[] {
  const { filtersPerSubscribeMax, subscriptionsMax } = options.profile
  if (requests.length > filtersPerSubscribeMax) {
    const all = refused('MQTT_FILTERS_TOO_MANY', filtersPerSubscribeMax)
    return requests.map(() => all)
  }
  const added = new Set<string>()
  return requests.map((request) => {
    const judgement = judge(request, options)
    if (!judgement.granted || existing.has(request.filter) || added.has(request.filter)) return judgement
    if (isShared(judgement.filter) && options.mayShare?.(judgement.filter) === false) return refused('MQTT_SHARE_FULL')
    if (existing.size + added.size >= subscriptionsMax) return refused('MQTT_SUBSCRIPTIONS_TOO_MANY', subscriptionsMax)
    added.add(request.filter)
    return judgement
  })
}

function judge(request: SubscriptionRequest, { profile, services, policy }: SessionOptions): Judgement {
  let filter: TopicFilter
  try {
    filter = parseTopicFilter(request.filter, profile)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return refusedBy(error)
  }
  // AWS IoT shares no reserved topics.
  const isReserved = isShared(filter) ? splitShared(filter).filter.startsWith('$') : !isSubscribable(filter, services)
  if (isReserved) return refused('MQTT_FILTER_RESERVED')
  const denial = policy.subscribe(filter)
  if (denial !== undefined) {
    const cause = { because: 'denied', action: 'subscribe', topic: filter, denial } as const
    return { granted: false, cause, reasonCode: REASON.NOT_AUTHORIZED, isForbidden: true }
  }
  // MQTT 5.0 §3.2.2.3.4 [MQTT-3.2.2-10]: a wish for QoS 2 is granted as QoS 1.
  return { granted: true, filter, qos: request.qos === 0 ? 0 : 1, noLocal: request.noLocal }
}

function refused(code: MqttFaultCode, max?: number): Refused {
  return refusedBy(mqttFault(code, { max }))
}

function refusedBy(fault: Fault): Refused {
  const isForbidden = fault.code === 'MQTT_FILTER_RESERVED'
  return { granted: false, cause: { because: 'fault', fault }, reasonCode: reasonCode(fault), isForbidden }
}
