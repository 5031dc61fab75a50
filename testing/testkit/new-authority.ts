import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type AuthorityOptions, createAuthority, type NewAuthority } from '@birthmark/factory/authority'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { scratchFolder } from './scratch-folder.ts'

/** Makes an authority in a folder of its own, and gives what opens it. */
export async function newAuthority(
  context: TestContext,
  options: Partial<NewAuthority> = {},
): Promise<AuthorityOptions & { readonly passphrase: string }> {
  const folder = join(await scratchFolder(context), 'authority')
  const ports = { clock: options.clock ?? systemClock, entropy: systemEntropy, log: silentLog }
  await createAuthority({
    folder,
    passphrase: PASSPHRASE,
    rootName: [{ type: 'CN', value: 'Birthmark Test Root' }],
    issuingName: [{ type: 'CN', value: 'Birthmark Test Issuing CA 1' }],
    ...ports,
    ...options,
  })
  return { folder, passphrase: PASSPHRASE, ...ports }
}

const PASSPHRASE = 'a passphrase for tests'
