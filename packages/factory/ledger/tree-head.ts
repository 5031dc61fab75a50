import { createHash } from 'node:crypto'
import { concat, encodeUtf8, equalBytes } from '@birthmark/foundation/kernel'
import { type Signer, verifySignature } from '@birthmark/foundation/x509'
import { HASH_BYTES, type TreeHead } from './merkle.ts'

/** Who writes into a ledger, or witnesses it: a name for people, and the key that decides. */
export interface LedgerWriter {
  /** 1 to 64 letters, digits, `.`, `_`, `-`. */
  readonly name: string
  /** DER SubjectPublicKeyInfo, P-256. */
  readonly publicKey: Uint8Array
}

/** A signature under a tree head, with the name and the key that it claims. */
export interface NoteSignature {
  readonly name: string
  /** The first four bytes of the SHA-256 of the key. */
  readonly keyHint: Uint8Array
  readonly signature: Uint8Array
}

/** A tree head that went out into the world, in the form of C2SP tlog-checkpoint (a signed note). */
export interface Checkpoint extends TreeHead {
  /** The number of the ledger. */
  readonly ledger: string
  readonly signatures: readonly NoteSignature[]
}

/** Names a key: SHA-256 of its SubjectPublicKeyInfo, hex. */
export function keyIdOf(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex')
}

/** The bytes that are signed for a tree head: the text of its checkpoint. */
function treeHeadText(ledger: string, { size, root }: TreeHead): string {
  return `${ORIGIN}${ledger}\n${size}\n${Buffer.from(root).toString('base64')}\n`
}

/** Signs a tree head. @throws what the signer throws */
export async function signTreeHead(ledger: string, head: TreeHead, signer: Signer): Promise<Uint8Array> {
  return signer.sign(encodeUtf8(treeHeadText(ledger, head)))
}

/** Tells whether `signature` is that of `publicKey` under this tree head. */
export function isTreeHeadSigned(
  ledger: string,
  head: TreeHead,
  publicKey: Uint8Array,
  signature: Uint8Array,
): boolean {
  const message = encodeUtf8(treeHeadText(ledger, head))
  return verifySignature({ publicKey, algorithm: WRITER_ALGORITHM, message, signature })
}

/** Tells whether a checkpoint carries a valid signature of `publicKey`. */
export function isCheckpointSigned(checkpoint: Checkpoint, publicKey: Uint8Array): boolean {
  const hint = hintOf(publicKey)
  return checkpoint.signatures.some(
    ({ keyHint, signature }) =>
      equalBytes(keyHint, hint) && isTreeHeadSigned(checkpoint.ledger, checkpoint, publicKey, signature),
  )
}

/** Gives the signature of a writer or witness as a checkpoint carries it. */
export function noteSignature({ name, publicKey }: LedgerWriter, signature: Uint8Array): NoteSignature {
  return { name, keyHint: hintOf(publicKey), signature }
}

/** Writes a checkpoint as its file holds it. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const signatures = checkpoint.signatures.map(({ name, keyHint, signature }) => {
    return `\u2014 ${name} ${Buffer.from(concat(keyHint, signature)).toString('base64')}\n`
  })
  return `${treeHeadText(checkpoint.ledger, checkpoint)}\n${signatures.join('')}`
}

/** Reads a checkpoint; `undefined` for what is none. Its signatures are not verified here. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const found = text.length <= CHECKPOINT_CHARACTERS_MAX ? CHECKPOINT.exec(text) : null
  if (found === null) return undefined
  const [, ledger = '', size = '', root = '', lines = ''] = found
  const rootBytes = canonicalBase64(root)
  const signatures = lines.trimEnd().split('\n').map(readSignature)
  if (rootBytes?.length !== HASH_BYTES || !Number.isSafeInteger(Number(size))) return undefined
  const known = signatures.filter((signature) => signature !== undefined)
  if (known.length < signatures.length) return undefined
  return { ledger, size: Number(size), root: rootBytes, signatures: known }
}

function readSignature(line: string): NoteSignature | undefined {
  const [, name = '', value = ''] = SIGNATURE_LINE.exec(line) ?? []
  const bytes = canonicalBase64(value)
  if (bytes === undefined || bytes.length <= HINT_BYTES) return undefined
  return { name, keyHint: bytes.subarray(0, HINT_BYTES), signature: bytes.subarray(HINT_BYTES) }
}

function canonicalBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length > 0 && bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined
}

function hintOf(publicKey: Uint8Array): Uint8Array {
  return createHash('sha256').update(publicKey).digest().subarray(0, HINT_BYTES)
}

/** The one way in which ledgers are signed; the key on record decides, not the line. */
export const WRITER_ALGORITHM = 'ecdsa-p256-sha256'

/** What the first line of a checkpoint begins with; the number of the ledger follows. */
const ORIGIN = 'birthmark-ledger/'

const HINT_BYTES = 4

/** Longest checkpoint that is read: room for a hundred witnesses. */
const CHECKPOINT_CHARACTERS_MAX = 20_000

const BODY = /^birthmark-ledger\/([0-9a-f]{32})\n([1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n\n/
const CHECKPOINT = new RegExp(`${BODY.source}((?:\u2014 \\S{1,64} \\S{1,400}\\n){1,100})$`)
const SIGNATURE_LINE = /^\u2014 ([a-zA-Z0-9._-]{1,64}) ([A-Za-z0-9+/]{1,200}={0,2})$/
