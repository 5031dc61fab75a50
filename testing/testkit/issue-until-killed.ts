import { openAuthority } from '@birthmark/factory/authority'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'

/** What this program tells its parent: before it asks for a certificate, and when it was given one. */
export type IssuingMessage =
  | { readonly kind: 'asking'; readonly name: string; readonly csr: string }
  | { readonly kind: 'given'; readonly name: string; readonly fingerprint: string }

/** Requests under way at a time, so that a kill hits each step of some of them. */
const PARALLEL = 8

if (process.argv[1] === import.meta.filename) {
  const [folder = '', passphrase = '', run = ''] = process.argv.slice(2)
  const options = { folder, passphrase, clock: systemClock, entropy: systemEntropy, log: silentLog }
  const authority = await openAuthority(options)
  let count = 0
  const issueForever = async (): Promise<never> => {
    for (;;) {
      count += 1
      const name = `run-${run}-${count}`
      const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
      const csr = await createCsr({ subject: [{ type: 'CN', value: name }], signer })
      await tell({ kind: 'asking', name, csr: Buffer.from(csr).toString('base64') })
      const { certificate } = await authority.issue({ kind: 'device', csr, idempotencyKey: name })
      await tell({ kind: 'given', name, fingerprint: parseCertificate(certificate).fingerprint })
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, issueForever))
}

/** Returns when the message is on its way: what was asked for must be known before it is journalled. */
function tell(message: IssuingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error) => (error === null ? resolve() : reject(error)))
  })
}
