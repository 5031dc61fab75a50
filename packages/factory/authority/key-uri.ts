import { resolve } from 'node:path'
import { setupFault } from './setup-faults.ts'

/**
 * Gives a PKCS#11 URI (RFC 7512) as it can be kept in a folder and used from anywhere: the file of its PIN by its
 * absolute path. A PIN in the URI itself is refused, because the URI goes into files and process lists.
 *
 * @throws `KEY_URI_INVALID` (operator)
 */
export function keptKeyUri(uri: string): string {
  if (!uri.startsWith('pkcs11:')) throw setupFault('KEY_URI_INVALID', { why: 'it does not begin with pkcs11:' })
  const query = uri.split('?')[1] ?? ''
  const attributes = query.split('&')
  if (attributes.some((attribute) => attribute.startsWith('pin-value='))) {
    throw setupFault('KEY_URI_INVALID', { why: 'a PIN does not belong into it: name a file with pin-source' })
  }
  const pinSource = attributes.find((attribute) => attribute.startsWith(PIN_SOURCE))
  const path = pinSource?.slice(PIN_SOURCE.length).replace(/^file:/, '')
  if (pinSource === undefined || path === undefined || path.startsWith('/')) return uri
  return uri.replace(pinSource, () => `${PIN_SOURCE}${encodeURI(resolve(decoded(path)))}`)
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (error) {
    throw setupFault('KEY_URI_INVALID', { why: 'a % of its pin-source has no two hex digits' }, error)
  }
}

const PIN_SOURCE = 'pin-source='
