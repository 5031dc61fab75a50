import { createCipheriv, createDecipheriv } from 'node:crypto'
import { concat } from '@birthmark/foundation/kernel'
import { tlsFault } from './faults.ts'
import {
  CONTENT_BYTES_MAX,
  type ContentType,
  contentCode,
  contentType,
  encodeHeader,
  type WireRecord,
} from './record.ts'
import { wipe } from './wipe.ts'

/** The AES-128-GCM key of one direction and its nonce part: 4 bytes of salt in TLS 1.2, 12 bytes of IV in TLS 1.3. */
export interface TrafficKey {
  readonly key: Uint8Array
  readonly iv: Uint8Array
}

/** The content of one record, unprotected. */
export interface Content {
  readonly type: ContentType
  readonly bytes: Uint8Array
}

/** Protects one direction of a connection under one key, record after record. */
export interface RecordProtection {
  /** Most bytes of a protected fragment. */
  readonly fragmentBytesMax: number
  /** Records sealed or opened so far; the sequence number of the next one. */
  readonly count: number
  /** Gives a whole protected record. */
  seal(content: Content): Uint8Array
  /** @throws `TLS_RECORD_TAMPERED`, `TLS_RECORD_TOO_LARGE`, `TLS_RECORD_MALFORMED` */
  open(record: WireRecord): Content
  /** Forgets the key; the protection is of no use afterwards. */
  wipe(): void
}

/** Protects records as TLS 1.2 does with an AEAD cipher: explicit nonce (RFC 5246 §6.2.3.3, RFC 5288 §3). */
export class RecordProtection12 implements RecordProtection {
  readonly fragmentBytesMax: number = CONTENT_BYTES_MAX + 2048
  readonly #key: TrafficKey
  #count = 0

  constructor(key: TrafficKey) {
    this.#key = key
  }

  get count(): number {
    return this.#count
  }

  seal({ type, bytes }: Content): Uint8Array {
    // The sequence number is the explicit part of the nonce: it cannot repeat under one key (RFC 5288 §3).
    const explicit = this.#nextSequence()
    const sealed = seal(this.#key.key, this.#nonce(explicit), [explicit, encodeHeader(type, bytes.length)], [bytes])
    return concat(encodeHeader(type, explicit.length + sealed.length), explicit, sealed)
  }

  open({ type, version, fragment }: WireRecord): Content {
    const size = fragment.length - EXPLICIT_NONCE_BYTES - TAG_BYTES
    if (size < 0) throw tlsFault('TLS_RECORD_TAMPERED')
    const nonce = this.#nonce(fragment.subarray(0, EXPLICIT_NONCE_BYTES))
    const additional = [this.#nextSequence(), encodeHeader(type, size, version)]
    const bytes = open(this.#key.key, nonce, additional, fragment.subarray(EXPLICIT_NONCE_BYTES))
    if (bytes.length > CONTENT_BYTES_MAX) throw tooLarge(bytes.length)
    return { type, bytes }
  }

  wipe(): void {
    wipe(this.#key.key, this.#key.iv)
  }

  #nonce(explicit: Uint8Array): Uint8Array {
    return concat(this.#key.iv, explicit)
  }

  #nextSequence(): Uint8Array {
    this.#count += 1
    return uint64(this.#count - 1)
  }
}

/** Protects records as TLS 1.3 does: implicit nonce, hidden content type, padding (RFC 8446 §5.2 to §5.4). */
export class RecordProtection13 implements RecordProtection {
  readonly fragmentBytesMax: number = CONTENT_BYTES_MAX + 256
  readonly #key: TrafficKey
  #count = 0

  constructor(key: TrafficKey) {
    this.#key = key
  }

  get count(): number {
    return this.#count
  }

  seal({ type, bytes }: Content): Uint8Array {
    const header = encodeHeader('application_data', bytes.length + 1 + TAG_BYTES)
    return concat(header, seal(this.#key.key, this.#nextNonce(), [header], [bytes, Uint8Array.of(contentCode(type))]))
  }

  open(record: WireRecord): Content {
    // RFC 8446 §5: a ChangeCipherSpec for the sake of middleboxes comes unprotected; the machine decides about it.
    if (record.type === 'change_cipher_spec') return { type: record.type, bytes: record.fragment }
    if (record.type !== 'application_data') throw malformed(`an unprotected ${record.type} record`)
    const inner = open(this.#key.key, this.#nextNonce(), [record.header], record.fragment)
    if (inner.length > CONTENT_BYTES_MAX + 1) throw tooLarge(inner.length - 1)
    const end = inner.findLastIndex((byte) => byte !== 0)
    const type = contentType(inner[end] ?? 0)
    if (type === undefined) throw malformed('a protected record without content type')
    if (type === 'change_cipher_spec') throw malformed('a protected change_cipher_spec record')
    return { type, bytes: inner.subarray(0, end) }
  }

  wipe(): void {
    wipe(this.#key.key, this.#key.iv)
  }

  /** RFC 8446 §5.3: the sequence number, padded on the left, XOR the IV. */
  #nextNonce(): Uint8Array {
    const sequence = concat(new Uint8Array(this.#key.iv.length - 8), uint64(this.#count))
    this.#count += 1
    return sequence.map((byte, index) => byte ^ (this.#key.iv[index] ?? 0))
  }
}

type Parts = readonly Uint8Array[]

function seal(key: Uint8Array, nonce: Uint8Array, additional: Parts, plaintext: Parts): Uint8Array {
  const cipher = createCipheriv('aes-128-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(concat(...additional))
  const sealed = plaintext.map((part) => cipher.update(part))
  return concat(...sealed, cipher.final(), cipher.getAuthTag())
}

function open(key: Uint8Array, nonce: Uint8Array, additional: Parts, sealed: Uint8Array): Uint8Array {
  const end = sealed.length - TAG_BYTES
  if (end < 0) throw tlsFault('TLS_RECORD_TAMPERED')
  const decipher = createDecipheriv('aes-128-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(concat(...additional)).setAuthTag(sealed.subarray(end))
  const plaintext = decipher.update(sealed.subarray(0, end))
  try {
    decipher.final()
  } catch {
    throw tlsFault('TLS_RECORD_TAMPERED')
  }
  return plaintext
}

function tooLarge(size: number): Error {
  return tlsFault('TLS_RECORD_TOO_LARGE', { size, max: CONTENT_BYTES_MAX })
}

function malformed(what: string): Error {
  return tlsFault('TLS_RECORD_MALFORMED', { what })
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

/** RFC 5116 §5.1: the tag of AEAD_AES_128_GCM has 16 bytes. */
const TAG_BYTES = 16
const EXPLICIT_NONCE_BYTES = 8
