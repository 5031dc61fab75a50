import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/*
 * Signature Version 4 as far as the benchmark of the control plane needs it, written down as straightforwardly as it
 * goes: its load is signed with it, and the bare server checks with it.
 */

/** One request, and what of it is signed. */
export interface BareRequest {
  readonly method: string
  /** Without a query. */
  readonly path: string
  /** Lower-case names in order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string | Uint8Array
}

/** Gives the signature of a request under a signing key. */
export function signatureOf(
  signingKey: Uint8Array,
  date: string,
  { method, path, headers, body }: BareRequest,
): string {
  const names = headers.map(([name]) => name).join(';')
  const lines = headers.map(([name, value]) => `${name}:${value}\n`).join('')
  const segments = path.split('/').map(encodeURIComponent).join('/')
  const canonical = `${method}\n${segments}\n\n${lines}\n${names}\n${sha256(body)}`
  const text = `AWS4-HMAC-SHA256\n${date}\n${date.slice(0, 8)}/${REGION}/iot/aws4_request\n${sha256(canonical)}`
  return createHmac('sha256', signingKey).update(text).digest('hex')
}

/** Gives the key that a day's requests are signed with. */
export function signingKeyOf(secret: string, day: string): Uint8Array {
  const steps = [day, REGION, 'iot', 'aws4_request']
  return steps.reduce((key, step) => createHmac('sha256', key).update(step).digest(), Buffer.from(`AWS4${secret}`))
}

/** Tells whether a request as Node's server received it is signed with `secret`. */
export function isSigned(
  request: { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, unknown>> },
  body: Uint8Array,
  keyOf: (accessKeyId: string, day: string) => Uint8Array | undefined,
): boolean {
  const [, id = '', day = '', names = '', given = ''] =
    AUTHORIZATION.exec(String(request.headers['authorization'])) ?? []
  const key = keyOf(id, day)
  if (key === undefined) return false
  const headers = names.split(';').map((name) => [name, String(request.headers[name])] as const)
  const due = signatureOf(key, String(request.headers['x-amz-date']), { ...request, headers, body })
  return due.length === given.length && timingSafeEqual(Buffer.from(due), Buffer.from(given))
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=(\w+)\/(\d{8})\/[\w-]+\/iot\/aws4_request, ?SignedHeaders=([\w;-]+), ?Signature=(\w+)$/

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** The region and the key of the benchmark. */
export const REGION = 'eu-central-1'
export const ACCESS_KEY = { id: 'AKIABENCH00000000000', secret: 'bench-secret-of-forty-characters-length' }
