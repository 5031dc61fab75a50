import type { AcceptedConnect } from '@birthmark/cloud/mqtt'
import type { CertificateId } from '@birthmark/cloud/registry'
import { messageOf } from '@birthmark/foundation/kernel'
import { type Admission, type AdmissionPorts, type AdmissionStep, found, type Refusal } from './admission-step.ts'
import type { AttemptCauseCode } from './attempt.ts'
import type { BoundIdentity } from './identity.ts'
import {
  findCertificate,
  findIssuer,
  requireActive,
  requireClientCertificate,
  requireEndpointName,
  requireValidNow,
} from './judge-certificate.ts'
import { acceptMqttConnect, authorizeConnect, authorizeWill, bindToPolicies } from './judge-connect.ts'
import { causeOfError } from './mqtt-causes.ts'
import { registerFirstConnection } from './register-first-connection.ts'

/** Everything a client that has sent its CONNECT goes through before it becomes a session, in this order. */
const ADMISSION: readonly AdmissionStep[] = [
  requireClientCertificate,
  findCertificate,
  findIssuer,
  requireValidNow,
  requireEndpointName,
  acceptMqttConnect,
  registerFirstConnection,
  requireActive,
  bindToPolicies,
  authorizeConnect,
  authorizeWill,
]

/** The same on the listener without TLS, where nobody is asked who they are. */
const PLAIN_ADMISSION: readonly AdmissionStep[] = [acceptMqttConnect]

/** The certificate of a client and what binds it; anybody at all on the listener without TLS. */
export type Principal = { readonly id: CertificateId; readonly identity: BoundIdentity } | 'anybody'

/** What became of a client. */
export type Admitted =
  | { readonly ok: true; readonly accepted: AcceptedConnect; readonly principal: Principal }
  | { readonly ok: false; readonly refusal: Refusal }

/** Takes a client through its admission. Never rejects: what fails here is the server's fault and refused as such. */
export async function admit(admission: Admission, ports: AdmissionPorts): Promise<Admitted> {
  try {
    for (const step of admission.presented === undefined ? PLAIN_ADMISSION : ADMISSION) {
      const refusal = await step(admission, ports)
      if (refusal === undefined) continue
      if (AUTHORIZATION_FAILURES.has(refusal.cause.code)) tellFailure(admission, ports)
      return { ok: false, refusal }
    }
    const accepted = found(admission, 'accepted')
    if (admission.presented === undefined) return { ok: true, accepted, principal: 'anybody' }
    return {
      ok: true,
      accepted,
      principal: { id: found(admission, 'certificate').id, identity: found(admission, 'identity') },
    }
  } catch (error) {
    ports.log.write('error', 'front.admission-failed', { attempt: admission.attempt.id, why: messageOf(error) })
    return { ok: false, refusal: { cause: causeOfError(error), answer: undefined } }
  }
}

function tellFailure(
  { attempt, connect, record, remoteAddress }: Admission,
  { clock, presence }: AdmissionPorts,
): void {
  if (record === undefined) return
  presence.failed({
    clientId: connect.clientId,
    at: clock.now(),
    sessionIdentifier: attempt.id,
    principalIdentifier: record.id,
    ipAddress: remoteAddress,
    thingName: undefined,
  })
}

/** The refusals of clients whose certificate is known, of which subscribers of the lifecycle events are told. */
const AUTHORIZATION_FAILURES: ReadonlySet<AttemptCauseCode> = new Set([
  'CERTIFICATE_INACTIVE',
  'CERTIFICATE_REVOKED',
  'CERTIFICATE_PENDING_TRANSFER',
  'NO_POLICY_ATTACHED',
  'POLICY_DENIED_CONNECT',
])
