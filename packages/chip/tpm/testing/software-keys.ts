import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { concat, fromHex } from '@birthmark/foundation/kernel'
import { type AttributeName, attributeBits } from '../attributes.ts'
import { sized, uint16s, uint32 } from '../wire.ts'

/** A P-256 key whose public area says what a TPM's would; no TPM ever saw it. */
export interface SoftwareKey {
  /** TPMT_PUBLIC. */
  readonly publicArea: Uint8Array
  readonly privateKey: KeyObject
}

export const AK: readonly AttributeName[] = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'restricted', 'sign']
export const EK: readonly AttributeName[] = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'restricted', 'decrypt']
export const KEY: readonly AttributeName[] = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'sign']

/** Makes a P-256 key with these attributes, names hashed with SHA-256. */
export function softwareKey(
  attributes: readonly AttributeName[],
  change: { readonly cipher?: Uint8Array; readonly scheme?: Uint8Array; readonly x?: Uint8Array } = {},
): SoftwareKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64url'))
  const publicArea = concat(
    uint16s(0x0023, 0x000b),
    uint32(attributeBits(...attributes)),
    sized(new Uint8Array(0)),
    change.cipher ?? (attributes.includes('decrypt') ? uint16s(0x0006, 128, 0x0043) : uint16s(0x0010)),
    change.scheme ??
      (attributes.includes('restricted') && attributes.includes('sign') ? ECDSA_SHA256 : uint16s(0x0010)),
    uint16s(0x0003, 0x0010),
    sized(change.x ?? bytes(x)),
    sized(bytes(y)),
  )
  return { publicArea, privateKey }
}

/** Writes a TPMS_ATTEST around a statement. */
export function attestOf(type: number, nonce: Uint8Array, statement: Uint8Array): Uint8Array {
  const head = concat(fromHex('ff544347'), uint16s(type), sized(fromHex('000b00')), sized(nonce))
  return concat(head, new Uint8Array(17), new Uint8Array(8), statement)
}

/** Signs as a TPM would with ECDSA and SHA-256: TPMT_SIGNATURE. */
export function signAttest(key: SoftwareKey, attest: Uint8Array): Uint8Array {
  const signature = sign('sha256', attest, { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  return concat(ECDSA_SHA256, sized(signature.subarray(0, 32)), sized(signature.subarray(32)))
}

const ECDSA_SHA256 = uint16s(0x0018, 0x000b)
