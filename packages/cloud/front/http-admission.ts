import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type AccessRequest, type BoundPolicies, explainDecision } from '@birthmark/cloud/policy'
import { messageOf } from '@birthmark/foundation/kernel'
import { CERTIFICATE_ADMISSION } from './admission.ts'
import { type Admission, type AdmissionPorts, found } from './admission-step.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import { bindGrant } from './authorized-client.ts'
import type { AuthorizerGrant, AuthorizerVerdict } from './authorizer-port.ts'
import type { HttpAdmitted } from './http-ports.ts'
import { ask, namesAuthorizer, noteGrant, requestFacts } from './judge-authorizer.ts'
import { causeOfError } from './mqtt-causes.ts'

/**
 * Judges the certificate of a client that speaks HTTP by the steps that a client of MQTT goes through, for each of its
 * requests anew: what was revoked meanwhile is refused. It has no client id, and so is nobody's thing unless its
 * certificate is attached to one exclusively. Never rejects.
 */
async function admitHttp(admission: Admission, ports: AdmissionPorts): Promise<HttpAdmitted> {
  try {
    for (const step of CERTIFICATE_ADMISSION) {
      const refusal = await step(admission, ports)
      if (refusal !== undefined) return { ok: false, cause: refusal.cause }
    }
    return await bind(admission, ports)
  } catch (error) {
    return failure(admission, ports, error)
  }
}

function failure({ attempt }: Admission, { log }: AdmissionPorts, error: unknown): HttpAdmitted {
  log.write('error', 'front.admission-failed', { attempt: attempt.id, why: messageOf(error) })
  return { ok: false, cause: causeOfError(error) }
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
  return { ok: true, principal: { denial } }
}

/** A grant that holds for the next requests of a connection too, which say the same. */
interface Cached {
  readonly key: string
  readonly grant: AuthorizerGrant
  readonly until: number
}

/**
 * Judges the clients of one connection over HTTP: each request by the certificate of the connection, or by the custom
 * authorizer that it names; by the default one when there is no certificate.
 */
export class HttpJudge {
  #cached: Cached | undefined

  /** Never rejects. */
  async admit(admission: Admission, ports: AdmissionPorts, request: Request): Promise<HttpAdmitted> {
    const isNamed = namesAuthorizer(request)
    if (!isNamed && (admission.presented?.certificate !== undefined || ports.authorizers === undefined)) {
      return admitHttp(admission, ports)
    }
    try {
      const verdict = await this.#ask(admission, ports, request)
      // Who asks for nobody and has no certificate is a stranger.
      if (!verdict.ok && !isNamed && verdict.code === 'AUTHORIZER_UNKNOWN') return await admitHttp(admission, ports)
      if (!verdict.ok) return { ok: false, cause: attemptCause(verdict.code, { why: verdict.why }) }
      const { attempt, remoteAddress } = admission
      noteGrant(attempt, verdict.grant)
      const where = { scope: ports.registry.scope, accepted: NO_CONNECT, remoteAddress }
      const { policies } = bindGrant(verdict.grant, where)
      return { ok: true, principal: { denial: (access) => judge(admission, policies, access) } }
    } catch (error) {
      return failure(admission, ports, error)
    }
  }

  async #ask(admission: Admission, ports: AdmissionPorts, request: Request): Promise<AuthorizerVerdict> {
    const http = requestFacts(request)
    const key = cacheKey(http)
    const now = ports.clock.now()
    const cached = this.#cached
    if (cached !== undefined && cached.key === key && now < cached.until) return { ok: true, grant: cached.grant }
    const serverName = admission.presented?.sni
    const connectionId = admission.attempt.id
    const verdict = await ask(ports, { connectionId, ...(serverName !== undefined && { serverName }), http })
    const isKept = verdict.ok && verdict.grant.isCachedForHttp
    this.#cached = isKept ? { key, grant: verdict.grant, until: now + verdict.grant.refreshAfter * 1000 } : undefined
    return verdict
  }
}

type Request = Pick<IncomingMessage, 'headers' | 'url'>

/** Everything that the function may have judged by: the query and the headers, but for those of the body. */
function cacheKey({ headers, queryString }: ReturnType<typeof requestFacts>): string {
  const told = Object.entries(headers).filter(([name]) => !name.startsWith('content-'))
  return hash('sha256', JSON.stringify([queryString, told]), 'hex')
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
