import assert from 'node:assert/strict'
import { Dice } from './dice.ts'
import { FUZZ_KINDS, type FuzzKind, type FuzzWorld } from './fuzz-kinds.ts'
import { FUZZ_OPERATIONS, nearlyValidRequest, type OwnOperation, ownRequest } from './fuzz-requests.ts'
import { type Known, learn } from './fuzz-values.ts'
import { type RawAnswer, RawConnection } from './raw-connection.ts'

/** What a run of the fuzzer asks, and for how long. */
export interface FuzzRun extends Omit<FuzzWorld, 'dice'> {
  readonly port: number
  /** The operations of our own API. */
  readonly own: readonly OwnOperation[]
  readonly seed: number
  readonly seconds: number
}

/** What a run saw. */
export interface FuzzReport {
  readonly requests: number
  /** Answers by kind of request and status. */
  readonly answers: ReadonlyMap<string, number>
  /** Operations that were performed at least once. */
  readonly performed: ReadonlySet<string>
}

/**
 * Asks the control plane for everything there is, nearly right and in every wrong way, and judges each answer: the
 * shape of AWS's errors, the error that is due where one is due, never a failure of the server.
 */
export async function fuzzControlPlane(run: FuzzRun): Promise<FuzzReport> {
  const dice = new Dice(run.seed)
  const known: Known = { values: new Map() }
  const kinds = FUZZ_KINDS.flatMap((kind) => Array.from({ length: kind.weight }, () => kind))
  const answers = new Map<string, number>()
  const performed = new Set<string>()
  const lacking = new Set<string>()
  const until = performance.now() + run.seconds * 1000
  let requests = 0
  const askOn = async (): Promise<void> => {
    const connection = new RawConnection(run.port)
    while (performance.now() < until) {
      const kind = dice.pick(kinds)
      const operation = dice.pick(FUZZ_OPERATIONS)
      const isOwn = dice.oneIn(8)
      if (!isOwn && lacking.has(operation.name) && !dice.oneIn(20)) continue
      const plain = isOwn ? ownRequest(dice.pick(run.own), dice, known) : nearlyValidRequest(operation, dice, known)
      const bytes = await kind.make(plain, { ...run, dice })
      const what = `${kind.name}, seed ${run.seed}: ${bytes.subarray(0, 3000).toString('latin1')}`
      const answer = await connection.ask(bytes).catch((error: unknown) => {
        throw new Error(what, { cause: error })
      })
      requests += 1
      const body = judge(kind, answer, what)
      if (answer.status === 501 && kind.refused === undefined) lacking.add(plain.operation)
      if (answer.status < 300) {
        performed.add(plain.operation)
        learn(known, body, dice)
      }
      const key = `${kind.name} ${answer.status}`
      answers.set(key, (answers.get(key) ?? 0) + 1)
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, askOn))
  return { requests, answers, performed }
}

/** Judges one answer and gives its body, parsed. */
function judge({ refused }: FuzzKind, { status, headers, body }: RawAnswer, what: string): unknown {
  const told = `${status} ${body.slice(0, 500)}\nto ${what}`
  assert.match(headers.get('x-amzn-requestid') ?? '', /^[0-9a-f-]{36}$/, told)
  assert.ok(status < 500 || status === 501 || status === 503, told)
  if (status < 300) {
    assert.equal(refused, undefined, told)
    return headers.get('content-type') === 'application/json' && body !== '' ? JSON.parse(body) : undefined
  }
  assert.equal(headers.get('content-type'), 'application/json', told)
  const error: Readonly<Record<string, unknown>> = JSON.parse(body)
  const name = headers.get('x-amzn-errortype') ?? ''
  assert.match(name, /^\w+Exception$/, told)
  // The data plane's errors name themselves in the header alone.
  if (error['traceId'] === undefined) assert.equal(error['__type'], name, told)
  assert.equal(typeof error['message'], 'string', told)
  if (refused !== undefined) assert.deepEqual([status, name], refused, told)
  return undefined
}

/** Connections that ask at a time: enough that requests overlap. */
const CONNECTIONS = 8
