import type { Members } from '@birthmark/factory/json'
import { type Attendant, readAttendant } from './ceremony-script.ts'

/** What a step made or saw, by name: fingerprints, hashes, names. */
export type CeremonyFacts = readonly { readonly name: string; readonly value: string }[]

/** One record of a transcript. */
export type CeremonyRecord =
  /** The first line. */
  | {
      readonly kind: 'ceremony'
      readonly format: typeof TRANSCRIPT_FORMAT
      readonly title: string
      /** SHA-256 of the script, hex. */
      readonly script: string
      readonly present: readonly Attendant[]
    }
  /** Written before a step is done, when somebody said that it may be. */
  | { readonly kind: 'begun'; readonly step: number; readonly what: string; readonly confirmedBy: string }
  | { readonly kind: 'done'; readonly step: number; readonly facts: CeremonyFacts }
  /** The last line of a ceremony that did not come to its end. */
  | { readonly kind: 'broken-off'; readonly step: number; readonly why: string }
  /** The last line: the root's key signed the hash of the line before it. */
  | {
      readonly kind: 'sealed'
      /** The root's certificate, DER. */
      readonly root: Uint8Array
      readonly signature: Uint8Array
    }

/** The form of a transcript; it stands in what is signed as well. */
export const TRANSCRIPT_FORMAT = 'birthmark-ceremony/1'

/** Writes a record as plain JSON data. */
export function writeCeremonyRecord(record: CeremonyRecord): object {
  if (record.kind !== 'sealed') return record
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  return { ...record, root: base64(record.root), signature: base64(record.signature) }
}

/** Reads a record; what is wrong with it is noted in `members`. */
export function readCeremonyRecord(members: Members): CeremonyRecord {
  const kind = members.word('kind', ['ceremony', 'begun', 'done', 'broken-off', 'sealed'])
  switch (kind) {
    case 'ceremony':
      return {
        kind,
        format: members.word('format', [TRANSCRIPT_FORMAT]),
        title: members.text('title', LINE, LINE_FORM),
        script: members.text('script', /^[0-9a-f]{64}$/, 'a SHA-256 in hex'),
        present: members.objects('present', readAttendant),
      }
    case 'begun':
      return {
        kind,
        step: stepOf(members),
        what: members.text('what', LINE, LINE_FORM),
        confirmedBy: members.text('confirmedBy', LINE, LINE_FORM),
      }
    case 'done':
      return { kind, step: stepOf(members), facts: members.objects('facts', readFact) }
    case 'broken-off':
      return { kind, step: stepOf(members), why: members.text('why', LINE, LINE_FORM) }
    case 'sealed':
      return {
        kind,
        root: members.base64('root', CERTIFICATE_BYTES_MAX),
        signature: members.base64('signature', SIGNATURE_BYTES_MAX),
      }
  }
}

/** What the root's key signs: a text, so that it can never be a part of a certificate. @param head Hash of a line. */
export function sealedMessage(head: string): string {
  return `${TRANSCRIPT_FORMAT} sealed at ${head}\n`
}

function readFact(members: Members): CeremonyFacts[number] {
  return { name: members.text('name', LINE, LINE_FORM), value: members.text('value', LINE, LINE_FORM) }
}

function stepOf(members: Members): number {
  return members.integer('step', 1, STEPS_COUNT_MAX)
}

const LINE = /^[^\p{Cc}]{1,4000}$/u
const LINE_FORM = 'one line of text'

/** As many as one list in a script may have. */
const STEPS_COUNT_MAX = 256

/** A root with an ML-DSA key has 6 KB; its signature 3309 bytes. */
const CERTIFICATE_BYTES_MAX = 16_384
const SIGNATURE_BYTES_MAX = 4096
