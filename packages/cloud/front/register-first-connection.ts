import { registeredEvent } from '@birthmark/cloud/events'
import { type FirstConnection, provisionFirstConnection, registerPending } from '@birthmark/cloud/provisioning'
import { sha256 } from '@birthmark/cloud/provisioning/adapters'
import { type Admission, type AdmissionPorts, found, type Refusal, refuse } from './admission-step.ts'

/**
 * Brings a certificate into the registry that its issuing CA vouches for: with a template the device is provisioned
 * (just-in-time provisioning), without one the certificate waits for somebody's decision (just-in-time registration).
 * Either way this connection ends without a CONNACK, as at AWS IoT, and the device connects again.
 */
export async function registerFirstConnection(
  admission: Admission,
  ports: AdmissionPorts,
): Promise<Refusal | undefined> {
  const ca = admission.issuer
  if (ca === undefined) return undefined
  const certificate = found(admission, 'certificate').content
  const { clock, entropy, templates } = ports
  const connection: FirstConnection = { ca, certificate, now: clock.now(), entropy, templates, sha256 }
  return ca.registrationConfig === undefined
    ? register(admission, connection, ports)
    : provision(admission, connection, ports)
}

async function provision(admission: Admission, connection: FirstConnection, ports: AdmissionPorts): Promise<Refusal> {
  const certificateId = found(admission, 'certificate').id
  const outcome = await provisionFirstConnection(ports.registry, connection)
  if (outcome.outcome === 'failed') {
    const { code, reason, remedy } = outcome
    admission.attempt.step('provisioning', `${code}: ${reason}`)
    return refuse('PROVISIONING_FAILED', { certificateId, why: reason, remedy })
  }
  for (const line of outcome.explanation) admission.attempt.step('provisioning', line)
  const thing = outcome.thingName === undefined ? 'no thing' : `thing ${outcome.thingName}`
  return refuse('PROVISIONED_FIRST_CONNECTION', { certificateId, why: `${thing}, certificate ${outcome.status}` })
}

async function register(admission: Admission, connection: FirstConnection, ports: AdmissionPorts): Promise<Refusal> {
  const certificateId = found(admission, 'certificate').id
  const caId = connection.ca.id
  const record = await registerPending(ports.registry, connection)
  admission.attempt.step('provisioning', `registered as ${record.status}; CA ${caId} has no template`)
  ports.presence.publish(
    registeredEvent({
      certificateId,
      caCertificateId: caId,
      certificateStatus: record.status,
      account: ports.registry.scope.account,
      at: connection.now,
      registeredAt: record.createdAt,
    }),
  )
  return refuse('REGISTERED_PENDING_ACTIVATION', { certificateId, caId })
}
