import { acceptConnect, encodePacket, NO_PROPERTIES, REASON } from '@birthmark/cloud/mqtt'
import { type AccessRequest, explainDecision } from '@birthmark/cloud/policy'
import { type Admission, type AdmissionPorts, found, type Refusal, refuse } from './admission-step.ts'
import { causeOfMqttFault } from './mqtt-causes.ts'
import { resourceArn } from './policy-context.ts'

/** Judges the CONNECT by the standard and the profile. */
export function acceptMqttConnect(admission: Admission, { entropy, profile }: AdmissionPorts): Refusal | undefined {
  const { attempt, connect } = admission
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
  return authorize(admission, ports, { action: 'iot:Publish', resource }, 'The will cannot be published: ')
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
  const reasonCode = version === 4 ? NOT_AUTHORIZED_RETURN_CODE : REASON.NOT_AUTHORIZED
  const connack = { type: 'connack', sessionPresent: false, reasonCode, properties: NO_PROPERTIES } as const
  return { ...refusal, answer: encodePacket(connack, version) }
}

function describeVersion(version: 4 | 5): string {
  return version === 4 ? 'MQTT 3.1.1' : 'MQTT 5.0'
}

/** MQTT 3.1.1 §3.2.2.3, table 3.1. */
const NOT_AUTHORIZED_RETURN_CODE = 5
