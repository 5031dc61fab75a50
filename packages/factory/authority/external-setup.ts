import { parseMakerKey } from '@birthmark/factory/order'
import type { Clock, Log } from '@birthmark/foundation/kernel'
import type { Certificate } from '@birthmark/foundation/x509'
import { beginJournal } from './begin-journal.ts'
import type { CreatedAuthority } from './create.ts'
import { makeWhole } from './draft-folder.ts'
import type { ExternalSettings } from './external-settings.ts'
import { writeAuthorityFile } from './folder.ts'
import { brokenPath, expiredIn, pathAbove } from './issuer-path.ts'
import { type AuthoritySettings, DEFAULT_SETTINGS, writeSettings } from './settings.ts'
import { setupFault } from './setup-faults.ts'

/**
 * Makes an authority whose certificates a CA elsewhere signs: it judges orders and requests, keeps the journal and the
 * limits, and holds no key.
 *
 * @param options The CA that signs comes first among the certificates; its issuers follow in any order.
 * @throws `AUTHORITY_EXISTS`, `CA_CERTIFICATE_REFUSED`, `ORDER_MAKER_KEY_UNFIT`, `FILE_NOT_PERMITTED`, `DISK_FULL`,
 * `FILE_UNUSABLE` (operator)
 */
export async function plugAuthority(options: {
  readonly folder: string
  readonly certificates: readonly [Certificate, ...Certificate[]]
  readonly external: ExternalSettings
  readonly settings?: Partial<Omit<AuthoritySettings, 'external'>>
  readonly makerKey?: string
  readonly clock: Clock
  readonly log: Log
}): Promise<CreatedAuthority> {
  const { certificates, external, settings, makerKey, clock } = options
  const path = pathAbove(certificates[0], certificates)
  if (path === undefined) throw refused('its issuers up to a self-signed root are not all there')
  const broken = brokenPath(path) ?? expiredIn(path, clock.now())
  if (broken !== undefined) throw refused(broken)
  const { root, issuing, chain } = path
  return makeWhole(options.folder, async (draft) => {
    writeSettings(draft, { ...DEFAULT_SETTINGS, ...settings, external })
    if (makerKey !== undefined) {
      parseMakerKey(makerKey)
      writeAuthorityFile(draft, 'makerKey', makerKey)
    }
    writeAuthorityFile(draft, 'rootCertificate', root.toPem())
    writeAuthorityFile(draft, 'issuingCertificate', issuing.toPem())
    if (chain.length > 0) writeAuthorityFile(draft, 'chain', chain.map((certificate) => certificate.toPem()).join(''))
    await beginJournal(draft, root, issuing, options)
    return { root, issuing }
  })
}

function refused(why: string): Error {
  return setupFault('CA_CERTIFICATE_REFUSED', { why })
}
