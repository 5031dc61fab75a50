import {
  acceptConnect,
  encodePacket,
  mqttFault,
  NO_PROPERTIES,
  type ProtocolVersion,
  REASON,
  refusalAnswer,
} from '@birthmark/cloud/mqtt'
import { type AccessRequest, explainDecision } from '@birthmark/cloud/policy'
import { type Admission, type AdmissionPorts, found, type Refusal, refuse } from './admission-step.ts'
import { bindLocal, LOCAL_POLICY, LOCAL_PRINCIPAL } from './local-identity.ts'
import { causeOfMqttFault } from './mqtt-causes.ts'
import { resourceArn } from './policy-context.ts'

/** Judges the CONNECT by the standard and the profile. */
export function acceptMqttConnect(admission: Admission, { entropy, profile }: AdmissionPorts): Refusal | undefined {
  const { attempt } = admission
  const connect = found(admission, 'connect')
  const accepted = acceptConnect(connect, profile, entropy)
  if (!accepted.ok) return { cause: causeOfMqttFault(accepted.cause), answer: accepted.answer }
  attempt.show({ clientId: accepted.clientId })
  attempt.step('connect', `${describeVersion(accepted.version)}, client id ${accepted.clientId}`)
  admission.accepted = accepted
  return undefined
}

/** Loads the certificate's policies and its thing and binds one to the other. */
export async function bindToPolicies(admission: Admission, ports: AdmissionPorts): Promise<Refusal | undefined> {
  const identity = await ports.identities.bind({
    certificate: found(admission, 'certificate'),
    accepted: found(admission, 'accepted'),
    remoteAddress: admission.remoteAddress,
  })
  const thing = identity.thingName === undefined ? 'no thing' : `thing ${identity.thingName}`
  admission.attempt.step('policy', `${thing}, policies: ${identity.policyNames.join(', ') || 'none'}`)
  admission.identity = identity
  if (identity.policyNames.length > 0) return undefined
  return deny(admission, ports, refuse('NO_POLICY_ATTACHED', { certificateId: found(admission, 'certificate').id }))
}

/** Loads what clients may do that nobody has asked who they are: their listener is on loopback only. */
export async function bindToLocal(admission: Admission, { registry }: AdmissionPorts): Promise<undefined> {
  const accepted = found(admission, 'accepted')
  const { identity, isBuiltIn } = await bindLocal(registry, { accepted, remoteAddress: admission.remoteAddress })
  const policy = isBuiltIn ? `the built-in ${LOCAL_POLICY}` : LOCAL_POLICY
  admission.attempt.step('policy', `principal ${LOCAL_PRINCIPAL}, policies: ${policy}`)
  admission.identity = identity
}

/** Asks the policies whether this client may connect. */
export function authorizeConnect(admission: Admission, ports: AdmissionPorts): Refusal | undefined {
  const resource = resourceArn(ports.registry.scope, `client/${found(admission, 'accepted').clientId}`)
  return authorize(admission, ports, { action: 'iot:Connect', resource })
}

/** Asks the policies whether this client's will may be published, because nobody can be told later. */
export function authorizeWill(admission: Admission, ports: AdmissionPorts): Refusal | undefined {
  const { will } = found(admission, 'accepted')
  if (will === undefined) return undefined
  const resource = resourceArn(ports.registry.scope, `topic/${will.topic}`)
  const refusal = authorize(admission, ports, { action: 'iot:Publish', resource }, 'The will cannot be published: ')
  if (refusal !== undefined || !will.retain) return refusal
  return authorize(admission, ports, { action: 'iot:RetainPublish', resource }, 'The will cannot be retained: ')
}

/** Last, so that only those count who would be let in: a stranger cannot use up somebody's rate. */
export async function requireRate(admission: Admission, ports: AdmissionPorts): Promise<Refusal | undefined> {
  const { clientId, version } = found(admission, 'accepted')
  const { clock, connectRates, connectsPerSecond } = ports
  if (await connectRates.take(clientId, clock.now())) return undefined
  const fault = mqttFault('MQTT_CONNECTS_TOO_FAST', { max: connectsPerSecond })
  return { cause: causeOfMqttFault(fault), answer: refusalAnswer(fault, version) }
}

function authorize(
  admission: Admission,
  ports: AdmissionPorts,
  request: AccessRequest,
  introduction = '',
): Refusal | undefined {
  const decision = found(admission, 'identity').policies.decide(request)
  const why = `${introduction}${explainDecision(decision, request)}`
  if (decision.effect === 'deny') return deny(admission, ports, refuse('POLICY_DENIED_CONNECT', { why }))
  admission.attempt.step('policy', why)
  return undefined
}

/** AWS IoT answers an MQTT 5 client and closes on a 3.1.1 client, for which 5 is "not authorized" (3.1.1 §3.2.2.3). */
function deny(admission: Admission, ports: AdmissionPorts, refusal: Refusal): Refusal {
  const { version } = found(admission, 'accepted')
  if (version === 4 && ports.deniedConnect === 'close') return refusal
  return { ...refusal, answer: notAuthorized(version) }
}

/** Gives the encoded CONNACK that says that a client is not authorized. */
export function notAuthorized(version: ProtocolVersion): Uint8Array {
  const reasonCode = version === 4 ? NOT_AUTHORIZED_RETURN_CODE : REASON.NOT_AUTHORIZED
  const connack = { type: 'connack', sessionPresent: false, reasonCode, properties: NO_PROPERTIES } as const
  return encodePacket(connack, version)
}

function describeVersion(version: 4 | 5): string {
  return version === 4 ? 'MQTT 3.1.1' : 'MQTT 5.0'
}

/** MQTT 3.1.1 §3.2.2.3, table 3.1. */
const NOT_AUTHORIZED_RETURN_CODE = 5
