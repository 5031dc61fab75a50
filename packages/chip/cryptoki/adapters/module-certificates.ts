import { type Attribute, CKA, CKC, CKO, cryptokiFault, readCertificateFields } from '@birthmark/chip/cryptoki'
import { concat, isFault } from '@birthmark/foundation/kernel'
import { parseCertificate, pointFromSpki } from '@birthmark/foundation/x509'
import { type ModuleSession, templateOf } from './module-session.ts'

/**
 * Makes the template of an X.509 certificate (PKCS#11 v2.40 §4.6.3).
 *
 * @param id The CKA_ID of the key that it certifies; empty for none.
 * @throws `CRYPTOKI_VALUE_SHAPE` when `der` is no certificate
 */
export function certificateTemplate(label: string, der: Uint8Array, id: Uint8Array): readonly Attribute[] {
  const fields = readCertificateFields(der)
  if (fields === undefined) throw cryptokiFault('CRYPTOKI_VALUE_SHAPE', { what: 'a certificate' })
  return [
    { type: CKA.CLASS, value: CKO.CERTIFICATE },
    ...templateOf({ label }),
    ...(id.length === 0 ? [] : [{ type: CKA.ID, value: id }]),
    { type: CKA.CERTIFICATE_TYPE, value: CKC.X_509 },
    { type: CKA.SUBJECT, value: fields.subject },
    { type: CKA.ISSUER, value: fields.issuer },
    { type: CKA.SERIAL_NUMBER, value: fields.serialNumber },
    { type: CKA.VALUE, value: der },
  ]
}

/** Finds the CKA_ID of the key pair that a certificate is for; empty when the token has none of them. */
export async function idOfCertified(session: ModuleSession, der: Uint8Array): Promise<Uint8Array> {
  const point = certifiedPoint(der)
  if (point === undefined) return NO_ID
  // Wrapped as the standard has it, or bare as some modules do.
  for (const value of [concat(Uint8Array.of(OCTET_STRING, point.length), point), point]) {
    const [key] = await session.find([...templateOf({ kind: 'public-key' }), { type: CKA.EC_POINT, value }])
    if (key !== undefined) return (await session.describe(key)).id
  }
  return NO_ID
}

function certifiedPoint(der: Uint8Array): Uint8Array | undefined {
  try {
    return pointFromSpki(parseCertificate(der).publicKey)
  } catch (error) {
    if (isFault(error)) return undefined
    throw error
  }
}

const NO_ID = new Uint8Array(0)
const OCTET_STRING = 0x04
