import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AttemptSource } from '@birthmark/cloud/front'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { type Clock, type Entropy, type Instant, type Log } from '@birthmark/foundation/kernel'
import { attemptsAnswer } from './attempts.ts'
import { type Answer, jsonAnswer } from './engine/answer.ts'
import { createEngine, type Engine } from './engine/engine.ts'
import { parseTarget } from './engine/target.ts'
import { causeOf, exceptionOf, levelOf } from './errors.ts'
import { AwsException, invalidRequest } from './exceptions.ts'
import { REQUEST_BYTES_MAX } from './limits.ts'
import { newUuid } from './operations/values.ts'
import { readBody } from './read-body.ts'
import { findCaller, requireSignature } from './sigv4/authenticate.ts'
import { parseClaim } from './sigv4/claim.ts'

/** What a control plane works on and with. */
export interface ControlPlaneOptions {
  readonly registry: Registry
  readonly attempts: AttemptSource
  readonly certificateProvider: CertificateProvider
  /** Gives the host name that an account's devices connect to in a region, without a port; `undefined`: not served. */
  readonly endpointAddress: (scope: Scope) => string | undefined
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
  readonly limits?: {
    /** {@link REQUEST_BYTES_MAX} when absent. */
    readonly requestBytesMax?: number
  }
}

/** AWS IoT's control plane and Birthmark's own API, for any HTTP server. */
export interface ControlPlane {
  /** Answers one request, whatever it is. Nothing is thrown, and an answer that has a body has a JSON body. */
  handle(request: IncomingMessage, response: ServerResponse): void
}

/**
 * Makes a control plane. Each request leaves one line in the log, `api.request`.
 *
 * @throws `API_MODEL_UNKNOWN` (bug) when an SDK package was updated beyond what the engine knows
 */
export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const engine = createEngine()
  return {
    handle(request, response) {
      const line: Line = { requestId: newUuid(options.entropy), startedAt: options.clock.now(), operation: undefined }
      answerRequest(options, engine, request, line).then(
        (answer) => finish(options, request, response, line, answer, undefined),
        (error: unknown) => finish(options, request, response, line, errorAnswer(error), error),
      )
    },
  }
}

/** What the log is going to say about a request; steps fill it in as they learn it. */
interface Line {
  readonly requestId: string
  readonly startedAt: Instant
  operation: string | undefined
  accessKeyId?: string
}

/** The main path of a request; what it throws becomes the answer. */
async function answerRequest(
  options: ControlPlaneOptions,
  engine: Engine,
  request: IncomingMessage,
  line: Line,
): Promise<Answer> {
  // Step 1: what is wanted. Strangers are told that this server lives, and nothing else.
  const method = request.method ?? ''
  const target = parseTarget(request.url ?? '')
  if (target === undefined) throw invalidRequest('The request target is not well-formed.')
  if (method === 'GET' && target.rawPath === '/v1/health') return jsonAnswer({ status: 'ok' })

  // Step 2: who asks. The body of a stranger's request is not read.
  const claim = parseClaim(request.headersDistinct, target.query)
  const isServed = (scope: Scope): boolean => options.endpointAddress(scope) !== undefined
  const caller = await findCaller(claim, options.registry, isServed, line.startedAt)
  line.accessKeyId = caller.key.id
  const body = await readBody(request, options.limits?.requestBytesMax ?? REQUEST_BYTES_MAX)
  requireSignature(caller.key, claim, { ...target, method, headers: request.headersDistinct, body })

  // Step 3: do it.
  if (method === 'GET' && target.rawPath === '/v1/attempts') {
    line.operation = 'attempts'
    return attemptsAnswer(options.attempts, caller.scope, target.query)
  }
  const route = engine.match(method, target.rawPath, caller.service)
  if (route === undefined) throw new AwsException('UnknownOperationException', 'No operation has this method and path.')
  line.operation = route.operation.name
  const registry = options.registry.in(caller.scope)
  const call = { ...options, registry, now: line.startedAt }
  return engine.perform(route, { query: target.query, headers: request.headers, body }, call)
}

function errorAnswer(error: unknown): Answer {
  const { name, status, message, members } = exceptionOf(error)
  return jsonAnswer({ __type: name, message, ...members }, status, { 'x-amzn-errortype': name })
}

function finish(
  { clock, log }: ControlPlaneOptions,
  request: IncomingMessage,
  response: ServerResponse,
  line: Line,
  { status, headers, body }: Answer,
  error: unknown,
): void {
  // What is left of a refused body is not waited for.
  const closing = request.complete ? {} : { connection: 'close' }
  const length = { 'content-length': String(body.length) }
  const ids = { 'x-amzn-requestid': line.requestId, 'cache-control': 'no-store' }
  response.writeHead(status, { ...ids, ...headers, ...length, ...closing })
  response.end(body)
  request.resume()
  const { startedAt, ...known } = line
  log.write(error === undefined ? 'info' : levelOf(error), 'api.request', {
    ...known,
    method: request.method,
    status,
    ms: clock.now() - startedAt,
    ...(error === undefined ? {} : { code: headers['x-amzn-errortype'] }),
    ...causeOf(error),
  })
}
