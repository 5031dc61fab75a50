import { generateKeyPair, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { createCsr, parseCertificate, type Signer, verifyCsr } from '@birthmark/foundation/x509'
import type { Call, Operations } from '../operation-types.ts'
import { registerCertificate } from './register-certificate.ts'

/** Device certificates that the cloud has made, through the port CertificateProvider. */
export const createCertificateOperations: Partial<Operations> = {
  async CreateCertificateFromCsr({ certificateSigningRequest, setAsActive }, call) {
    return issueCertificate(verifyCsr(certificateSigningRequest).der, setAsActive === true, call)
  },

  /** The key pair goes to the caller, once, and is kept nowhere. AWS gives RSA of 2048 bits, and so do we. */
  async CreateKeysAndCertificate({ setAsActive }, call) {
    const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
    const signer: Signer = {
      algorithm: 'rsa-pkcs1-sha256',
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      sign: async (message) => sign('sha256', message, privateKey),
    }
    const csr = await createCsr({ subject: [{ type: 'CN', value: 'AWS IoT Certificate' }], signer })
    const issued = await issueCertificate(csr, setAsActive === true, call)
    const keyPair = {
      PublicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      PrivateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    }
    return { ...issued, keyPair }
  },
}

async function issueCertificate(
  csr: Uint8Array,
  active: boolean,
  call: Call,
): Promise<{ certificateArn: string; certificateId: string; certificatePem: string }> {
  const provided = await call.certificateProvider.issue(csr, 'device')
  const certificate = parseCertificate(provided.certificate)
  const registration = { status: active ? 'ACTIVE' : 'INACTIVE', mode: 'DEFAULT', caId: undefined } as const
  return { ...(await registerCertificate(certificate, registration, call)), certificatePem: certificate.toPem() }
}
