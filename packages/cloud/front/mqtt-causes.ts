import type { MqttFaultCode, RefusalCause, SessionEnd } from '@birthmark/cloud/mqtt'
import { type AccessRequest, explainDecision } from '@birthmark/cloud/policy'
import type { Scope } from '@birthmark/cloud/registry'
import { Fault, messageOf } from '@birthmark/foundation/kernel'
import type { AttemptCause, AttemptCauseCode } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import { resourceArn } from './policy-context.ts'

/**
 * Says why a session ended; `undefined` when its client asked for it, or when whoever ordered the end has said why.
 *
 * @param lost What is known of the end of a connection that just broke.
 */
export function causeOfEnd(end: SessionEnd, scope: Scope, lost: string): AttemptCause | undefined {
  switch (end.because) {
    case 'fault':
    case 'denied':
      return causeOfRefusal(end, scope)
    case 'connection-lost':
      return attemptCause('CONNECTION_LOST', { why: lost })
    case 'disconnected':
    case 'ordered':
      return undefined
  }
}

/** Says why a request was refused. */
export function causeOfRefusal(cause: RefusalCause, scope: Scope): AttemptCause {
  if (cause.because === 'fault') return causeOfMqttFault(cause.fault)
  const { action, resource } = REQUESTS[cause.action]
  const request: AccessRequest = { action, resource: resourceArn(scope, `${resource}/${cause.topic}`) }
  const code = cause.action === 'subscribe' ? 'POLICY_DENIED_SUBSCRIBE' : 'POLICY_DENIED_PUBLISH'
  return attemptCause(code, { why: explainDecision(cause.denial, request) })
}

const REQUESTS = {
  publish: { action: 'iot:Publish', resource: 'topic' },
  'retain-publish': { action: 'iot:RetainPublish', resource: 'topic' },
  subscribe: { action: 'iot:Subscribe', resource: 'topicfilter' },
} as const

/** Says which kind of trouble a fault of the MQTT room is. */
export function causeOfMqttFault(fault: Fault): AttemptCause {
  if (fault.blame !== 'peer' && fault.blame !== 'busy') return causeOfError(fault)
  const code = CAUSE_BY_FAULT.get(fault.code) ?? 'MQTT_PROTOCOL_ERROR'
  return attemptCause(code, { why: fault.message, remedy: fault.remedy })
}

/** Says that this server failed. What is no fault says nothing to strangers; the log has it. */
export function causeOfError(error: unknown): AttemptCause {
  if (!(error instanceof Fault)) {
    return attemptCause('SERVER_ERROR', { why: 'an invariant failed', remedy: 'Report it; the log has the details.' })
  }
  return attemptCause('SERVER_ERROR', { why: `${error.code}: ${messageOf(error)}`, remedy: error.remedy })
}

/** The faults that are not plain protocol errors. */
const CAUSES: Partial<Record<MqttFaultCode, AttemptCauseCode>> = {
  MQTT_CONNECT_EXPECTED: 'CONNECT_EXPECTED',
  MQTT_PROTOCOL_NAME_INVALID: 'CONNECT_PROTOCOL_VERSION',
  MQTT_PROTOCOL_LEVEL_UNSUPPORTED: 'CONNECT_PROTOCOL_VERSION',
  MQTT_CLIENT_ID_INVALID: 'CLIENT_ID_INVALID',
  MQTT_KEEP_ALIVE_TIMEOUT: 'KEEP_ALIVE_TIMEOUT',
  MQTT_PACKET_TOO_LARGE: 'MQTT_LIMIT_REACHED',
  MQTT_RECEIVE_MAXIMUM_EXCEEDED: 'MQTT_LIMIT_REACHED',
  MQTT_TOPIC_TOO_LONG: 'MQTT_LIMIT_REACHED',
  MQTT_TOPIC_TOO_DEEP: 'MQTT_LIMIT_REACHED',
  MQTT_FILTER_TOO_LONG: 'MQTT_LIMIT_REACHED',
  MQTT_FILTER_TOO_DEEP: 'MQTT_LIMIT_REACHED',
  MQTT_PAYLOAD_TOO_LARGE: 'MQTT_LIMIT_REACHED',
  MQTT_PROPERTY_TOO_LARGE: 'MQTT_LIMIT_REACHED',
  MQTT_FILTERS_TOO_MANY: 'MQTT_LIMIT_REACHED',
  MQTT_SUBSCRIPTIONS_TOO_MANY: 'MQTT_LIMIT_REACHED',
  MQTT_SHARE_FULL: 'MQTT_LIMIT_REACHED',
  MQTT_SHARE_NAME_TOO_LONG: 'MQTT_LIMIT_REACHED',
  MQTT_QOS_UNSUPPORTED: 'MQTT_FEATURE_UNSUPPORTED',
  MQTT_RETAIN_UNSUPPORTED: 'MQTT_FEATURE_UNSUPPORTED',
  MQTT_RETAIN_RESERVED: 'MQTT_FEATURE_UNSUPPORTED',
  MQTT_RETAINED_TOO_MANY: 'MQTT_LIMIT_REACHED',
  MQTT_RETAINED_TOO_FAST: 'MQTT_LIMIT_REACHED',
  MQTT_PUBLISHES_TOO_FAST: 'MQTT_LIMIT_REACHED',
  MQTT_CONNECTS_TOO_FAST: 'CLIENT_ID_TOO_FAST',
  MQTT_SUBSCRIPTION_IDENTIFIER_UNSUPPORTED: 'MQTT_FEATURE_UNSUPPORTED',
  MQTT_AUTHENTICATION_METHOD_UNSUPPORTED: 'MQTT_FEATURE_UNSUPPORTED',
  MQTT_TOPIC_RESERVED: 'MQTT_FEATURE_UNSUPPORTED',
  MQTT_FILTER_RESERVED: 'MQTT_FEATURE_UNSUPPORTED',
}
const CAUSE_BY_FAULT: ReadonlyMap<string, AttemptCauseCode> = new Map(Object.entries(CAUSES))
