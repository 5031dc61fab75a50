import { randomBytes } from 'node:crypto'
import { type Authority, createAuthority, openAuthority } from '@birthmark/factory/authority'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'

/**
 * Founds a chip vendor: a root CA and an issuing CA under it, dedicated to one customer. Both keys are on disk,
 * encrypted with a passphrase that only this process knows.
 */
export async function foundVendor(folder: string, name: string): Promise<Authority> {
  const passphrase = randomBytes(32).toString('base64url')
  const options = { folder, passphrase, clock: systemClock, entropy: systemEntropy, log: silentLog }
  await createAuthority({
    ...options,
    rootName: [
      { type: 'O', value: name },
      { type: 'CN', value: `${name} Root CA` },
    ],
    issuingName: [
      { type: 'O', value: name },
      { type: 'CN', value: `${name} Issuing CA for Meters` },
    ],
  })
  return openAuthority(options)
}
