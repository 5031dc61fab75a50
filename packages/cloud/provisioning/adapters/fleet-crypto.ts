import { generateKeyPair, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { certificateId } from '@birthmark/cloud/registry'
import { createCsr, parseCertificate, readUnverifiedCsr, type Signer } from '@birthmark/foundation/x509'
import type { FleetCrypto } from '../fleet-ports.ts'
import { sha256 } from './sha256.ts'

/** The arithmetic of fleet provisioning, through OpenSSL. Keys are RSA of 2048 bits, as AWS IoT's. */
export const fleetCrypto: FleetCrypto = {
  async newKey() {
    const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
    const signer: Signer = {
      algorithm: 'rsa-pkcs1-sha256',
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      sign: async (message) => sign('sha256', message, privateKey),
    }
    const csr = await createCsr({ subject: [{ type: 'CN', value: 'AWS IoT Certificate' }], signer })
    return { csr, privateKeyPem: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString() }
  },

  readCsr: (pem) => readUnverifiedCsr(pem),

  readCertificate(der) {
    const certificate = parseCertificate(der)
    const id = certificateId(certificate.fingerprint)
    if (id === undefined) throw new TypeError('a fingerprint is 64 hex digits')
    return { id, pem: certificate.toPem(), notBefore: certificate.notBefore, notAfter: certificate.notAfter }
  },

  publicKeyOf: (pem) => parseCertificate(pem).publicKey,

  sha256,
}
