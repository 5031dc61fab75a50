import { createDecipheriv, createHash } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Tpm, tpmFault, type WrappedKey } from '@birthmark/chip/tpm'
import { encodeUtf8, type Fault, isFault, messageOf, toHex } from '@birthmark/foundation/kernel'

/** A key of tpm2-pkcs11, and where the module keeps it. */
export interface Pkcs11Key {
  /** The folder that the module has in `TPM2_PKCS11_STORE`. */
  readonly store: string
  /** The token's label. */
  readonly token: string
  /** The key's label. */
  readonly key: string
  /** The user's PIN. */
  readonly pin: string
}

/**
 * Reads a key out of the store of tpm2-pkcs11, ready to be loaded: the TPM wrapped it, and opens its password when the
 * PIN is right. The store is only read; programs that use it may go on.
 *
 * Source: the store of tpm2-pkcs11 1.9.0 (schema 8), as the module and `tpm2_ptool` write it.
 *
 * @throws `TPM_STORE_UNUSABLE`, `TPM_TOKEN_PIN_WRONG` (operator), and what {@link Tpm} throws
 */
export async function readPkcs11Key(tpm: Tpm, named: Pkcs11Key): Promise<WrappedKey> {
  const { parent, seal, salt, key } = readStore(named)
  const handle = await tpm.load(parent, seal)
  try {
    const wrappingKey = await tpm.unseal(handle, { password: sealPassword(named.pin, salt) })
    const password = decryptPassword(wrappingKey, key.encryptedPassword)
    if (password === undefined) throw unusable(named.store, 'the key’s password does not open')
    return { parent, publicArea: key.publicArea, privateArea: key.privateArea, password }
  } catch (error) {
    const isWrongPin = isFault(error, 'TPM_COMMAND_REFUSED') && WRONG_PIN.has(error.context['name'])
    throw isWrongPin ? tpmFault('TPM_TOKEN_PIN_WRONG', {}, error) : error
  } finally {
    await tpm.flush(handle)
  }
}

interface StoredKey {
  readonly publicArea: Uint8Array
  readonly privateArea: Uint8Array
  readonly encryptedPassword: Uint8Array
}

interface Stored {
  readonly parent: number
  readonly seal: { readonly publicArea: Uint8Array; readonly privateArea: Uint8Array }
  readonly salt: string
  readonly key: StoredKey
}

function readStore({ store, token, key: label }: Pkcs11Key): Stored {
  const rows = query(store, TOKEN_QUERY, token)
  const { config, publicArea, privateArea, salt } = rows[0] ?? {}
  const isWhole = publicArea instanceof Uint8Array && privateArea instanceof Uint8Array && typeof salt === 'string'
  if (!isWhole) throw unusable(store, 'it has no token of this label, or the token has no user’s PIN')
  // The beginning of an ESYS_TR in hex: the handle.
  const handle = /^81[0-9a-f]{6}/.exec(yamlValues(config).get('esys-tr') ?? '')?.[0]
  if (handle === undefined) throw unusable(store, 'the token’s parent is no persistent key')
  const objects = query(store, OBJECTS_QUERY, token).map(({ attributes }) => yamlValues(attributes))
  const key = objects.find(
    (object) => object.get(CKA.CLASS) === PRIVATE_KEY && object.get(CKA.LABEL) === toHex(encodeUtf8(label)),
  )
  if (key === undefined) throw unusable(store, 'the token has no private key of this label')
  const bytes = (type: string): Uint8Array => Uint8Array.from(Buffer.from(key.get(type) ?? '', 'hex'))
  return {
    parent: Number.parseInt(handle, 16),
    seal: { publicArea, privateArea },
    salt,
    key: { publicArea: bytes(CKA.PUBLIC), privateArea: bytes(CKA.PRIVATE), encryptedPassword: bytes(CKA.PASSWORD) },
  }
}

function query(folder: string, sql: string, label: string): readonly Readonly<Record<string, unknown>>[] {
  let store: DatabaseSync | undefined
  try {
    store = new DatabaseSync(join(folder, STORE_FILE), { readOnly: true })
    return store.prepare(sql).all(label)
  } catch (error) {
    throw unusable(folder, messageOf(error), error)
  } finally {
    store?.close()
  }
}

/**
 * Reads the flat maps of YAML that are in the store: the module writes every key and value with a type and in quotes,
 * `tpm2_ptool` bare. The first of two equal keys counts. Lists are not read.
 */
function yamlValues(text: unknown): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const [, quoted, bare, value = ''] of String(text).matchAll(YAML_PAIR)) {
    const name = quoted ?? bare ?? ''
    if (!values.has(name)) values.set(name, value)
  }
  return values
}

/** The password of what the TPM sealed: half of a salted hash of the PIN, as hex. */
function sealPassword(pin: string, salt: string): Uint8Array {
  const digest = createHash('sha256').update(pin).update(salt).digest('hex')
  return encodeUtf8(digest.slice(0, SEAL_PASSWORD_CHARACTERS))
}

/** AES-256-GCM; key, and `iv:tag:text`, are written in hex. */
function decryptPassword(wrappingKey: Uint8Array, encrypted: Uint8Array): Uint8Array | undefined {
  const [iv, tag, text] = Buffer.from(encrypted)
    .toString('latin1')
    .split(':')
    .map((part) => Buffer.from(part, 'hex'))
  if (iv === undefined || tag === undefined || text === undefined) return undefined
  try {
    const key = Buffer.from(Buffer.from(wrappingKey).toString('latin1'), 'hex')
    const cipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES }).setAuthTag(tag)
    return Uint8Array.from(Buffer.concat([cipher.update(text), cipher.final()]))
  } catch {
    // A key, vector or tag of another length or of another token: OpenSSL has nothing else to complain of.
    return undefined
  }
}

function unusable(path: string, why: string, cause?: unknown): Fault {
  return tpmFault('TPM_STORE_UNUSABLE', { path, why }, cause)
}

/** Attributes of objects; the last three are tpm2-pkcs11's own. */
const CKA = { CLASS: '0', LABEL: '3', PASSWORD: '2399141889', PUBLIC: '2399141890', PRIVATE: '2399141891' } as const
/** CKO_PRIVATE_KEY. */
const PRIVATE_KEY = '3'

const YAML_PAIR = /(?:\? !!\w+ "([\w-]+)"\s+|(?<=^|[{,]\s*)([\w-]+))\s*: (?:!!\w+ )?["']?([^\s"',}]*)/gm

const STORE_FILE = 'tpm2_pkcs11.sqlite3'
const TOKEN_QUERY = `
  SELECT pobjects.config AS config, userpub AS publicArea, userpriv AS privateArea, userauthsalt AS salt
  FROM tokens JOIN pobjects ON pobjects.id = tokens.pid JOIN sealobjects ON sealobjects.tokid = tokens.id
  WHERE tokens.label = ?`
const OBJECTS_QUERY = `
  SELECT attrs AS attributes FROM tobjects JOIN tokens ON tokens.id = tobjects.tokid WHERE tokens.label = ?`

const SEAL_PASSWORD_CHARACTERS = 32
const TAG_BYTES = 16

const WRONG_PIN: ReadonlySet<unknown> = new Set(['AUTH_FAIL', 'BAD_AUTH'])
