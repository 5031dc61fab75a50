import type { CertificateId } from './records.ts'

/** Reads a certificate id: 64 hex digits in either case. Gives `undefined` when `text` is none. */
export function certificateId(text: string): CertificateId | undefined {
  return CERTIFICATE_ID.test(text) ? (text.toLowerCase() as CertificateId) : undefined
}

/** AWS IoT API, CertificateId: exactly 64 characters of this alphabet. */
const CERTIFICATE_ID = /^[0-9a-fA-F]{64}$/
