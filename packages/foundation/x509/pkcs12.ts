import { type Certificate, parseCertificate } from './certificate.ts'
import { constructed, DerError, type DerReader, enterDer, primitive, readDer, TAG } from './der.ts'
import { readOid, readSmallInteger } from './der-values.ts'
import { x509Fault } from './faults.ts'
import { readDecryption, readSeal } from './pkcs12-crypto.ts'
import { SoftwareSigner } from './software-signer.ts'

/** What a PKCS#12 file holds. */
export interface Pkcs12 {
  readonly key: SoftwareSigner
  /** In the order of the file; which of them is the key's is for the caller to see. */
  readonly certificates: readonly Certificate[]
}

/**
 * Largest PKCS#12 file that is read, in bytes; one with a key and a chain has 2 to 10 KB. At the limit:
 * `PKCS12_UNREADABLE`.
 */
export const PKCS12_BYTES_MAX = 1_048_576

/**
 * Reads a PKCS#12 file (RFC 7292) as OpenSSL, Java and Windows write it with a passphrase: one private key and its
 * certificates, sealed with an HMAC, encrypted with AES, 3DES or RC2. Files that are sealed with a public key, or
 * written in BER, are refused.
 *
 * @throws `PKCS12_UNREADABLE`, `KEY_UNREADABLE`, `CERTIFICATE_UNREADABLE` (peer), `PKCS12_PASSPHRASE_WRONG` (operator)
 */
export function readPkcs12(bytes: Uint8Array, passphrase: string): Pkcs12 {
  if (bytes.length > PKCS12_BYTES_MAX) throw unreadable(`it is longer than ${PKCS12_BYTES_MAX} bytes`)
  try {
    const bags = new Bags(passphrase)
    bags.readSafes(openSeal(bytes, passphrase))
    return bags.contents()
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    throw unreadable(error.message, error)
  }
}

/** Checks the seal. @returns The DER of the AuthenticatedSafe. */
function openSeal(bytes: Uint8Array, passphrase: string): Uint8Array {
  const pfx = enterDer(bytes, TAG.SEQUENCE)
  if (readSmallInteger(pfx.content(TAG.INTEGER)) !== 3) throw new DerError('a version other than 3')
  const safe = readData(pfx.enter(TAG.SEQUENCE))
  if (pfx.isAtEnd) throw new DerError('no seal that a passphrase opens')
  const fits = readSeal(pfx.enter(TAG.SEQUENCE))
  pfx.end()
  if (!fits(safe, passphrase)) throw x509Fault('PKCS12_PASSPHRASE_WRONG')
  return safe
}

/** Reads a ContentInfo that must be of the type data, and gives its octets. */
function readData(content: DerReader): Uint8Array {
  const oid = readOid(content.content(TAG.OID))
  if (oid !== DATA) throw new DerError(`content of the type ${oid}`)
  return readDer(content.content(constructed(0)), TAG.OCTET_STRING).content
}

/** Collects what stands in the bags of a file. */
class Bags {
  readonly #passphrase: string
  readonly #keys: SoftwareSigner[] = []
  readonly #certificates: Certificate[] = []

  constructor(passphrase: string) {
    this.#passphrase = passphrase
  }

  /** Reads an AuthenticatedSafe: parts in the clear and encrypted ones. */
  readSafes(der: Uint8Array): void {
    const parts = enterDer(der, TAG.SEQUENCE)
    while (!parts.isAtEnd) {
      const part = parts.enter(TAG.SEQUENCE)
      const oid = readOid(part.content(TAG.OID))
      const content = part.content(constructed(0))
      if (oid === DATA) this.#readBags(readDer(content, TAG.OCTET_STRING).content)
      else if (oid === ENCRYPTED_DATA) this.#readBags(this.#decryptPart(content))
      else throw new DerError(`a part of the type ${oid}`)
    }
  }

  contents(): Pkcs12 {
    const [key, ...others] = this.#keys
    if (key === undefined || others.length > 0)
      throw new DerError(`${this.#keys.length} private keys, where one is wanted`)
    return { key, certificates: this.#certificates }
  }

  #decryptPart(content: Uint8Array): Uint8Array {
    const encrypted = enterDer(content, TAG.SEQUENCE)
    encrypted.take(TAG.INTEGER)
    const info = encrypted.enter(TAG.SEQUENCE)
    info.take(TAG.OID)
    const decrypt = readDecryption(info.enter(TAG.SEQUENCE))
    return this.#opened(decrypt(info.content(primitive(0)), this.#passphrase))
  }

  #readBags(der: Uint8Array): void {
    const bags = enterDer(der, TAG.SEQUENCE)
    while (!bags.isAtEnd) {
      const bag = bags.enter(TAG.SEQUENCE)
      const oid = readOid(bag.content(TAG.OID))
      const value = bag.content(constructed(0))
      if (oid === CERTIFICATE_BAG) this.#readCertificate(value)
      else if (oid === KEY_BAG) this.#keys.push(SoftwareSigner.import(value))
      else if (oid === SHROUDED_KEY_BAG) this.#readShroudedKey(value)
      else throw new DerError(`a bag of the type ${oid}`)
    }
  }

  #readCertificate(value: Uint8Array): void {
    const fields = enterDer(value, TAG.SEQUENCE)
    if (readOid(fields.content(TAG.OID)) !== X509_CERTIFICATE) throw new DerError('a certificate of another kind')
    this.#certificates.push(parseCertificate(readDer(fields.content(constructed(0)), TAG.OCTET_STRING).content))
  }

  #readShroudedKey(value: Uint8Array): void {
    const fields = enterDer(value, TAG.SEQUENCE)
    const decrypt = readDecryption(fields.enter(TAG.SEQUENCE))
    this.#keys.push(SoftwareSigner.import(this.#opened(decrypt(fields.content(TAG.OCTET_STRING), this.#passphrase))))
  }

  /** The seal was right, so what does not open is damaged, or encrypted under another passphrase. */
  #opened(plain: Uint8Array | undefined): Uint8Array {
    if (plain === undefined) throw x509Fault('PKCS12_PASSPHRASE_WRONG')
    return plain
  }
}

function unreadable(why: string, cause?: unknown): Error {
  return x509Fault('PKCS12_UNREADABLE', { why }, cause)
}

/** RFC 7292 §4 and Appendix D, RFC 2985 §5.6. */
const DATA = '1.2.840.113549.1.7.1'
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6'
const KEY_BAG = '1.2.840.113549.1.12.10.1.1'
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2'
const CERTIFICATE_BAG = '1.2.840.113549.1.12.10.1.3'
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1'
