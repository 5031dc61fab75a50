import { cryptokiFault } from '@birthmark/chip/cryptoki'
import { decodeUtf8, encodeUtf8 } from '@birthmark/foundation/kernel'
import type { TokenChoice } from './module-options.ts'

/** What a PKCS#11 URI names: a module, one of its tokens, an object in it, and where the PIN is. */
export interface Pkcs11Uri {
  readonly modulePath: string | undefined
  readonly token: TokenChoice
  readonly object: {
    readonly label?: string
    /** CKA_ID. */
    readonly id?: Uint8Array
  }
  /** The file that holds the PIN. */
  readonly pinSource: string | undefined
  /** The PIN itself; whoever sees the URI sees it. */
  readonly pinValue: string | undefined
}

/**
 * Reads a PKCS#11 URI (RFC 7512). Attributes that say what the object is (`type`), or something of slot and library,
 * are read over; `module-path` is taken before the `?` too, where some programs write it.
 *
 * @throws `CRYPTOKI_URI_INVALID`
 */
export function parsePkcs11Uri(uri: string): Pkcs11Uri {
  if (!uri.startsWith(SCHEME)) throw invalid(`it does not begin with ${SCHEME}`)
  if (uri.length > URI_CHARACTERS_MAX) throw invalid(`it has more than ${URI_CHARACTERS_MAX} characters`)
  const [path = '', query = '', ...others] = uri.slice(SCHEME.length).split('?')
  if (others.length > 0) throw invalid('it has two question marks')
  const values = new Map<string, Uint8Array>()
  for (const pair of [...path.split(';'), ...query.split('&')].filter((each) => each !== '')) {
    const [, name = '', value = ''] = /^([a-zA-Z0-9_-]+)=(.*)$/s.exec(pair) ?? []
    if (name === '') throw invalid('a part of it is no name=value')
    if (values.has(name)) throw invalid(`it names ${name} twice`)
    values.set(name, decodePercent(value, name))
  }
  return assemble(values)
}

/**
 * Gives a URI with the file of its PIN under another name, and all else as it was; one that names no file comes back.
 *
 * @param rename Gets the path as {@link parsePkcs11Uri} reads it.
 * @throws `CRYPTOKI_URI_INVALID`
 */
export function renamePinSource(uri: string, rename: (path: string) => string): string {
  const { pinSource } = parsePkcs11Uri(uri)
  if (pinSource === undefined) return uri
  const path = rename(pinSource).split('/').map(encodeURIComponent).join('/')
  return path === pinSource ? uri : uri.replace(PIN_SOURCE, () => `pin-source=${path}`)
}

function assemble(values: ReadonlyMap<string, Uint8Array>): Pkcs11Uri {
  const text = (name: string): string | undefined => {
    const value = values.get(name)
    const decoded = value && decodeUtf8(value)
    if (value !== undefined && decoded === undefined) throw invalid(`its ${name} is no UTF-8`)
    return decoded
  }
  const named = <Key extends string>(key: Key, name: string): { readonly [One in Key]?: string } => {
    const value = text(name)
    return (value === undefined ? {} : { [key]: value }) as { readonly [One in Key]?: string }
  }
  const id = values.get('id')
  const slot = text('slot-id')
  if (slot !== undefined && !/^\d{1,19}$/.test(slot)) throw invalid('its slot-id is no number')
  return {
    modulePath: text('module-path'),
    token: {
      ...named('label', 'token'),
      ...named('serial', 'serial'),
      ...named('manufacturer', 'manufacturer'),
      ...named('model', 'model'),
      ...(slot === undefined ? {} : { slotId: BigInt(slot) }),
    },
    object: { ...named('label', 'object'), ...(id === undefined ? {} : { id }) },
    pinSource: fileOf(text('pin-source')),
    pinValue: text('pin-value'),
  }
}

/** A pin-source is a file; RFC 7512 lets it be a command too, which a URI from elsewhere must not start here. */
function fileOf(source: string | undefined): string | undefined {
  if (source === undefined) return undefined
  const path = source.startsWith('file:') ? source.slice('file:'.length).replace(/^\/\/(localhost)?(?=\/)/, '') : source
  if (path === '' || path.startsWith('|') || /^[a-zA-Z][a-zA-Z0-9+.-]+:/.test(path)) {
    throw invalid('its pin-source is no file')
  }
  return path
}

function decodePercent(value: string, name: string): Uint8Array {
  if (/%(?![0-9a-fA-F]{2})/.test(value)) throw invalid(`the value of ${name} has a % without two hex digits`)
  const bytes: number[] = []
  for (const part of value.match(/%..|[^%]+/gs) ?? []) {
    if (part.startsWith('%')) bytes.push(Number.parseInt(part.slice(1), 16))
    else bytes.push(...encodeUtf8(part))
  }
  return Uint8Array.from(bytes)
}

function invalid(why: string): Error {
  return cryptokiFault('CRYPTOKI_URI_INVALID', { why })
}

const SCHEME = 'pkcs11:'

/** Where the file of the PIN stands, before the `?` or behind it. */
const PIN_SOURCE = /(?<=[:;?&])pin-source=[^;?&]*/

/** Longest URI, in characters: each of some fifteen attributes has at most a path. */
const URI_CHARACTERS_MAX = 16_384
