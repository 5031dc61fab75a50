import { encodeUtf8 } from '@birthmark/foundation/kernel'
import { type Signer, verifySignature } from '@birthmark/foundation/x509'

/*
 * Signed JSON on one line: the last member is a signature over the bytes before it, as a signed work order has one, so
 * that there is no canonical form of JSON to agree on.
 */

/** Signs a JSON object. @returns One line, without a line feed. @throws what the signer throws */
export async function sealJson(content: object, signer: Signer): Promise<string> {
  const signed = JSON.stringify(content).slice(0, -1)
  const value = Buffer.from(await signer.sign(encodeUtf8(signed))).toString('base64')
  return `${signed},"signature":"${value}"}`
}

/** A line taken apart; the signature is not verified yet. */
export interface SealedJson {
  /** The object without its signature. */
  readonly content: string
  /** Tells whether the key with this DER SubjectPublicKeyInfo signed it. */
  isSignedBy(publicKey: Uint8Array): boolean
}

/** Takes a line apart; `undefined` when it carries no signature. */
export function openJson(line: string): SealedJson | undefined {
  const found = SIGNATURE.exec(line.slice(-SIGNATURE_CHARACTERS_MAX))
  if (found === null) return undefined
  const signed = line.slice(0, line.length - found[0].length)
  const [, value = ''] = found
  const signature = Buffer.from(value, 'base64')
  return {
    content: `${signed}}`,
    isSignedBy: (publicKey) => {
      const message = encodeUtf8(signed)
      return signature.toString('base64') === value && verifySignature({ publicKey, algorithm, message, signature })
    },
  }
}

/** Stations and desks sign in this one way. */
const algorithm = 'ecdsa-p256-sha256'

const SIGNATURE = /,"signature":"([A-Za-z0-9+/]{90,100}={0,2})"\}$/
const SIGNATURE_CHARACTERS_MAX = 140
