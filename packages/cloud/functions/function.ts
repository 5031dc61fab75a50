import { functionFault } from './faults.ts'

/** A function, as it is kept. */
export interface FunctionDefinition {
  /** 1 to 64 of `a-z A-Z 0-9 _ -` (AWS Lambda API, FunctionName). */
  readonly name: string
  readonly code: FunctionCode
  /** How long an invocation may take, in milliseconds; a caller may allow less. */
  readonly timeoutMs: number
  /** Heap of its process, in MB. */
  readonly memoryMb: number
  /** The key that its process calls this server with; `undefined` for an endpoint. */
  readonly accessKeyId: string | undefined
}

/** What is run. */
export type FunctionCode =
  /** The text of a module whose export `handler` takes (event, context). */
  | { readonly kind: 'module'; readonly file: string; readonly source: string; readonly handler: string }
  /** An HTTP endpoint that speaks Lambda's Invoke, or takes the event itself. */
  | { readonly kind: 'url'; readonly url: string }

/**
 * Reads a function from what was kept or sent.
 *
 * @throws `FUNCTION_INVALID` (caller)
 */
export function parseFunction(value: unknown): FunctionDefinition {
  const members = record(value, 'the function')
  const accessKeyId = members['accessKeyId']
  return {
    name: matching(members['name'], 'name', NAME, '1 to 64 of a-z A-Z 0-9 _ -'),
    code: parseCode(record(members['code'], 'code')),
    timeoutMs: between(members['timeoutMs'] ?? TIMEOUT_MS_DEFAULT, 'timeoutMs', 1, TIMEOUT_MS_MAX),
    memoryMb: between(members['memoryMb'] ?? MEMORY_MB_DEFAULT, 'memoryMb', MEMORY_MB_MIN, MEMORY_MB_MAX),
    accessKeyId: typeof accessKeyId === 'string' ? accessKeyId : undefined,
  }
}

/** Writes a function as it is kept. */
export function writeFunction(definition: FunctionDefinition): string {
  return JSON.stringify(definition)
}

function parseCode(members: Readonly<Record<string, unknown>>): FunctionCode {
  if (members['kind'] === 'url') return { kind: 'url', url: httpUrl(members['url']) }
  const source = members['source']
  if (typeof source !== 'string' || source.length > SOURCE_CHARACTERS_MAX) {
    throw functionFault('FUNCTION_INVALID', {
      member: 'source',
      expected: `at most ${SOURCE_CHARACTERS_MAX} characters`,
    })
  }
  const expected = 'the name of a file that ends with .js, .mjs, .cjs, .ts, .mts or .cts'
  return {
    kind: 'module',
    file: matching(members['file'], 'file', FILE, expected),
    source,
    handler: matching(members['handler'] ?? 'handler', 'handler', HANDLER, 'the name of an export'),
  }
}

function httpUrl(value: unknown): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href
  throw functionFault('FUNCTION_INVALID', { member: 'url', expected: 'an http or https address' })
}

function record(value: unknown, member: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return { ...value }
  throw functionFault('FUNCTION_INVALID', { member, expected: 'an object' })
}

function matching(value: unknown, member: string, pattern: RegExp, expected: string): string {
  if (typeof value === 'string' && pattern.test(value)) return value
  throw functionFault('FUNCTION_INVALID', { member, expected })
}

function between(value: unknown, member: string, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw functionFault('FUNCTION_INVALID', { member, expected: `a whole number from ${min} to ${max}` })
}

const NAME = /^[a-zA-Z0-9_-]{1,64}$/
const FILE = /^[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,99}\.[cm]?[jt]s$/
const HANDLER = /^[a-zA-Z_$][a-zA-Z0-9_$]{0,63}$/
/** Longest module: what a bundler makes of a handler with its libraries. The SDK of AWS need not be in it. */
const SOURCE_CHARACTERS_MAX = 1_000_000
/** AWS Lambda quotas: 3 seconds by default, 15 minutes at most. */
const TIMEOUT_MS_DEFAULT = 3000
const TIMEOUT_MS_MAX = 900_000
/** AWS Lambda: 128 MB by default, 10,240 at most. Below 32 MB Node does not start. */
const MEMORY_MB_DEFAULT = 128
const MEMORY_MB_MIN = 32
const MEMORY_MB_MAX = 10_240
