import type { HttpRequest } from '@smithy/types'
import type { Signing } from '../testkit/sign-request.ts'
import type { Dice } from './dice.ts'
import { type PlainRequest, signedRequest, wireBytes } from './fuzz-requests.ts'

/** What a kind of bad request is made from. */
export interface FuzzWorld {
  readonly host: string
  readonly signing: Signing
  readonly dice: Dice
  /** Tokens of pages that another account was given. */
  readonly foreignTokens: readonly string[]
}

/** One kind of request, and what its answer must be if that is known. */
export interface FuzzKind {
  readonly name: string
  /** How often among the kinds. */
  readonly weight: number
  make(plain: PlainRequest, world: FuzzWorld): Promise<Buffer>
  /** Status and name of the error; absent where it depends on the operation. */
  readonly refused?: readonly [status: number, error: string]
}

/** Every kind of bad input that the control plane has to stand. */
export const FUZZ_KINDS: readonly FuzzKind[] = [
  { name: 'nearly valid', weight: 20, make: (plain, world) => send(plain, world) },
  signedThen('a wrong signature', [403, 'InvalidSignatureException'], (request) => {
    const { authorization = '' } = request.headers
    const flipped = authorization.endsWith('0') ? '1' : '0'
    return { ...request, headers: { ...request.headers, authorization: authorization.slice(0, -1) + flipped } }
  }),
  signedAs('an old date', [403, 'InvalidSignatureException'], { at: new Date(Date.now() - 86_400_000) }),
  signedAs('a date to come', [403, 'InvalidSignatureException'], { at: new Date(Date.now() + 86_400_000) }),
  signedAs('another region', [403, 'InvalidSignatureException'], { region: 'mars-north-1' }),
  signedAs('an unknown key', [403, 'UnrecognizedClientException'], {
    credentials: { accessKeyId: 'AKIANOBODYNOBODY0000', secretAccessKey: 'nobody' },
  }),
  signedThen('no signature', [403, 'MissingAuthenticationTokenException'], (request) => {
    const { authorization: _, ...headers } = request.headers
    return { ...request, headers }
  }),
  {
    name: 'a body that was tampered with',
    weight: 1,
    refused: [403, 'InvalidSignatureException'],
    make: async (plain, { host, signing }) =>
      wireBytes(await signedRequest(plain, host, signing), Buffer.concat([plain.body, Buffer.from(' ')])),
  },
  {
    name: 'a body too long',
    weight: 1,
    refused: [413, 'RequestEntityTooLargeException'],
    make: (plain, world) => send({ ...plain, body: Buffer.alloc(300_000, '{"a":') }, world),
  },
  withBody('JSON nested deeply', () => Buffer.from('{"attributePayload":'.repeat(9000))),
  withBody('lists nested deeply', () => Buffer.from(`{"tags":${'['.repeat(50_000)}${']'.repeat(50_000)}}`)),
  withBody('a value nested deeply', ({ body }) => Buffer.from(nest(body.toString(), 2000))),
  withBody('keys given twice', ({ body }) => twice(body)),
  withBody('bytes that are no UTF-8', ({ body }, dice) => {
    const bytes = Buffer.from(body.length > 0 ? body : '{"a":"b"}')
    bytes[dice.below(bytes.length)] = 0xc0 + dice.below(64)
    return bytes
  }),
  withBody('a body that is cut off', ({ body }, dice) => body.subarray(0, dice.below(body.length + 1))),
  withBody('a body that is no JSON', (_, dice) => Buffer.from(dice.pick(NO_JSON))),
  {
    name: 'a path with tricks',
    weight: 4,
    make: (plain, world) => send({ ...plain, path: tricked(plain.path, world.dice) }, world),
  },
  {
    name: 'a token of another list or account',
    weight: 4,
    make: (plain, world) => {
      const token = world.dice.pick(['AAAA', 'dGhpbmc6NQ==', ...world.foreignTokens])
      const query = { ...plain.query, nextToken: token, marker: token }
      return send({ ...plain, query }, world)
    },
  },
]

async function send(plain: PlainRequest, { host, signing }: FuzzWorld): Promise<Buffer> {
  return wireBytes(await signedRequest(plain, host, signing), plain.body)
}

function signedAs(name: string, refused: NonNullable<FuzzKind['refused']>, change: Partial<Signing>): FuzzKind {
  return {
    name,
    weight: 1,
    refused,
    make: (plain, world) => send(plain, { ...world, signing: { ...world.signing, ...change } }),
  }
}

function signedThen(
  name: string,
  refused: NonNullable<FuzzKind['refused']>,
  change: (request: HttpRequest) => HttpRequest,
): FuzzKind {
  return {
    name,
    weight: 1,
    refused,
    make: async (plain, { host, signing }) => wireBytes(change(await signedRequest(plain, host, signing)), plain.body),
  }
}

function withBody(name: string, change: (plain: PlainRequest, dice: Dice) => Buffer): FuzzKind {
  return { name, weight: 2, make: (plain, world) => send({ ...plain, body: change(plain, world.dice) }, world) }
}

/** Puts a nested list in the place of the first value. */
function nest(json: string, depth: number): string {
  return json.replace(/:(?:"[^"]*"|\d+|true|false|null)/, `:${'['.repeat(depth)}${']'.repeat(depth)}`)
}

/** Repeats the members of an object in it. */
function twice(body: Buffer): Buffer {
  const text = body.toString()
  const inside = text.slice(1, -1)
  return Buffer.from(inside === '' ? '{"a":1,"a":2}' : `{${inside},${inside}}`)
}

function tricked(path: string, dice: Dice): string {
  const segments = path.split('/')
  const at = 1 + dice.below(Math.max(1, segments.length - 1))
  const trick = dice.pick(TRICKS)
  return dice.oneIn(2)
    ? segments.toSpliced(at, 0, trick).join('/')
    : segments.toSpliced(at, 1, `${segments[at] ?? ''}${trick}`).join('/')
}

const TRICKS = [
  '..',
  '.',
  '%2e%2e',
  '%2F',
  '%2f..%2f',
  '',
  '%00',
  '%zz',
  '%ff%fe',
  '%',
  ';a=b',
  '~',
  '%25%32%65',
] as const
const NO_JSON = [
  '',
  'null',
  '[]',
  '"x"',
  '1',
  'true',
  '{"a":',
  '{"a":1}{',
  '\ufeff{}',
  'NaN',
  '<xml/>',
  '{a:1}',
  "{'a':1}",
] as const
