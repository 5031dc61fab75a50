import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { readJsonObject } from '@birthmark/factory/json'
import { type Entropy, encodeUtf8 } from '@birthmark/foundation/kernel'
import { lineFault } from '../faults.ts'
import type { CredentialFile } from './credential.ts'

/*
 * A secure channel through a file: what is in it can be read by whoever holds the recipient's key, and by nobody
 * between. ECDH with a fresh P-256 key, HKDF-SHA-256 (RFC 5869), AES-256-GCM; the device's number is authenticated.
 */

/** Encrypts the files of one device for a recipient. @param recipient DER SubjectPublicKeyInfo, P-256. */
export function sealFiles(
  uid: string,
  files: readonly CredentialFile[],
  recipient: Uint8Array,
  entropy: Entropy,
): CredentialFile {
  const peer = createPublicKey({ key: Buffer.from(recipient), format: 'der', type: 'spki' })
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ephemeral = publicKey.export({ format: 'der', type: 'spki' })
  const nonce = entropy.bytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', keyFor(privateKey, peer, ephemeral, recipient), nonce)
  cipher.setAAD(encodeUtf8(aboutOf(uid)))
  const plain = JSON.stringify(files.map(({ name, content }) => ({ name, content: base64(content) })))
  const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
  const members = { format: FORMAT, uid, ephemeral: base64(ephemeral), nonce: base64(nonce), sealed: base64(sealed) }
  return { name: `${uid}.sealed.json`, content: encodeUtf8(`${JSON.stringify(members)}\n`) }
}

/**
 * Opens what {@link sealFiles} made.
 *
 * @throws `CREDENTIAL_UNREADABLE` (peer): another key, or a file that was changed
 */
export function openSealedFiles(text: string, key: KeyObject): readonly CredentialFile[] {
  const parsed = readJsonObject(text, (members) => {
    members.word('format', [FORMAT])
    return {
      uid: members.text('uid', /^[0-9a-f]{8,64}$/, 'the number of a device'),
      ephemeral: members.base64('ephemeral', 128),
      nonce: members.base64('nonce', NONCE_BYTES),
      sealed: members.base64('sealed', SEALED_BYTES_MAX),
    }
  })
  if (!parsed.ok) throw lineFault('CREDENTIAL_UNREADABLE', { why: parsed.problems.join('; ') })
  const { uid, ephemeral, nonce, sealed } = parsed.value
  try {
    const peer = createPublicKey({ key: Buffer.from(ephemeral), format: 'der', type: 'spki' })
    const recipient = createPublicKey(key).export({ format: 'der', type: 'spki' })
    const decipher = createDecipheriv('aes-256-gcm', keyFor(key, peer, ephemeral, recipient), nonce)
    decipher.setAAD(encodeUtf8(aboutOf(uid)))
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
    return readFiles(`{"files":${plain.toString('utf8')}}`)
  } catch (error) {
    throw lineFault('CREDENTIAL_UNREADABLE', { why: 'this key does not open it, or it was changed' }, error)
  }
}

function readFiles(text: string): readonly CredentialFile[] {
  const parsed = readJsonObject(text, (members) =>
    members.objects('files', (file) => ({
      name: file.text('name', /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/, 'the name of a file'),
      content: file.base64('content', SEALED_BYTES_MAX),
    })),
  )
  if (parsed.ok) return parsed.value
  throw lineFault('CREDENTIAL_UNREADABLE', { why: parsed.problems.join('; ') })
}

function keyFor(key: KeyObject, peer: KeyObject, ephemeral: Uint8Array, recipient: Uint8Array): Uint8Array {
  const shared = diffieHellman({ privateKey: key, publicKey: peer })
  const about = Buffer.concat([encodeUtf8(FORMAT), ephemeral, recipient])
  return new Uint8Array(hkdfSync('sha256', shared, new Uint8Array(), about, 32))
}

function aboutOf(uid: string): string {
  return `${FORMAT} ${uid}`
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

const FORMAT = 'birthmark-sealed-credential/1'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** A credential is a few KB; the largest file is the partition of 8 KB. */
const SEALED_BYTES_MAX = 131_072
