import { type AccessRequest, type BoundPolicies, explainDecision } from '@birthmark/cloud/policy'
import { messageOf } from '@birthmark/foundation/kernel'
import { CERTIFICATE_ADMISSION } from './admission.ts'
import { type Admission, type AdmissionPorts, found } from './admission-step.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { HttpAdmitted } from './http-ports.ts'
import { causeOfError } from './mqtt-causes.ts'

/**
 * Judges the certificate of a client that speaks HTTP by the steps that a client of MQTT goes through, for each of its
 * requests anew: what was revoked meanwhile is refused. It has no client id, and so is nobody's thing unless its
 * certificate is attached to one exclusively. Never rejects.
 */
export async function admitHttp(admission: Admission, ports: AdmissionPorts): Promise<HttpAdmitted> {
  try {
    for (const step of CERTIFICATE_ADMISSION) {
      const refusal = await step(admission, ports)
      if (refusal !== undefined) return { ok: false, cause: refusal.cause }
    }
    return await bind(admission, ports)
  } catch (error) {
    ports.log.write('error', 'front.admission-failed', { attempt: admission.attempt.id, why: messageOf(error) })
    return { ok: false, cause: causeOfError(error) }
  }
}

async function bind(admission: Admission, { identities }: AdmissionPorts): Promise<HttpAdmitted> {
  const certificate = found(admission, 'certificate')
  const { attempt, remoteAddress } = admission
  const { policies, policyNames, thingName } = await identities.bind({
    certificate,
    accepted: NO_CONNECT,
    remoteAddress,
  })
  const thing = thingName === undefined ? 'no thing' : `thing ${thingName}`
  attempt.step('policy', `${thing}, policies: ${policyNames.join(', ') || 'none'}`)
  if (policyNames.length === 0) {
    return { ok: false, cause: attemptCause('NO_POLICY_ATTACHED', { certificateId: certificate.id }) }
  }
  const denial = (request: AccessRequest): AttemptCause | undefined => judge(admission, policies, request)
  return { ok: true, principal: { certificateId: certificate.id, denial } }
}

function judge({ attempt }: Admission, policies: BoundPolicies, request: AccessRequest): AttemptCause | undefined {
  const decision = policies.decide(request)
  const why = explainDecision(decision, request)
  attempt.step('policy', why)
  return decision.effect === 'allow' ? undefined : attemptCause('POLICY_DENIED_REQUEST', { why })
}

/** Says why a request over HTTP is refused that no step of the admission refuses. */
export function httpCause(
  code: 'HTTP_REQUEST_REFUSED' | 'POLICY_DENIED_REQUEST' | 'SIGNATURE_REFUSED',
  why: string,
): AttemptCause {
  return attemptCause(code, { why })
}

const NO_CONNECT = { clientId: undefined, will: undefined, wishedPersistence: false } as const
