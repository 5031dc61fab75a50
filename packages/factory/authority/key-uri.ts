import { resolve } from 'node:path'
import { isFault } from '@birthmark/foundation/kernel'
import { setupFault } from './setup-faults.ts'

/**
 * Gives a PKCS#11 URI (RFC 7512) as it can be kept in a folder and used from anywhere: the file of its PIN by its
 * absolute path. A PIN in the URI itself is refused, because the URI goes into files and process lists.
 *
 * @throws `KEY_URI_INVALID` (operator)
 */
export async function keptKeyUri(uri: string): Promise<string> {
  // Loaded here, because few authorities have such a key.
  const { parsePkcs11Uri, renamePinSource } = await import('@birthmark/chip/cryptoki/adapters')
  try {
    const { pinValue } = parsePkcs11Uri(uri)
    if (pinValue === undefined) return renamePinSource(uri, (path) => resolve(path))
  } catch (error) {
    if (!isFault(error, 'CRYPTOKI_URI_INVALID')) throw error
    throw setupFault('KEY_URI_INVALID', { why: String(error.context['why']) }, error)
  }
  throw setupFault('KEY_URI_INVALID', { why: 'a PIN does not belong into it: name a file with pin-source' })
}
