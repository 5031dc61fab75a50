import type { IncomingMessage } from 'node:http'
import type { Connect } from '@birthmark/cloud/mqtt'
import { type Admission, type AdmissionPorts, found, type Refusal } from './admission-step.ts'
import { attemptCause } from './attempt-causes.ts'
import type { AttemptRecord } from './attempt-log.ts'
import { AuthorizedClient, bindGrant } from './authorized-client.ts'
import type { AuthorizerCredentials, AuthorizerGrant, AuthorizerVerdict } from './authorizer-port.ts'
import { notAuthorized } from './judge-connect.ts'

/** Tells whether a client wants a custom authorizer to let it in: by ALPN or WebSocket, or by its user name. */
export function wantsAuthorizer({ presented, connect }: Admission): boolean {
  if (presented === undefined || presented.signedBy !== undefined) return false
  if (presented.asksAuthorizer === true) return true
  return presented.certificate === undefined && connect?.userName?.includes(`${AUTHORIZER_NAME}=`) === true
}

/** Tells whether a request over HTTP names an authorizer. */
export function namesAuthorizer({ headers, url = '' }: Request): boolean {
  return headers[AUTHORIZER_NAME] !== undefined || url.includes(`${AUTHORIZER_NAME}=`)
}

type Request = Pick<IncomingMessage, 'headers' | 'url'>

/** Gives what an authorizer is told of a request. */
export function requestFacts(request: Request): NonNullable<AuthorizerCredentials['http']> {
  const { url = '' } = request
  const at = url.indexOf('?')
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value] as const],
  )
  return { headers: Object.fromEntries(headers), queryString: at < 0 ? '' : url.slice(at) }
}

/** Asks the authorizer that the client wants, or the default one. */
export async function askAuthorizer(admission: Admission, ports: AdmissionPorts): Promise<Refusal | undefined> {
  const { attempt } = admission
  const presented = found(admission, 'presented')
  const connect = found(admission, 'connect')
  const credentials: AuthorizerCredentials = {
    connectionId: attempt.id,
    ...(presented.sni !== undefined && { serverName: presented.sni }),
    ...(presented.request !== undefined && { http: presented.request }),
    mqtt: mqttFacts(connect),
  }
  const verdict = await ask(ports, credentials)
  if (verdict.ok) {
    noteGrant(attempt, verdict.grant)
    admission.authorized = new AuthorizedClient(credentials, verdict.grant)
    return undefined
  }
  return { cause: attemptCause(verdict.code, { why: verdict.why }), answer: notAuthorized(connect.protocolVersion) }
}

/** Binds what the authorizer grants. */
export function bindToGrant(admission: Admission, { registry }: AdmissionPorts): undefined {
  const { remoteAddress } = admission
  const { grant } = found(admission, 'authorized')
  const accepted = found(admission, 'accepted')
  admission.identity = bindGrant(grant, { scope: registry.scope, accepted, remoteAddress })
}

/** Asks the authorizers, if there are any. */
export async function ask(
  { authorizers, registry }: Pick<AdmissionPorts, 'authorizers' | 'registry'>,
  credentials: AuthorizerCredentials,
): Promise<AuthorizerVerdict> {
  if (authorizers === undefined) return { ok: false, code: 'AUTHORIZER_UNKNOWN', why: 'none is asked here' }
  return authorizers.authorize(registry.scope, credentials)
}

/** Notes in an attempt who was let in, by whom; nothing of what the client said. */
export function noteGrant(attempt: AttemptRecord, grant: AuthorizerGrant): void {
  const { authorizer, isSigned, principalId, policies } = grant
  const token = isSigned ? 'token signed' : 'no signature asked for'
  const count = policies.length === 1 ? '1 policy' : `${policies.length} policies`
  attempt.step('authorizer', `authorizer ${authorizer}, ${token}, principal ${principalId}, ${count}`)
}

/** A client id that the server made up is not the client's. */
function mqttFacts({ clientId, userName, password }: Connect): NonNullable<AuthorizerCredentials['mqtt']> {
  return {
    ...(userName !== undefined && { username: userName }),
    ...(password !== undefined && { password: Buffer.from(password).toString('base64') }),
    clientId,
  }
}

const AUTHORIZER_NAME = 'x-amz-customauthorizer-name'
