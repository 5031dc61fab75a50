import { join } from 'node:path'
import { equalBytes, type Instant, isFault } from '@birthmark/foundation/kernel'
import { makeFolder, readTextFile, replaceFile } from '@birthmark/foundation/system'
import {
  type Certificate,
  createCsr,
  type OcspResponder,
  parseCertificate,
  SoftwareSigner,
} from '@birthmark/foundation/x509'
import type { Authority } from './authority.ts'
import { statusFault } from './status-faults.ts'

/** A responder as its folder has it. */
export interface OpenedResponder {
  /** The CA whose certificates it answers about. */
  readonly issuing: Certificate
  readonly responder: OcspResponder & { readonly certificate: Certificate }
}

/**
 * Makes a key that answers about an authority's certificates, and has it certified; the key is kept encrypted in a
 * folder of its own, and no key of the CA goes there. One that is there is replaced: that is how it is renewed.
 *
 * @throws `KEY_PASSPHRASE_EMPTY`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` (operator), and what certifying
 * throws
 */
export async function makeResponder(authority: Authority, folder: string, passphrase: string): Promise<Certificate> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'OCSP responder' }], signer })
  const key = signer.toEncryptedPem(passphrase)
  const certificate = parseCertificate((await authority.certifyResponder(csr)).certificate)
  makeFolder(folder)
  // Key and certificate are one file, so that a renewal is there whole or not at all.
  replaceFile(join(folder, FILE), `${certificate.toPem()}${authority.issuing.toPem()}${key}`)
  return certificate
}

/**
 * Opens what {@link makeResponder} made.
 *
 * @throws `RESPONDER_UNFIT`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator)
 */
export function openResponder(folder: string, passphrase: string, now: Instant): OpenedResponder {
  const text = readTextFile(join(folder, FILE))
  if (text === undefined) throw statusFault('RESPONDER_UNFIT', { folder, why: `${FILE} is not there` })
  try {
    const [own = '', above = '', key = ''] = text.split(/(?<=-----END [A-Z ]+-----\n)/)
    const [certificate, issuing] = [parseCertificate(own), parseCertificate(above)]
    const signer = SoftwareSigner.fromEncryptedPem(key, passphrase)
    const why = unfitness(certificate, issuing, signer, now)
    if (why !== undefined) throw statusFault('RESPONDER_UNFIT', { folder, why })
    return { issuing, responder: { signer, certificate } }
  } catch (error) {
    if (!isFault(error) || error.code === 'RESPONDER_UNFIT') throw error
    throw statusFault('RESPONDER_UNFIT', { folder, why: error.message }, error)
  }
}

function unfitness(
  certificate: Certificate,
  issuing: Certificate,
  signer: SoftwareSigner,
  now: Instant,
): string | undefined {
  const mayAnswer = certificate.extendedKeyUsage?.includes('OCSPSigning') === true
  if (!certificate.isSignedBy(issuing) || !mayAnswer) return 'its certificate does not allow it to'
  if (!equalBytes(certificate.publicKey, signer.publicKey)) return 'its key is not that of its certificate'
  return certificate.notBefore <= now && now < certificate.notAfter ? undefined : 'its certificate is not valid now'
}

const FILE = 'responder.pem'
