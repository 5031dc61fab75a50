import { createSign, generateKeyPairSync } from 'node:crypto'
import { createCsr, toPem } from '@birthmark/foundation/x509'

/** Makes a key on P-256 that nobody keeps, and a request for it in PEM. */
export async function newCsrPem(commonName = 'meter'): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const csr = await createCsr({
    subject: [{ type: 'CN', value: commonName }],
    signer: {
      algorithm: 'ecdsa-p256-sha256',
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      sign: (message) => Promise.resolve(createSign('sha256').update(message).sign(privateKey)),
    },
  })
  return toPem('CERTIFICATE REQUEST', csr)
}
