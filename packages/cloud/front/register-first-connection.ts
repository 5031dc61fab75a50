import { registeredEvent } from '@birthmark/cloud/events'
import { type FirstConnection, provisionFirstConnection, registerPending } from '@birthmark/cloud/provisioning'
import { fleetCrypto, sha256 } from '@birthmark/cloud/provisioning/adapters'
import { type Admission, type AdmissionPorts, found, type Refusal, refuse } from './admission-step.ts'
import { provisioningCause } from './provisioning-causes.ts'

/**
 * Brings a certificate into the registry that its issuing CA vouches for: with a template the device is provisioned
 * (just-in-time provisioning), without one the certificate waits for somebody's decision (just-in-time registration).
 * Either way this connection ends without a CONNACK, as at AWS IoT, and the device connects again; only where first
 * connections are `inline` does a device that was provisioned and activated get in at once.
 */
export async function registerFirstConnection(
  admission: Admission,
  ports: AdmissionPorts,
): Promise<Refusal | undefined> {
  const ca = admission.issuer
  if (ca === undefined) return undefined
  const certificate = found(admission, 'certificate').content
  const { clock, entropy, templates } = ports
  const same = ports.sameKey === 'replace' ? { publicKeyOf: fleetCrypto.publicKeyOf } : {}
  const connection: FirstConnection = { ca, certificate, now: clock.now(), entropy, templates, sha256, ...same }
  return ca.registrationConfig === undefined
    ? register(admission, connection, ports)
    : provision(admission, connection, ports)
}

/** Judges the certificate as it is registered now: the device is let in at its first connection. */
async function goOn(admission: Admission, { registry }: AdmissionPorts): Promise<undefined> {
  const record = await registry.certificate(found(admission, 'certificate').id)
  if (record !== undefined) admission.record = record
}

async function provision(
  admission: Admission,
  connection: FirstConnection,
  ports: AdmissionPorts,
): Promise<Refusal | undefined> {
  const certificateId = found(admission, 'certificate').id
  const outcome = await provisionFirstConnection(ports.registry, connection)
  if (outcome.outcome === 'failed') {
    const { code, reason, remedy } = outcome
    admission.attempt.step('provisioning', `${code}: ${reason}`)
    return refuse(provisioningCause(code), { what: `certificate ${certificateId}`, why: reason, remedy })
  }
  for (const line of outcome.explanation) admission.attempt.step('provisioning', line)
  if (ports.firstConnection === 'inline' && outcome.status === 'ACTIVE') return goOn(admission, ports)
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
      clientId: admission.connect?.clientId,
    }),
  )
  return refuse('REGISTERED_PENDING_ACTIVATION', { certificateId, caId })
}
