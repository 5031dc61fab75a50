import type { SignedKey } from '@birthmark/cloud/front'
import type { Scope } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'
import type { Service } from '../engine/model.ts'
import { AwsException } from '../exceptions.ts'
import { findCaller, MISMATCH } from './authenticate.ts'
import { parseClaim } from './claim.ts'
import type { KnownKeys } from './known-keys.ts'
import { isSignedBy, type SignedRequest } from './signature.ts'

/** A request that opens a WebSocket; it has no body. */
export type WebSocketRequest = SignedRequest

/**
 * Verifies the signature of a request that opens a WebSocket, in its header or its query (AWS IoT Core developer guide,
 * MQTT over WebSocket). Clients differ in what they sign: one that has a temporary key mostly appends its token after
 * signing, and some name no time after which the signature ends.
 *
 * @throws what {@link findCaller} does; `InvalidSignatureException`
 */
export async function checkWebSocketSignature(
  request: WebSocketRequest,
  { keys, isServed }: { readonly keys: KnownKeys; readonly isServed: (scope: Scope) => boolean },
  now: Instant,
): Promise<SignedKey> {
  const names = new Set(request.query.map(([name]) => name))
  const implied = names.has('X-Amz-Expires') ? [] : ([['X-Amz-Expires', EXPIRES_DEFAULT]] as const)
  const claim = parseClaim(request.headers, [...request.query, ...implied])
  const { caller, known } = await findCaller(claim, keys, isServed, now, SERVICES)
  const withoutToken = request.query.filter(([name]) => name !== TOKEN)
  const signed = [request.query, withoutToken].some((query) =>
    isSignedBy(known.signingKey(claim), claim, { ...request, query }),
  )
  if (!signed) throw new AwsException('InvalidSignatureException', MISMATCH)
  return { id: caller.key.id, scope: caller.scope, expiresAt: caller.key.session?.expiresAt }
}

const TOKEN = 'X-Amz-Security-Token'
/** Seconds that a signature in a query is good for when it does not say: as those in headers are. */
const EXPIRES_DEFAULT = '900'
/** The only service that devices sign their WebSockets for. */
const SERVICES: ReadonlyMap<string, Service> = new Map([['iotdevicegateway', 'iotdata']])
