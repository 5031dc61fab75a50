import { once } from 'node:events'
import { openAuthority } from '@birthmark/factory/authority'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { parseCertificate } from '@birthmark/foundation/x509'

/** What this program tells its parent: before it asks for something, and when it was done; `at` is which authority. */
export type AuthorityMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'asking'; readonly at: number; readonly name: string }
  | { readonly kind: 'given'; readonly at: number; readonly name: string; readonly serial: string }
  | { readonly kind: 'revoked'; readonly at: number; readonly serial: string }

/** What the parent sends when the authorities are free to be opened. */
export interface AuthorityStart {
  readonly folders: readonly string[]
  readonly passphrase: string
  /** Base64. */
  readonly csr: string
  /** Begins every name. */
  readonly run: string
}

/** Requests under way at a time at each authority, so that a kill hits each step of some of them. */
const PARALLEL = 4

if (process.argv[1] === import.meta.filename) {
  await tell({ kind: 'ready' })
  const [start]: AuthorityStart[] = await once(process, 'message')
  if (start === undefined) throw new TypeError('no start was sent')
  await Promise.all(start.folders.map((folder, at) => issueAndRevoke(start, folder, at)))
}

/** Issues as fast as it can, and takes every third one back. */
async function issueAndRevoke({ passphrase, csr, run }: AuthorityStart, folder: string, at: number): Promise<void> {
  const options = { folder, passphrase, clock: systemClock, entropy: systemEntropy, log: silentLog }
  const authority = await openAuthority(options)
  const request = Buffer.from(csr, 'base64')
  let count = 0
  const forever = async (): Promise<never> => {
    for (;;) {
      count += 1
      const isTakenBack = count % 3 === 0
      const name = `${run}-${count}`
      await tell({ kind: 'asking', at, name })
      const { certificate } = await authority.issue({ kind: 'device', csr: request, idempotencyKey: name })
      const serial = parseCertificate(certificate).serialNumber
      await tell({ kind: 'given', at, name, serial })
      if (!isTakenBack) continue
      await authority.revoke(serial, 'superseded')
      await tell({ kind: 'revoked', at, serial })
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, forever))
}

/** Returns when the message is on its way: what was asked for must be known before it is journalled. */
function tell(message: AuthorityMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error) => (error === null ? resolve() : reject(error)))
  })
}
