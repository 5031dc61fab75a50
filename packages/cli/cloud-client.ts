import { createHash, createHmac } from 'node:crypto'
import { IoTClient, IoTServiceException } from '@aws-sdk/client-iot'
import { type Fault, faults, messageOf, type Raise } from '@birthmark/foundation/kernel'
import { SignatureV4 } from '@smithy/signature-v4'

export const CLOUD_FAULTS = {
  CLOUD_REFUSED: {
    blame: 'caller',
    message: 'the cloud refused {operation}: {why}',
    remedy: 'Mend what it names and run the command again.',
  },
  CLOUD_FAILED: {
    blame: 'operator',
    message: 'the cloud failed at {operation}: {why}',
    remedy: "Look into the server's log, which names the cause (a full disk for example), then run the command again.",
  },
  CLOUD_UNREACHABLE: {
    blame: 'operator',
    message: 'the control plane at {endpoint} does not answer: {why}',
    remedy: 'Check that the server runs and that the address is the one it printed.',
  },
} as const
const cloudFault: Raise<typeof CLOUD_FAULTS> = faults(CLOUD_FAULTS)

/** Where a control plane is and what to sign with. */
export interface CloudAccess {
  /** For example `http://127.0.0.1:9080`. */
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Goes with a temporary key. */
  readonly sessionToken?: string
}

/** Gives AWS's own client, unmodified, pointed at `access`. */
export function iotClient(access: CloudAccess): IoTClient {
  return new IoTClient({ endpoint: access.endpoint, region: access.region, credentials: access, maxAttempts: 3 })
}

/**
 * Runs one call of the client and says in a sentence what the cloud refused.
 *
 * @throws `CLOUD_REFUSED`, `CLOUD_FAILED`, `CLOUD_UNREACHABLE`
 */
export async function callCloud<Answer>(
  access: Pick<CloudAccess, 'endpoint'>,
  operation: string,
  call: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof IoTServiceException) {
      const code = error.$fault === 'server' ? 'CLOUD_FAILED' : 'CLOUD_REFUSED'
      throw cloudFault(code, { operation, why: `${error.name}: ${error.message.replace(/\.$/, '')}` }, error)
    }
    throw unreachable(access, error)
  }
}

/**
 * Reads one of Birthmark's own resources, signed with SigV4 as every request of the control plane is.
 *
 * @param path For example `/v1/attempts`.
 * @throws `CLOUD_REFUSED`, `CLOUD_UNREACHABLE`
 */
export async function readOwnApi(
  access: CloudAccess,
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<unknown> {
  return sendOwnApi(access, { method: 'GET', path, query })
}

/**
 * Calls one of Birthmark's own operations: its parameters are the query of a GET or DELETE, and the body of a POST.
 *
 * @throws `CLOUD_REFUSED`, `CLOUD_UNREACHABLE`
 */
export async function callOwnApi(
  access: CloudAccess,
  method: string,
  path: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  if (method === 'POST') return sendOwnApi(access, { method, path, query: {}, body: JSON.stringify(parameters) })
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined)
  const query = Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
  return sendOwnApi(access, { method, path, query })
}

interface OwnRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body?: string
}

async function sendOwnApi(access: CloudAccess, { method, path, query, body }: OwnRequest): Promise<unknown> {
  const url = new URL(path, access.endpoint)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const signer = new SignatureV4({ service: 'iot', region: access.region, credentials: access, sha256: NodeSha256 })
  const signed = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    port: Number(url.port),
    path,
    query: { ...query },
    headers: { host: url.host },
    ...(body !== undefined && { body }),
  })
  const request = { method, headers: signed.headers, ...(body !== undefined && { body }) }
  const response = await fetch(url, request).catch((error: unknown) => {
    throw unreachable(access, error)
  })
  const answer: unknown = await response.json().catch(() => undefined)
  if (!response.ok)
    throw cloudFault('CLOUD_REFUSED', { operation: `${method} ${path}`, why: reasonOf(answer, response.status) })
  return answer
}

function reasonOf(body: unknown, status: number): string {
  return typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : `status ${status}`
}

function unreachable({ endpoint }: Pick<CloudAccess, 'endpoint'>, error: unknown): Fault {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  return cloudFault('CLOUD_UNREACHABLE', { endpoint, why: messageOf(cause) || 'no answer' }, error)
}

/** SHA-256 in the form that the signer wants: with a secret it is an HMAC. */
class NodeSha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }

  reset(): void {
    throw new TypeError('a hash that was used is not used again')
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}
