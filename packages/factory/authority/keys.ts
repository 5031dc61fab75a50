import { existsSync } from 'node:fs'
import { readTextFile } from '@birthmark/foundation/system'
import { type SignatureAlgorithm, type Signer, SoftwareSigner } from '@birthmark/foundation/x509'
import { type AuthorityFile, pathOf, readAuthorityKey, writeAuthorityFile } from './folder.ts'
import { keptKeyUri } from './key-uri.ts'
import { setupFault } from './setup-faults.ts'

/** Where the key of a CA comes from, and where it stays. */
export type KeyChoice =
  /** Made here, and kept encrypted in the folder. */
  | { readonly kind: 'make'; readonly algorithm: SignatureAlgorithm }
  /**
   * Behind a PKCS#11 module, found by its URI (RFC 7512), and never anywhere else. With `generate` a key is made there
   * when there is none.
   */
  | { readonly kind: 'pkcs11'; readonly uri: string; readonly generate?: 'ec-p256' | 'ec-p384' }
  /** From another program, and kept encrypted in the folder. */
  | { readonly kind: 'import'; readonly signer: SoftwareSigner }

/** A key that is ready to sign. */
export interface OpenedKey {
  readonly signer: Signer
  /** Lets go of what the key is behind. */
  close(): Promise<void>
}

/** Which of an authority's two CAs a key belongs to. */
export type KeyOwner = 'root' | 'issuing'

/**
 * Makes the key of a CA, or finds it where it is, and writes into the folder what opens it again.
 *
 * @param rules The passphrase that encrypts a key which is kept in the folder, and whether ML-DSA is allowed.
 * @throws `AUTHORITY_PASSPHRASE_MISSING`, `KEY_PASSPHRASE_EMPTY`, `KEY_URI_INVALID`, `KEY_ALGORITHM_NOT_ALLOWED`
 * (operator), and what the module says
 */
export async function placeKey(
  folder: string,
  owner: KeyOwner,
  choice: KeyChoice,
  { passphrase, mlDsa }: { readonly passphrase: string | undefined; readonly mlDsa: boolean },
): Promise<OpenedKey> {
  const algorithm = choice.kind === 'make' ? choice.algorithm : choice.kind === 'import' ? choice.signer.algorithm : ''
  if (algorithm === 'ml-dsa-65' && !mlDsa) throw setupFault('KEY_ALGORITHM_NOT_ALLOWED', { algorithm })
  if (choice.kind === 'pkcs11') {
    const uri = await keptKeyUri(choice.uri)
    const key = await openUri(uri, choice.generate)
    writeAuthorityFile(folder, FILES[owner].uri, `${uri}\n`)
    return key
  }
  if (passphrase === undefined) throw setupFault('AUTHORITY_PASSPHRASE_MISSING', { folder })
  const signer = choice.kind === 'import' ? choice.signer : await SoftwareSigner.generate(choice.algorithm)
  writeAuthorityFile(folder, FILES[owner].key, signer.toEncryptedPem(passphrase))
  return { signer, close: () => Promise.resolve() }
}

/**
 * Opens the key of a CA, in the folder or behind its module.
 *
 * @throws `AUTHORITY_MISSING`, `AUTHORITY_DAMAGED`, `AUTHORITY_PASSPHRASE_WRONG`, `AUTHORITY_PASSPHRASE_MISSING`,
 * `KEY_URI_INVALID`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator), and what the module says
 */
export async function openKey(folder: string, owner: KeyOwner, passphrase: string | undefined): Promise<OpenedKey> {
  const uri = readTextFile(pathOf(folder, FILES[owner].uri))?.trim()
  if (uri !== undefined) return openUri(uri)
  if (passphrase === undefined && existsSync(pathOf(folder, FILES[owner].key))) {
    throw setupFault('AUTHORITY_PASSPHRASE_MISSING', { folder })
  }
  const signer = readAuthorityKey(folder, FILES[owner].key, passphrase ?? '')
  return { signer, close: () => Promise.resolve() }
}

async function openUri(uri: string, generate?: 'ec-p256' | 'ec-p384'): Promise<OpenedKey> {
  // Loaded here, because few authorities have such a key.
  const { openUriSigner } = await import('@birthmark/chip/cryptoki/adapters')
  const signer = await openUriSigner(uri, generate === undefined ? {} : { generate })
  return { signer, close: () => signer.close() }
}

/** The encrypted key, or what leads to it. */
const FILES: Readonly<Record<KeyOwner, { readonly key: AuthorityFile; readonly uri: AuthorityFile }>> = {
  root: { key: 'rootKey', uri: 'rootKeyUri' },
  issuing: { key: 'issuingKey', uri: 'issuingKeyUri' },
}
