import { createHash } from 'node:crypto'
import type { Certificate } from '@birthmark/foundation/x509'

/** Writes an OCSP request (RFC 6960 §4.1) about one serial number, hex, with a nonce of up to 100 octets or without. */
export function ocspRequestFor(issuer: Certificate, serial: string, nonce?: Uint8Array): Buffer {
  const sha1 = (bytes: Uint8Array): Buffer => createHash('sha1').update(bytes).digest()
  // Of an EC key's SubjectPublicKeyInfo, the point is all that follows the octet of unused bits.
  const point = issuer.publicKey.subarray(issuer.publicKey.indexOf(0x04, 20))
  const id = value(
    0x30,
    value(0x30, Buffer.from('06052b0e03021a0500', 'hex')),
    value(0x04, sha1(issuer.subjectDer)),
    value(0x04, sha1(point)),
    value(0x02, Buffer.from(serial, 'hex')),
  )
  const list = value(0x30, value(0x30, id))
  if (nonce === undefined) return value(0x30, value(0x30, list))
  const extension = value(0x30, Buffer.from('06092b0601050507300102', 'hex'), value(0x04, value(0x04, nonce)))
  return value(0x30, value(0x30, list, value(0xa2, value(0x30, extension))))
}

/** A value of up to 255 octets. */
function value(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const whole = Buffer.concat(content)
  const length = whole.length < 0x80 ? [whole.length] : [0x81, whole.length]
  return Buffer.concat([Buffer.from([tag, ...length]), whole])
}
