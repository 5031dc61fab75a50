import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import type { HttpRequest } from '@smithy/types'

/** SHA-256, or with a key HMAC-SHA-256, in the form that the AWS SDK's signer wants. */
class NodeSha256 {
  readonly #hash

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }

  update(content: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(content))
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()))
  }

  reset(): void {
    throw new TypeError('a hash that was used is not used again')
  }
}

/** How a request is signed. */
export interface Signing {
  readonly credentials: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  readonly region: string
  /** `iot` when absent. */
  readonly service?: string
  readonly at?: Date
}

/** Signs in the header, with the signer that the AWS SDK uses. */
export async function signRequest(request: HttpRequest, { at, ...signing }: Signing): Promise<HttpRequest> {
  return signerOf(signing).sign(request, { signingDate: at ?? new Date() }) as Promise<HttpRequest>
}

/** Signs in the query, with the signer that the AWS SDK uses. */
export async function presignRequest(
  request: HttpRequest,
  seconds: number,
  { at, ...signing }: Signing,
): Promise<HttpRequest> {
  return signerOf(signing).presign(request, {
    signingDate: at ?? new Date(),
    expiresIn: seconds,
  }) as Promise<HttpRequest>
}

function signerOf({ credentials, region, service = 'iot' }: Omit<Signing, 'at'>): SignatureV4 {
  return new SignatureV4({ service, region, credentials, sha256: NodeSha256 })
}

function bytesOf(content: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof content === 'string') return Buffer.from(content)
  return ArrayBuffer.isView(content)
    ? new Uint8Array(content.buffer, content.byteOffset, content.byteLength)
    : new Uint8Array(content)
}
