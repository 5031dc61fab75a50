import { Fault } from '@birthmark/foundation/kernel'
import { type MqttFaultCode, mqttFault, reasonCode } from './faults.ts'
import type { Subscribe, SubscriptionRequest } from './packet.ts'
import type { BrokerProfile } from './profile.ts'
import { lowerQos } from './qos.ts'
import { REASON } from './reason-code.ts'
import { isSubscribable } from './reserved-topics.ts'
import type { RefusalCause, SessionOptions } from './session.ts'
import { hasWildcard, isShared, parseTopicFilter, splitShared, type TopicFilter } from './topic.ts'
import type { Grant } from './topic-tree.ts'

/** The judgement on one filter of a SUBSCRIBE. */
export type Judgement = Granted | Refused

/** A subscription that may be made. */
export interface Granted {
  readonly granted: true
  readonly filter: TopicFilter
  readonly grant: Grant
  /** Whether it gets what is retained. */
  readonly replay: boolean
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
  { subscriptions: requests, properties }: Subscribe,
  options: SessionOptions,
  existing: ReadonlyMap<string, TopicFilter>,
): readonly Judgement[] {
  const { filtersPerSubscribeMax, subscriptionsMax } = options.profile
  if (requests.length > filtersPerSubscribeMax) {
    const all = refused('MQTT_FILTERS_TOO_MANY', filtersPerSubscribeMax)
    return requests.map(() => all)
  }
  const [identifier] = properties.subscriptionIdentifiers ?? []
  const added = new Set<string>()
  return requests.map((request) => {
    const isNew = !existing.has(request.filter) && !added.has(request.filter)
    const judgement = judge(request, { isNew, identifier }, options)
    if (!judgement.granted || !isNew) return judgement
    if (isShared(judgement.filter) && options.mayShare?.(judgement.filter) === false) return refused('MQTT_SHARE_FULL')
    if (existing.size + added.size >= subscriptionsMax) return refused('MQTT_SUBSCRIPTIONS_TOO_MANY', subscriptionsMax)
    added.add(request.filter)
    return judgement
  })
}

function judge(
  request: SubscriptionRequest,
  { isNew, identifier }: { readonly isNew: boolean; readonly identifier: number | undefined },
  { profile, services, policy }: SessionOptions,
): Judgement {
  let filter: TopicFilter
  try {
    filter = parseTopicFilter(request.filter, profile)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return refusedBy(error)
  }
  // AWS IoT shares no reserved topics.
  const isReserved = isShared(filter)
    ? splitShared(filter).filter.startsWith('$')
    : !isSubscribable(filter, services, profile)
  if (isReserved) return refused('MQTT_FILTER_RESERVED')
  const denial = policy.subscribe(filter)
  if (denial !== undefined) {
    const cause = { because: 'denied', action: 'subscribe', topic: filter, denial } as const
    return { granted: false, cause, reasonCode: REASON.NOT_AUTHORIZED, isForbidden: true }
  }
  // MQTT 5.0 §3.2.2.3.4 [MQTT-3.2.2-10]: a wish for more than we have is granted as what we have.
  const grant = {
    qos: lowerQos(request.qos, profile.qosMax),
    noLocal: request.noLocal,
    ...(profile.retainAsPublished && request.retainAsPublished && { retainAsPublished: true }),
    ...(identifier !== undefined && { identifier }),
  }
  return { granted: true, filter, grant, replay: wantsRetained(request, isNew, profile, filter) }
}

function refused(code: MqttFaultCode, max?: number): Refused {
  return refusedBy(mqttFault(code, { max }))
}

function refusedBy(fault: Fault): Refused {
  const isForbidden = fault.code === 'MQTT_FILTER_RESERVED'
  return { granted: false, cause: { because: 'fault', fault }, reasonCode: reasonCode(fault), isForbidden }
}

/** MQTT 5.0 §3.8.3.1 and §4.8.2: as the option Retain Handling says, and never for a shared subscription. */
function wantsRetained(
  { retainHandling }: SubscriptionRequest,
  isNew: boolean,
  { retainedByWildcard }: BrokerProfile,
  filter: TopicFilter,
): boolean {
  if (isShared(filter) || (hasWildcard(filter) && !retainedByWildcard)) return false
  return retainHandling === 0 || (retainHandling === 1 && isNew)
}
