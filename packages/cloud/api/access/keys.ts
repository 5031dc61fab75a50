import type { AccessKeyRecord } from '@birthmark/cloud/registry'
import { type Clock, type Entropy, later, type Millis, seconds } from '@birthmark/foundation/kernel'
import { invalidRequest } from '../exceptions.ts'
import { type Permission, roleDocument } from './roles.ts'

/** What a new access key is to be. */
export interface KeyRequest {
  /** 1 to 64 of `A-Z a-z 0-9 + = , . @ _ -`, as the names of IAM users. */
  readonly name: string
  readonly permission: Permission
  /** Makes a temporary key that ends by then; a key stays until it is revoked when absent. */
  readonly lasts?: Millis
}

/**
 * Makes a key in AWS's form: `AKIA`, or `ASIA` when temporary, and 16 of `A-Z2-7`; the secret is 240 bits as 40
 * characters of base64, a session token 288 bits.
 *
 * @throws `InvalidRequestException`
 */
export function newAccessKey(request: KeyRequest, clock: Clock, entropy: Entropy): AccessKeyRecord {
  const { name, permission, lasts } = request
  if (!/^[\w+=,.@-]{1,64}$/.test(name)) {
    throw invalidRequest('The name of an access key has 1 to 64 letters, digits and +=,.@_-')
  }
  if (lasts !== undefined && !(lasts >= TEMPORARY_KEY_MIN && lasts <= TEMPORARY_KEY_MAX)) {
    throw invalidRequest(`A temporary key lasts ${TEMPORARY_KEY_MIN / 1000} to ${TEMPORARY_KEY_MAX / 1000} seconds.`)
  }
  const createdAt = clock.now()
  const random = Array.from(entropy.bytes(16), (byte) => BASE32[byte % BASE32.length]).join('')
  const token = Buffer.from(entropy.bytes(36)).toString('base64')
  return {
    id: `${lasts === undefined ? 'AKIA' : 'ASIA'}${random}`,
    secret: Buffer.from(entropy.bytes(30)).toString('base64'),
    name,
    createdAt,
    role: permission.role,
    permissions: roleDocument(permission),
    session: lasts === undefined ? undefined : { token, expiresAt: later(createdAt, lasts) },
  }
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Shortest and longest life of a temporary key: as AWS STS has it (GetSessionToken: 15 minutes, 36 hours). */
const TEMPORARY_KEY_MIN: Millis = seconds(15 * 60)
const TEMPORARY_KEY_MAX: Millis = seconds(36 * 3600)
