import type { Target } from '../engine/target.ts'
import { AwsException } from '../exceptions.ts'

/** What a request says about who signed it, and how; nothing of it is verified yet. */
export interface Claim {
  readonly accessKeyId: string
  /** `YYYYMMDD`, from the credential scope. */
  readonly day: string
  readonly region: string
  readonly service: string
  /** Lower-case names, in the order given. */
  readonly signedHeaders: readonly string[]
  /** 64 lower-case hex digits. */
  readonly signature: string
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly date: string
  /** How long a presigned URL lives, in seconds; absent when the signature is in the header. */
  readonly expiresSeconds: number | undefined
  /** Whether a session token came along. */
  readonly sessionToken: string | undefined
}

/** A header's values, by lower-case name. */
export type Headers = Readonly<Record<string, readonly string[] | undefined>>

/**
 * Reads the signature of a request, from its Authorization header or else from its query (AWS IAM user guide, elements
 * of an AWS API request signature).
 *
 * @throws `MissingAuthenticationTokenException`, `IncompleteSignatureException`
 */
export function parseClaim(headers: Headers, query: Target['query']): Claim {
  const authorization = headers['authorization']?.[0]
  if (authorization !== undefined) return fromHeader(authorization, headers)
  const parameters = new Map(query)
  if (parameters.has('X-Amz-Signature') || parameters.has('X-Amz-Algorithm')) return fromQuery(parameters)
  throw new AwsException('MissingAuthenticationTokenException', 'Missing Authentication Token')
}

function fromHeader(authorization: string, headers: Headers): Claim {
  const [algorithm = '', ...rest] = authorization.split(' ')
  const parts = new Map<string, string>()
  for (const part of rest.join(' ').split(',')) {
    const equals = part.indexOf('=')
    parts.set(part.slice(0, Math.max(0, equals)).trim(), part.slice(equals + 1).trim())
  }
  return readClaim({
    algorithm,
    credential: parts.get('Credential'),
    signedHeaders: parts.get('SignedHeaders'),
    signature: parts.get('Signature'),
    date: headers['x-amz-date']?.[0],
    expires: undefined,
    sessionToken: headers['x-amz-security-token']?.[0],
  })
}

function fromQuery(parameters: ReadonlyMap<string, string>): Claim {
  return readClaim({
    algorithm: parameters.get('X-Amz-Algorithm') ?? '',
    credential: parameters.get('X-Amz-Credential'),
    signedHeaders: parameters.get('X-Amz-SignedHeaders'),
    signature: parameters.get('X-Amz-Signature'),
    date: parameters.get('X-Amz-Date'),
    expires: parameters.get('X-Amz-Expires') ?? '',
    sessionToken: parameters.get('X-Amz-Security-Token'),
  })
}

interface ClaimText {
  readonly algorithm: string
  readonly credential: string | undefined
  readonly signedHeaders: string | undefined
  readonly signature: string | undefined
  readonly date: string | undefined
  readonly expires: string | undefined
  readonly sessionToken: string | undefined
}

function readClaim(text: ClaimText): Claim {
  if (text.algorithm !== ALGORITHM) throw incomplete(`The only signing algorithm is '${ALGORITHM}'.`)
  const [, accessKeyId, day, region, service] =
    /^([\w-]{1,128})\/(\d{8})\/([\w-]{1,64})\/([\w-]{1,64})\/aws4_request$/.exec(text.credential ?? '') ?? []
  if (accessKeyId === undefined || day === undefined || region === undefined || service === undefined) {
    throw incomplete("Authorization requires a 'Credential' of the form key/day/region/service/aws4_request.")
  }
  const signedHeaders = (text.signedHeaders ?? '').toLowerCase().split(';')
  if (!signedHeaders.includes('host')) throw incomplete("'Host' must be among the 'SignedHeaders'.")
  if (!/^[0-9a-f]{64}$/.test(text.signature ?? ''))
    throw incomplete("Authorization requires a 'Signature' of 64 hex digits.")
  if (!/^\d{8}T\d{6}Z$/.test(text.date ?? ''))
    throw incomplete("Authorization requires an 'X-Amz-Date' such as 20260102T030405Z.")
  if (text.expires !== undefined && !/^\d{1,9}$/.test(text.expires))
    throw incomplete("A presigned URL requires 'X-Amz-Expires'.")
  return {
    accessKeyId,
    day,
    region,
    service,
    signedHeaders,
    signature: text.signature ?? '',
    date: text.date ?? '',
    expiresSeconds: text.expires === undefined ? undefined : Number(text.expires),
    sessionToken: text.sessionToken,
  }
}

function incomplete(message: string): AwsException {
  return new AwsException('IncompleteSignatureException', message)
}

/** The name of SigV4 with an HMAC (AWS IAM user guide, create a signed AWS API request, step 4). */
export const ALGORITHM = 'AWS4-HMAC-SHA256'
