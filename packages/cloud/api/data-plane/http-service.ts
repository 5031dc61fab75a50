import type { IncomingMessage, ServerResponse } from 'node:http'
import { type HttpClient, type HttpPrincipal, type HttpService, httpCause } from '@birthmark/cloud/front'
import type { Scope } from '@birthmark/cloud/registry'
import { Permissions } from '../access/permissions.ts'
import { accessesOf } from '../access/resources.ts'
import type { ControlPlaneOptions } from '../control-plane-options.ts'
import { type Answer, jsonAnswer } from '../engine/answer.ts'
import { type Admit, createEngine, type Engine } from '../engine/engine.ts'
import { parseTarget, type Target } from '../engine/target.ts'
import { causeOf, exceptionOf, levelOf } from '../errors.ts'
import { AwsException, invalidRequest } from '../exceptions.ts'
import { DATA_REQUEST_BYTES_MAX } from '../limits.ts'
import { readBody } from '../read-body.ts'
import { findCaller, requireSignature } from '../sigv4/authenticate.ts'
import { parseClaim } from '../sigv4/claim.ts'
import { KnownKeys } from '../sigv4/known-keys.ts'
import { checkWebSocketSignature, type WebSocketRequest } from '../sigv4/websocket.ts'
import { dataErrorAnswer } from './errors.ts'

/** Makes what serves AWS IoT's data plane to those who reach a device endpoint over HTTP. */
export function createDataPlaneService(options: DataServiceOptions): HttpService {
  const keys = new KnownKeys(options.registry)
  const isServed = (scope: Scope): boolean => options.endpointAddress(scope) !== undefined
  const parts: Parts = { options, keys, isServed, engine: createEngine(), permissions: new Permissions() }
  return {
    answer(request, response, client) {
      answerRequest(parts, request, client).then(
        (answer) => finish(options, request, response, client, answer, undefined),
        (error: unknown) => {
          finish(options, request, response, client, dataErrorAnswer(error, client.attemptId), error)
        },
      )
    },
    async checkSignature(request) {
      try {
        const key = await checkWebSocketSignature(webSocketRequest(request), parts, options.clock.now())
        return { ok: true, key }
      } catch (error) {
        options.log.write(levelOf(error), 'api.websocket-refused', causeOf(error))
        const { name, status, message } = exceptionOf(error)
        return { ok: false, status, exception: name, why: message }
      }
    },
  }
}

/** What the service works on and with. */
export type DataServiceOptions = Pick<
  ControlPlaneOptions,
  'certificateProvider' | 'clock' | 'dataPlane' | 'endpointAddress' | 'entropy' | 'log' | 'registry'
>

interface Parts {
  readonly options: DataServiceOptions
  readonly keys: KnownKeys
  readonly isServed: (scope: Scope) => boolean
  readonly engine: Engine
  readonly permissions: Permissions
}

function webSocketRequest({ method = '', url = '', headersDistinct }: IncomingMessage): WebSocketRequest {
  const target = parseTarget(url)
  if (target === undefined) throw invalidRequest('The request target is not well-formed.')
  return { ...target, method, headers: headersDistinct, body: new Uint8Array() }
}

async function answerRequest(parts: Parts, request: IncomingMessage, client: HttpClient): Promise<Answer> {
  const target = parseTarget(topicInOneLabel(request.url ?? ''))
  if (target === undefined) throw invalidRequest('The request target is not well-formed.')
  const isPresigned = target.query.some(([name]) => name === 'X-Amz-Signature')
  return isPresigned || hasSignature(request)
    ? answerSigned(parts, request, client)
    : answerDevice(parts, request, client, target)
}

/** A client that names a custom authorizer may have its token in this header. */
function hasSignature({ headers }: IncomingMessage): boolean {
  const { authorization } = headers
  if (authorization === undefined) return false
  return headers['x-amz-customauthorizer-name'] === undefined || authorization.startsWith('AWS4-')
}

/** Who has signed is known by the key, whatever certificate came along. */
async function answerSigned(parts: Parts, request: IncomingMessage, client: HttpClient): Promise<Answer> {
  const { options, keys, isServed, permissions } = parts
  const asSent = parseTarget(request.url ?? '')
  if (asSent === undefined) throw invalidRequest('The request target is not well-formed.')
  const claim = parseClaim(request.headersDistinct, asSent.query)
  const { caller, known } = await findCaller(claim, keys, isServed, options.clock.now())
  const body = await readBody(request, DATA_REQUEST_BYTES_MAX)
  const { method = '', headersDistinct: headers } = request
  requireSignature(known, claim, { ...asSent, method, headers, body })
  client.belongsTo(caller.scope)
  const target = parseTarget(topicInOneLabel(request.url ?? '')) ?? asSent
  return perform(parts, { request, client, target, body, scope: caller.scope }, (operation, input) => {
    for (const { action, resources } of accessesOf(operation, input, caller.scope)) {
      permissions.require({ ...caller, sourceIp: client.remoteAddress }, action, resources)
    }
  })
}

async function answerDevice(
  parts: Parts,
  request: IncomingMessage,
  client: HttpClient,
  target: Target,
): Promise<Answer> {
  const admitted = await client.admit(request)
  if (!admitted.ok) throw new Refused(admitted.cause, admitted.cause.code === 'NO_CLIENT_CERTIFICATE')
  const body = await readBody(request, DATA_REQUEST_BYTES_MAX)
  const { scope } = client
  return perform(parts, { request, client, target, body, scope }, (operation, input) => {
    for (const { action, resources } of accessesOf(operation, input, scope)) {
      for (const resource of resources) requireAllowed(admitted.principal, action, resource)
    }
  })
}

function requireAllowed(principal: HttpPrincipal, action: `${string}:${string}`, resource: string): void {
  const cause = principal.denial({ action, resource })
  if (cause !== undefined) throw new Refused(cause, false)
}

/** What a device is refused for, in the words of its attempt; it itself is told no more than AWS IoT tells. */
class Refused extends AwsException {
  readonly why: Refusal

  constructor(why: Refusal, isStranger: boolean) {
    super(
      isStranger ? 'MissingAuthenticationTokenException' : 'ForbiddenException',
      isStranger ? STRANGER : 'Forbidden',
    )
    this.why = why
  }
}

type Refusal = NonNullable<Parameters<HttpClient['conclude']>[0]['cause']>

const STRANGER = 'Missing Authentication Token'

async function perform(
  { engine, options }: Parts,
  wanted: { request: IncomingMessage; client: HttpClient; target: Target; body: Uint8Array; scope: Scope },
  admit: Admit,
): Promise<Answer> {
  const { request, client, target, body, scope } = wanted
  const route = engine.match(request.method ?? '', target.rawPath, 'iotdata')
  // The control plane has a port of its own, which need not be open to devices.
  if (route?.operation.service !== 'iotdata') throw new AwsException('UnknownOperationException', 'Not Found')
  const call = { ...options, registry: options.registry.in(scope), now: options.clock.now() }
  const { query } = target
  const answer = await engine.perform(route, { query, headers: request.headers, body }, call, admit)
  return answer.body.length > 0 ? answer : jsonAnswer({ message: 'OK', traceId: client.attemptId })
}

/** A topic may have its slashes as they are, `/topics/a/b`, as well as encoded (AWS IoT Core guide, HTTPS). */
function topicInOneLabel(url: string): string {
  const [, start, topic, rest = ''] = /^(\/topics\/)([^?]*)(\?.*)?$/s.exec(url) ?? []
  return start === undefined || topic === undefined ? url : `${start}${topic.replaceAll('/', '%2F')}${rest}`
}

function finish(
  { log }: DataServiceOptions,
  request: IncomingMessage,
  response: ServerResponse,
  client: HttpClient,
  { status, headers, body }: Answer,
  error: unknown,
): void {
  const closing = request.complete ? {} : { connection: 'close' }
  const ids = { 'x-amzn-requestid': client.attemptId, 'cache-control': 'no-store' }
  response.writeHead(status, { ...ids, ...headers, 'content-length': String(body.length), ...closing })
  response.end(body)
  request.resume()
  const path = (request.url ?? '').split('?', 1)[0]?.slice(0, 300)
  client.conclude({ detail: `${request.method} ${path}: ${status}`, cause: refusalOf(error) })
  if (error !== undefined && levelOf(error) !== 'info') {
    log.write(levelOf(error), 'api.data-request-failed', { attempt: client.attemptId, status, ...causeOf(error) })
  }
}

function refusalOf(error: unknown): Refusal | undefined {
  if (error === undefined) return undefined
  if (error instanceof Refused) return error.why
  const { name, message } = exceptionOf(error)
  if (name === 'AccessDeniedException') return httpCause('POLICY_DENIED_REQUEST', message)
  if (SIGNATURE_TROUBLE.has(name)) return httpCause('SIGNATURE_REFUSED', message)
  return httpCause('HTTP_REQUEST_REFUSED', `${name}: ${message}`)
}

const SIGNATURE_TROUBLE: ReadonlySet<string> = new Set([
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
])
