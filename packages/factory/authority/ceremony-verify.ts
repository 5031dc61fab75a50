import { CHAIN_START, decodeChainLine } from '@birthmark/factory/ledger'
import { encodeUtf8, isFault } from '@birthmark/foundation/kernel'
import { type Certificate, parseCertificate, signatureAlgorithmOf, verifySignature } from '@birthmark/foundation/x509'
import { type CeremonyRecord, readCeremonyRecord, sealedMessage } from './ceremony-records.ts'
import { setupFault } from './setup-faults.ts'

/** A transcript that its root's key sealed. */
export interface VerifiedCeremony {
  readonly root: Certificate
  readonly records: readonly CeremonyRecord[]
  /** The hash that was signed, hex. */
  readonly head: string
}

/**
 * Verifies a transcript: every line follows the one before it, the steps were done in order and to the end, and the key
 * of the root signed the whole. Whether that root is the right one is for the caller to see: by the certificate that is
 * given here, or by the fingerprint that is returned.
 *
 * @throws `CEREMONY_TRANSCRIPT_REFUSED` (operator), which names the first bad line
 */
export function verifyCeremony(text: string, expected?: Certificate): VerifiedCeremony {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw refused(lines.length + 1, 'it was cut short')
  let position = CHAIN_START
  const records: CeremonyRecord[] = []
  let head = position.previous
  for (const [seq, line] of lines.entries()) {
    const read = decodeChainLine(encodeUtf8(line), { ...position, seq }, readCeremonyRecord)
    if (!read.ok) throw refused(seq + 1, read.problems.join('; '))
    head = position.previous
    position = { seq: seq + 1, previous: read.value.hash }
    records.push(read.value.content)
  }
  const misplaced = misplacedIn(records)
  if (misplaced !== undefined) throw refused(misplaced.line, misplaced.why)
  return { root: verifySeal(records, head, expected), records, head }
}

/** Holds the order of records against that of a ceremony. */
function misplacedIn(records: readonly CeremonyRecord[]): { readonly line: number; readonly why: string } | undefined {
  let step = 0
  let isOpen = false
  for (const [index, record] of records.entries()) {
    const line = index + 1
    if ((record.kind === 'ceremony') !== (index === 0))
      return { line, why: 'a transcript has one heading, and it comes first' }
    if (record.kind === 'broken-off') return { line, why: `the ceremony was broken off: ${record.why}` }
    if (record.kind === 'begun') {
      if (isOpen || record.step !== step + 1) return { line, why: 'a step begins out of its turn' }
      ;[step, isOpen] = [record.step, true]
    } else if (record.kind === 'done') {
      if (!isOpen || record.step !== step) return { line, why: 'a step is done that did not begin' }
      isOpen = false
    } else if (record.kind === 'sealed' && (isOpen || line !== records.length)) {
      return { line, why: 'the seal is not at the end' }
    }
  }
  return undefined
}

function verifySeal(records: readonly CeremonyRecord[], head: string, expected: Certificate | undefined): Certificate {
  const line = records.length
  const seal = records.at(-1)
  if (seal?.kind !== 'sealed') throw refused(line, 'the ceremony was not sealed')
  const root = readRoot(seal.root, line)
  if (expected !== undefined && root.fingerprint !== expected.fingerprint) throw refused(line, 'another root sealed it')
  const algorithm = signatureAlgorithmOf(root.publicKey)
  const message = encodeUtf8(sealedMessage(head))
  const { publicKey } = root
  const { signature } = seal
  if (algorithm !== undefined && verifySignature({ publicKey, algorithm, message, signature })) return root
  throw refused(line, 'the signature is not that of the root')
}

function readRoot(der: Uint8Array, line: number): Certificate {
  try {
    return parseCertificate(der)
  } catch (error) {
    if (!isFault(error)) throw error
    throw refused(line, error.message)
  }
}

function refused(line: number, why: string): Error {
  return setupFault('CEREMONY_TRANSCRIPT_REFUSED', { line, why })
}
