import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { Target } from '../engine/target.ts'
import { ALGORITHM, type Claim, type Headers } from './claim.ts'

/** A received request, as far as its signature covers it. */
export interface SignedRequest extends Target {
  readonly method: string
  readonly headers: Headers
  readonly body: Uint8Array
}

/** Tells whether this request was signed with `signingKey` as `claim` says, in constant time. */
export function isSignedBy(signingKey: Uint8Array, claim: Claim, request: SignedRequest): boolean {
  const due = createHmac('sha256', signingKey).update(stringToSign(claim, request)).digest()
  return timingSafeEqual(due, Buffer.from(claim.signature, 'hex'))
}

/** AWS IAM user guide, create a signed AWS API request, step 3. */
function stringToSign(claim: Claim, request: SignedRequest): string {
  const scope = `${claim.day}/${claim.region}/${claim.service}/aws4_request`
  return [ALGORITHM, claim.date, scope, sha256(canonicalRequest(claim, request))].join('\n')
}

/** AWS IAM user guide, create a signed AWS API request, step 1. */
function canonicalRequest({ signedHeaders }: Claim, request: SignedRequest): string {
  return [
    request.method,
    canonicalPath(request.rawPath),
    canonicalQuery(request.query),
    ...signedHeaders.map((name) => `${name}:${canonicalValue(request.headers[name])}`),
    '',
    signedHeaders.join(';'),
    sha256(request.body),
  ].join('\n')
}

/** The path as it was sent, without dot segments and empty ones, and encoded once more; only S3 signs otherwise. */
function canonicalPath(rawPath: string): string {
  const kept: string[] = []
  for (const segment of rawPath.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(encodeStrictly(segment))
  }
  return `/${kept.join('/')}${kept.length > 0 && rawPath.endsWith('/') ? '/' : ''}`
}

function canonicalQuery(query: Target['query']): string {
  const pairs = query.filter(([name]) => name !== 'X-Amz-Signature')
  const encoded = pairs.map(([name, value]) => [encodeStrictly(name), encodeStrictly(value)] as const)
  return encoded
    .toSorted((left, right) => compare(left[0], right[0]) || compare(left[1], right[1]))
    .map((pair) => pair.join('='))
    .join('&')
}

function canonicalValue(values: readonly string[] | undefined): string {
  const [only = ''] = values ?? []
  // Nearly every value is one word.
  if (values?.length === 1 && !/[ \t]/.test(only)) return only
  return (values ?? []).map((value) => value.replaceAll(/[ \t]+/g, ' ').replaceAll(/^ | $/g, '')).join(',')
}

/** Encodes all but the unreserved characters of RFC 3986 §2.3. */
function encodeStrictly(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right)
}

function sha256(content: string | Uint8Array): string {
  return hash('sha256', content)
}
