import { messageOf } from '@birthmark/foundation/kernel'
import { readTextFile } from '@birthmark/foundation/system'
import { parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import type { ClaimFiles } from './configuration.ts'
import { agentFault } from './faults.ts'
import type { StoredIdentity } from './identity-store.ts'

/** Reads the claim that many devices share from its files. @throws `CLAIM_UNUSABLE`, faults of the file system */
export function readClaim({ certificate, key, passphrase }: ClaimFiles): StoredIdentity {
  const text = (path: string): string => {
    const found = readTextFile(path)
    if (found === undefined) throw agentFault('CLAIM_UNUSABLE', { why: `there is no file ${path}` })
    return found
  }
  const secret = passphrase === undefined ? undefined : text(passphrase).split(/\r?\n/, 1)[0]
  return openClaim(text(certificate), text(key), secret)
}

/** Opens a claim from its two PEM texts. @throws `CLAIM_UNUSABLE` */
export function openClaim(certificatePem: string, keyPem: string, passphrase?: string): StoredIdentity {
  try {
    const certificate = parseCertificate(certificatePem)
    const signer = SoftwareSigner.import(keyPem, passphrase)
    if (Buffer.compare(certificate.publicKey, signer.publicKey) === 0) return { certificate, signer }
  } catch (error) {
    throw agentFault('CLAIM_UNUSABLE', { why: messageOf(error) }, error)
  }
  throw agentFault('CLAIM_UNUSABLE', { why: 'the private key is not the one of the certificate' })
}
