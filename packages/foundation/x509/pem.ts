import { x509Fault } from './faults.ts'

/**
 * Longest PEM text that is read, in characters. A bundle of all public web roots is 230 000; at the limit the text is
 * refused with `PEM_MALFORMED`.
 */
export const PEM_CHARACTERS_MAX = 1_048_576

/** What stands between the dashes of a PEM block (RFC 7468 §4). */
export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'PUBLIC KEY' | 'ENCRYPTED PRIVATE KEY' | 'X509 CRL'

/** Writes DER as a PEM block with lines of 64 characters and a line feed at its end (RFC 7468 §2). */
export function toPem(label: PemLabel, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

/**
 * Reads the blocks with `label`, in order; other blocks and text between blocks are passed over (RFC 7468 §2).
 *
 * @returns The DER of each block; none when the text has no such block.
 * @throws `PEM_MALFORMED` (peer) when a block has no end, is not base64, or the text is over {@link PEM_CHARACTERS_MAX}
 */
export function fromPem(text: string, label: PemLabel): Uint8Array[] {
  if (text.length > PEM_CHARACTERS_MAX) throw malformed(`it is longer than ${PEM_CHARACTERS_MAX} characters`)
  const begin = `-----BEGIN ${label}-----`
  const end = `-----END ${label}-----`
  const blocks: Uint8Array[] = []
  for (let at = text.indexOf(begin); at !== -1; at = text.indexOf(begin, at)) {
    const close = text.indexOf(end, at)
    if (close === -1) throw malformed('a block has no end')
    blocks.push(decodeBase64(text.slice(at + begin.length, close)))
    at = close + end.length
  }
  return blocks
}

function decodeBase64(text: string): Uint8Array {
  const digits = text.replaceAll(/\s+/g, '')
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) throw malformed('a block is not base64')
  return Uint8Array.from(Buffer.from(digits, 'base64'))
}

function malformed(why: string): Error {
  return x509Fault('PEM_MALFORMED', { why })
}
