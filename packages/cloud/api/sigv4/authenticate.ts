import { createHash, timingSafeEqual } from 'node:crypto'
import type { AccessKeyRecord, Scope } from '@birthmark/cloud/registry'
import { type Instant, instant } from '@birthmark/foundation/kernel'
import type { Service } from '../engine/model.ts'
import { AwsException } from '../exceptions.ts'
import { CLOCK_SKEW_MAX, PRESIGNED_SECONDS_MAX } from '../limits.ts'
import type { Claim } from './claim.ts'
import type { KnownKey, KnownKeys } from './known-keys.ts'
import { isSignedBy, type SignedRequest } from './signature.ts'

/** Who sent a request, once {@link requireSignature} has agreed. */
export interface Caller {
  readonly key: AccessKeyRecord
  /** The account that owns the key, and the region that the claim is for. */
  readonly scope: Scope
  /** The service whose operations are meant. */
  readonly service: Service
}

/**
 * Finds whom a claim names, before anything of the body is read: service, date, key and region must be right.
 *
 * @param isServed Tells whether an account has an endpoint in a region.
 * @param services The names that it may be signed with, and whose operations each means.
 * @throws `InvalidSignatureException`, `UnrecognizedClientException`, `ExpiredTokenException`
 */
export async function findCaller(
  claim: Claim,
  keys: KnownKeys,
  isServed: (scope: Scope) => boolean,
  now: Instant,
  services: ReadonlyMap<string, Service> = SERVICES,
): Promise<{ readonly caller: Caller; readonly known: KnownKey }> {
  const service = requireService(claim, services)
  requireTimely(claim, now)
  const found = await keys.find(claim.accessKeyId)
  if (found === undefined || !hasSessionOf(found.key, claim)) {
    throw new AwsException('UnrecognizedClientException', 'The security token included in the request is invalid.')
  }
  if (found.key.session !== undefined && found.key.session.expiresAt <= now) {
    throw new AwsException('ExpiredTokenException', 'The security token included in the request is expired')
  }
  const scope = { account: found.scope.account, region: claim.region }
  if (!isServed(scope)) {
    throw invalid(
      `Credential should be scoped to a valid region, and ${claim.region.slice(0, 64)} is none of this account's.`,
    )
  }
  return { caller: { key: found.key, scope, service }, known: found }
}

/**
 * Verifies the signature over the whole request. The body's hash is always our own: a request that declares another
 * one, or none (`UNSIGNED-PAYLOAD`), is refused.
 *
 * @throws `InvalidSignatureException`
 */
export function requireSignature(known: KnownKey, claim: Claim, request: SignedRequest): void {
  const unsigned = Object.keys(request.headers).find(
    (name) => mustBeSigned(name) && !claim.signedHeaders.includes(name),
  )
  if (unsigned !== undefined) throw invalid('Every x-amz-* header of the request must be signed.')
  if (!isSignedBy(known.signingKey(claim), claim, request)) throw invalid(MISMATCH)
}

/** A temporary key goes with its token, and no other key with any. Compared in constant time. */
function hasSessionOf({ session }: AccessKeyRecord, { sessionToken }: Claim): boolean {
  if (session === undefined || sessionToken === undefined) return session === sessionToken
  const [due, given] = [session.token, sessionToken].map((token) => createHash('sha256').update(token).digest())
  return due !== undefined && given !== undefined && timingSafeEqual(due, given)
}

function requireService(claim: Claim, services: ReadonlyMap<string, Service>): Service {
  const service = services.get(claim.service)
  if (service === undefined) {
    throw invalid(`Credential should be scoped to correct service: one of ${[...services.keys()].join(', ')}.`)
  }
  if (!claim.date.startsWith(claim.day)) throw invalid('Date in Credential scope does not match X-Amz-Date.')
  return service
}

function requireTimely({ date, expiresSeconds }: Claim, now: Instant): void {
  const signedAt = readDate(date)
  if (Number.isNaN(signedAt) || signedAt > now + CLOCK_SKEW_MAX) {
    throw invalid(`Signature not yet current: ${date} is still later than ${writeDate(now)} + 15 min.`)
  }
  if (expiresSeconds !== undefined && expiresSeconds > PRESIGNED_SECONDS_MAX) {
    throw invalid(`X-Amz-Expires must be at most ${PRESIGNED_SECONDS_MAX} seconds.`)
  }
  const lifetime = expiresSeconds === undefined ? CLOCK_SKEW_MAX : expiresSeconds * 1000
  if (now > signedAt + lifetime) {
    throw invalid(
      `Signature expired: ${date} is now earlier than ${writeDate(instant(now - lifetime))} (${writeDate(now)}).`,
    )
  }
}

/** `x-amzn-trace-id` is set by proxies on the way, so no client signs it. */
function mustBeSigned(name: string): boolean {
  return name.startsWith('x-amz') && name !== 'x-amzn-trace-id'
}

/** Not a number for a day or an hour that no calendar has: what would be carried over comes back otherwise. */
function readDate(text: string): Instant {
  const at = (from: number, length: number): number => Number(text.slice(from, from + length))
  const moment = Date.UTC(at(0, 4), at(4, 2) - 1, at(6, 2), at(9, 2), at(11, 2), at(13, 2))
  return writeDate(instant(moment)) === text ? instant(moment) : instant(Number.NaN)
}

function writeDate(moment: Instant): string {
  return new Date(moment).toISOString().replaceAll(/[-:]|\.\d+/g, '')
}

function invalid(message: string): AwsException {
  return new AwsException('InvalidSignatureException', message)
}

/** The names that clients sign with. Old ones sign AWS IoT's control plane as `execute-api`. */
const SERVICES: ReadonlyMap<string, Service> = new Map([
  ['iot', 'iot'],
  ['execute-api', 'iot'],
  ['iotdata', 'iotdata'],
  ['iot-jobs-data', 'iot-jobs-data'],
])

/** What a client is told whose signature is another than ours. */
export const MISMATCH: string =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
  'and signing method. Consult the service documentation for details.'
