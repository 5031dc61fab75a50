import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Scope } from '@birthmark/cloud/registry'
import { encodeUtf8, type Instant } from '@birthmark/foundation/kernel'
import { Auditor } from './access/audit.ts'
import { Permissions } from './access/permissions.ts'
import { accessesOf, actionOf, isRead, resourcesOf } from './access/resources.ts'
import { Throttle } from './access/throttle.ts'
import { claimPage } from './claim-page.ts'
import type { ControlPlaneOptions } from './control-plane-options.ts'
import { dataErrorAnswer } from './data-plane/errors.ts'
import { type Answer, jsonAnswer } from './engine/answer.ts'
import { createEngine, type Engine } from './engine/engine.ts'
import { parseTarget, type Target } from './engine/target.ts'
import { causeOf, exceptionOf, levelOf } from './errors.ts'
import { AwsException, invalidRequest } from './exceptions.ts'
import { REQUEST_BYTES_MAX } from './limits.ts'
import { newUuid } from './operations/values.ts'
import { openApiDocument } from './own/open-api.ts'
import { matchOwn, type OwnRoute, readGiven } from './own/own-api.ts'
import { readBody } from './read-body.ts'
import { type Caller, findCaller, requireSignature } from './sigv4/authenticate.ts'
import { parseClaim } from './sigv4/claim.ts'
import { KnownKeys } from './sigv4/known-keys.ts'

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
  const throttle = options.throttle === undefined ? undefined : new Throttle()
  const parts = {
    options,
    engine: createEngine(),
    permissions: new Permissions(),
    keys: new KnownKeys(options.registry),
    throttle,
  }
  return {
    handle(request, response) {
      const line: Line = { requestId: newUuid(options.entropy), startedAt: options.clock.now(), operation: undefined }
      answerRequest(parts, request, line).then(
        (answer) => finish(options, request, response, line, answer, undefined),
        (error: unknown) => finish(options, request, response, line, errorAnswer(error, line), error),
      )
    },
  }
}

/** What every request of a control plane has in common. */
interface Parts {
  readonly options: ControlPlaneOptions
  readonly engine: Engine
  readonly permissions: Permissions
  readonly keys: KnownKeys
  readonly throttle: Throttle | undefined
}

/** What the log is going to say about a request; steps fill it in as they learn it. */
interface Line {
  readonly requestId: string
  readonly startedAt: Instant
  operation: string | undefined
  accessKeyId?: string
  /** Whether it is an operation of the data plane, whose errors have another form. */
  isData?: boolean
}

/** The main path of a request; what it throws becomes the answer. */
async function answerRequest(parts: Parts, request: IncomingMessage, line: Line): Promise<Answer> {
  const { options } = parts
  // Step 1: what is wanted. Strangers are told that this server lives, how its API looks, and nothing else.
  const method = request.method ?? ''
  const target = parseTarget(request.url ?? '')
  if (target === undefined) throw invalidRequest('The request target is not well-formed.')
  const open = method === 'GET' ? openAnswer(options, target.rawPath) : undefined
  if (open !== undefined) return open
  if (method === 'GET' && target.rawPath.startsWith(REPORTS)) return reportAnswer(options, target.rawPath)

  // Step 2: who asks. The body of a stranger's request is not read.
  const claim = parseClaim(request.headersDistinct, target.query)
  const isServed = (scope: Scope): boolean => options.endpointAddress(scope) !== undefined
  const { caller, known } = await findCaller(claim, parts.keys, isServed, line.startedAt)
  line.accessKeyId = caller.key.id
  const body = await readBody(request, options.limits?.requestBytesMax ?? REQUEST_BYTES_MAX)
  requireSignature(known, claim, { ...target, method, headers: request.headersDistinct, body })

  // Step 3: do it, and write down what was done or tried.
  const sourceIp = request.socket.remoteAddress ?? ''
  const userAgent = request.headers['user-agent']
  const { requestId, startedAt: at } = line
  const auditor = new Auditor(options.registry, { ...caller, at, requestId, sourceIp, userAgent })
  const wanted = { method, target, headers: request.headers, body, caller: { ...caller, sourceIp }, auditor, line }
  try {
    const answer = await performRequest(parts, wanted)
    await auditor.conclude(undefined)
    return answer
  } catch (error) {
    await auditor.conclude(error)
    throw error
  }
}

/** Gives what is answered to anybody; `undefined` for everything else. */
function openAnswer(options: ControlPlaneOptions, rawPath: string): Answer | undefined {
  if (rawPath === '/v1/health') return jsonAnswer({ status: 'ok' })
  const page = claimPage(rawPath)
  if (page !== undefined) return page
  if (rawPath === '/v1/openapi.json') return jsonAnswer(openApiDocument())
  if (rawPath !== '/v1/ready') return undefined
  const isReady = options.isReady?.() ?? true
  return jsonAnswer({ status: isReady ? 'ready' : 'starting' }, isReady ? 200 : 503)
}

/** Gives a part of a task's report to whoever has its link, as a presigned address of AWS does. */
async function reportAnswer({ tasks }: ControlPlaneOptions, rawPath: string): Promise<Answer> {
  const body = await tasks?.report(rawPath.slice(REPORTS.length))
  if (body === undefined) throw new AwsException('ResourceNotFoundException', 'There is no such report.')
  return { status: 200, headers: { 'content-type': 'application/x-ndjson' }, body }
}

const REPORTS = '/v1/reports/'

/** A request whose sender is known. */
interface Wanted {
  readonly method: string
  readonly target: Target
  readonly headers: IncomingMessage['headers']
  readonly body: Uint8Array
  readonly caller: Caller & { readonly sourceIp: string }
  readonly auditor: Auditor
  readonly line: Line
}

async function performRequest(parts: Parts, wanted: Wanted): Promise<Answer> {
  const { options, engine, permissions } = parts
  const { method, target, headers, body, caller, auditor, line } = wanted
  const own = matchOwn(method, target.rawPath)
  if (own !== undefined) return performOwn(parts, own, wanted)
  const route = engine.match(method, target.rawPath, caller.service)
  if (route === undefined) throw new AwsException('UnknownOperationException', 'No operation has this method and path.')
  line.operation = route.operation.name
  if (route.operation.service === 'iotdata') line.isData = true
  parts.throttle?.require(caller.scope, line.operation, line.startedAt)
  const call = { ...options, registry: auditor.registry, now: line.startedAt }
  return engine.perform(route, { query: target.query, headers, body }, call, (operation, input) => {
    const action = actionOf(operation)
    const resources = resourcesOf(operation, input, caller.scope)
    if (!isRead(operation)) auditor.begin(action, resources)
    for (const access of accessesOf(operation, input, caller.scope)) {
      permissions.require(caller, access.action, access.resources)
    }
  })
}

async function performOwn({ options, permissions }: Parts, route: OwnRoute, wanted: Wanted): Promise<Answer> {
  const { target, body, caller, auditor, line } = wanted
  const { operation, label } = route
  const action = `birthmark:${operation.name}` as const
  line.operation = operation.name
  const resources = [label === '' ? '*' : label]
  if (operation.changes) auditor.begin(action, resources)
  permissions.require(caller, action, resources)
  const given = readGiven(route, target.query, body)
  const { registry } = auditor
  const call = { given, label, caller, registry, whole: options.registry, options, now: line.startedAt }
  const answer = await operation.perform(call)
  if (operation.plain !== true) return jsonAnswer(answer)
  const text = 'text' in answer ? String(answer.text) : ''
  return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4' }, body: encodeUtf8(text) }
}

function errorAnswer(error: unknown, { isData, requestId }: Line): Answer {
  if (isData === true) return dataErrorAnswer(error, requestId)
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
  // Head and body leave in one write when both are text.
  if (body.length > ONE_WRITE_BYTES_MAX) response.end(body)
  else response.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), 'latin1')
  request.resume()
  const { startedAt, isData: _, ...known } = line
  log.write(error === undefined ? 'info' : levelOf(error), 'api.request', {
    ...known,
    method: request.method,
    status,
    ms: clock.now() - startedAt,
    ...(error === undefined ? {} : { code: headers['x-amzn-errortype'] }),
    ...causeOf(error),
  })
}

/** Longest body that is joined to its head, in bytes; a longer one is not copied. */
const ONE_WRITE_BYTES_MAX = 16_384
