import { messageOf, toHex } from '@birthmark/foundation/kernel'
import { readTextFile, replaceFile, systemEntropy } from '@birthmark/foundation/system'
import { parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import { agentFault } from './faults.ts'
import type { IdentityStore } from './identity-store.ts'
import type { Place } from './journal.ts'

/** What the file holds. */
interface SoftwareContent {
  readonly uid: string
  /** Encrypted PKCS#8, by place. */
  readonly keys: Readonly<Partial<Record<Place, string>>>
  readonly certificates: Readonly<Partial<Record<Place, string>>>
}

/**
 * Keeps identities in a file, for a device without a secure element: private keys are encrypted with a passphrase from
 * another file, which should be on another medium. Each change replaces the file as a whole.
 *
 * @throws `ELEMENT_FILE_DAMAGED`, `ELEMENT_PASSPHRASE_WEAK`, faults of the file system
 */
export function softwareStore(path: string, passphrasePath: string): IdentityStore {
  const passphrase = readTextFile(passphrasePath)?.split(/\r?\n/, 1)[0] ?? ''
  if (passphrase.length < PASSPHRASE_CHARACTERS_MIN) {
    throw agentFault('ELEMENT_PASSPHRASE_WEAK', { path: passphrasePath, min: PASSPHRASE_CHARACTERS_MIN })
  }
  let content = readContent(path)
  const change = (next: SoftwareContent): void => {
    replaceFile(path, `${JSON.stringify({ [FORMAT]: 1, ...next }, undefined, 2)}\n`, { mode: 0o600 })
    content = next
  }
  const signerOf = (pem: string): SoftwareSigner => {
    try {
      return SoftwareSigner.fromEncryptedPem(pem, passphrase)
    } catch (error) {
      throw agentFault('ELEMENT_FILE_DAMAGED', { path, why: messageOf(error) }, error)
    }
  }
  return {
    uid: content.uid,
    newKey: async (place) => {
      const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
      const { [place]: _, ...certificates } = content.certificates
      change({ ...content, certificates, keys: { ...content.keys, [place]: signer.toEncryptedPem(passphrase) } })
      return signer
    },
    identity: async (place) => {
      const { [place]: pem } = content.certificates
      const { [place]: key } = content.keys
      if (pem === undefined || key === undefined) return undefined
      return { certificate: parseCertificate(pem), signer: signerOf(key) }
    },
    writeCertificate: async (place, certificate) =>
      change({ ...content, certificates: { ...content.certificates, [place]: certificate.toPem() } }),
    trustAnchor: async () => undefined,
    close: async () => undefined,
  }
}

function readContent(path: string): SoftwareContent {
  const text = readTextFile(path)
  if (text === undefined) return { uid: toHex(systemEntropy.bytes(UID_BYTES)), keys: {}, certificates: {} }
  try {
    const value: unknown = JSON.parse(text)
    const { [FORMAT]: format, uid, keys, certificates } = fieldsOf(value)
    if (format !== 1 || typeof uid !== 'string' || !/^[0-9a-f]{16,64}$/.test(uid))
      throw new TypeError('it is no key file')
    return { uid, keys: textsOf(keys), certificates: textsOf(certificates) }
  } catch (error) {
    throw agentFault('ELEMENT_FILE_DAMAGED', { path, why: messageOf(error) }, error)
  }
}

function textsOf(value: unknown): Readonly<Partial<Record<Place, string>>> {
  const { first, second } = fieldsOf(value)
  return {
    ...(typeof first === 'string' ? { first } : {}),
    ...(typeof second === 'string' ? { second } : {}),
  }
}

function fieldsOf(value: unknown): Readonly<Partial<Record<string, unknown>>> {
  if (typeof value !== 'object' || value === null) throw new TypeError('a part of it is no object')
  return { ...value }
}

const FORMAT = 'birthmark-device-keys'
const UID_BYTES = 16
/** Shortest passphrase: OpenSSL stretches it with 2048 rounds only, so that it must not be guessable. */
const PASSPHRASE_CHARACTERS_MIN = 20
