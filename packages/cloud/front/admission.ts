import type { AcceptedConnect } from '@birthmark/cloud/mqtt'
import type { CertificateId } from '@birthmark/cloud/registry'
import { messageOf } from '@birthmark/foundation/kernel'
import { type Admission, type AdmissionPorts, type AdmissionStep, found, type Refusal } from './admission-step.ts'
import type { AttemptCauseCode } from './attempt.ts'
import type { AuthorizedClient } from './authorized-client.ts'
import type { BoundIdentity } from './identity.ts'
import { askAuthorizer, bindToGrant, wantsAuthorizer } from './judge-authorizer.ts'
import {
  findCertificate,
  findIssuer,
  requireActive,
  requireClientCertificate,
  requireEndpointName,
  requireValidNow,
} from './judge-certificate.ts'
import {
  acceptMqttConnect,
  authorizeConnect,
  authorizeWill,
  bindToLocal,
  bindToPolicies,
  requireRate,
} from './judge-connect.ts'
import { bindToKey } from './judge-key.ts'
import type { SignedKey } from './key-identity.ts'
import { LOCAL_PRINCIPAL } from './local-identity.ts'
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
  requireRate,
]

/** The same for a client that speaks HTTP, which has no CONNECT: what concerns its certificate. */
export const CERTIFICATE_ADMISSION: readonly AdmissionStep[] = [
  requireClientCertificate,
  findCertificate,
  findIssuer,
  requireValidNow,
  requireEndpointName,
  registerFirstConnection,
  requireActive,
]

/** The same for a client whose WebSocket was opened by a request that an access key signed. */
const KEY_ADMISSION: readonly AdmissionStep[] = [
  acceptMqttConnect,
  bindToKey,
  authorizeConnect,
  authorizeWill,
  requireRate,
]

/** The same for a client that a custom authorizer is to let in; a certificate that it shows counts for nothing. */
const AUTHORIZER_ADMISSION: readonly AdmissionStep[] = [
  acceptMqttConnect,
  askAuthorizer,
  bindToGrant,
  authorizeConnect,
  authorizeWill,
  requireRate,
]

/** The same on the listener without TLS, whose clients show nothing: they are one principal. */
const PLAIN_ADMISSION: readonly AdmissionStep[] = [
  acceptMqttConnect,
  bindToLocal,
  authorizeConnect,
  authorizeWill,
  requireRate,
]

/**
 * The certificate or the access key of a client and what binds it, or what a custom authorizer said of it; `local` on
 * the listener without TLS.
 */
export type Principal =
  | { readonly kind: 'certificate'; readonly id: CertificateId; readonly identity: BoundIdentity }
  | { readonly kind: 'access-key'; readonly id: string; readonly key: SignedKey; readonly identity: BoundIdentity }
  | {
      readonly kind: 'authorizer'
      readonly id: string
      readonly client: AuthorizedClient
      readonly identity: BoundIdentity
    }
  | { readonly kind: 'local'; readonly id: typeof LOCAL_PRINCIPAL; readonly identity: BoundIdentity }

/** What became of a client. */
export type Admitted =
  | { readonly ok: true; readonly accepted: AcceptedConnect; readonly principal: Principal }
  | { readonly ok: false; readonly refusal: Refusal }

/** Takes a client through its admission. Never rejects: what fails here is the server's fault and refused as such. */
export async function admit(admission: Admission, ports: AdmissionPorts): Promise<Admitted> {
  try {
    for (const step of stepsFor(admission)) {
      const refusal = await step(admission, ports)
      if (refusal === undefined) continue
      if (AUTHORIZATION_FAILURES.has(refusal.cause.code)) tellFailure(admission, ports)
      return { ok: false, refusal }
    }
    const accepted = found(admission, 'accepted')
    return { ok: true, accepted, principal: principalOf(admission) }
  } catch (error) {
    ports.log.write('error', 'front.admission-failed', { attempt: admission.attempt.id, why: messageOf(error) })
    return { ok: false, refusal: { cause: causeOfError(error), answer: undefined } }
  }
}

function stepsFor(admission: Admission): readonly AdmissionStep[] {
  const { presented } = admission
  if (presented === undefined) return PLAIN_ADMISSION
  if (wantsAuthorizer(admission)) return AUTHORIZER_ADMISSION
  return presented.signedBy === undefined ? ADMISSION : KEY_ADMISSION
}

function principalOf(admission: Admission): Principal {
  const { authorized: client, presented } = admission
  const identity = found(admission, 'identity')
  if (presented === undefined) return { kind: 'local', id: LOCAL_PRINCIPAL, identity }
  if (client !== undefined) return { kind: 'authorizer', id: client.grant.principalId, client, identity }
  const key = presented.signedBy
  if (key !== undefined) return { kind: 'access-key', id: key.id, key, identity }
  return { kind: 'certificate', id: found(admission, 'certificate').id, identity }
}

function tellFailure(
  { attempt, connect, record, remoteAddress }: Admission,
  { clock, presence }: AdmissionPorts,
): void {
  if (record === undefined || connect === undefined) return
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
