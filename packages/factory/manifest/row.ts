import { MANIFEST_LIMITS } from './limits.ts'

/** What a check of a row is about. */
export type RowCheck =
  | 'form'
  | 'limit'
  | 'signature'
  | 'id'
  | 'certificate'
  | 'key'
  | 'chain'
  | 'duplicate'
  | 'scrapped'

/** One thing that is wrong with a row: which check, and why as a sentence without a full stop. */
export interface RowProblem {
  readonly check: RowCheck
  readonly why: string
}

/**
 * One identity that a manifest lists, whatever its format: what registration, and a later comparison with what
 * connects, work from.
 */
export interface ListedDevice {
  /** The row it came from, counted from 1; for archives and bundles the n-th file or certificate. */
  readonly row: number
  /** The element's own number: hex in lower case where the format has hex; absent where the format has none. */
  readonly uid?: string
  /** The key slot, where an element lists several. */
  readonly slot?: string
  /** The device's certificate in DER; absent where the format lists elements without one (Microchip version 2). */
  readonly certificate?: Uint8Array
  /** SHA-256 of the certificate, hex: AWS IoT's certificate id. Absent without a certificate. */
  readonly fingerprint?: string
  /** The certificate's subject as RFC 4514 writes it; may be empty. Absent without a certificate. */
  readonly subject?: string
  /** The device's public key, a DER SubjectPublicKeyInfo; absent where the format lists none. */
  readonly key?: Uint8Array
  /** The issuers that the manifest gave with it, DER, next issuer first; usually without the root. */
  readonly chain: readonly Uint8Array[]
}

/** What reading a row gave: its devices, or everything that is wrong with it. */
export type ManifestRow =
  | { readonly ok: true; readonly row: number; readonly name?: string; readonly devices: readonly ListedDevice[] }
  | { readonly ok: false; readonly row: number; readonly name?: string; readonly problems: readonly RowProblem[] }

/** A row as its format's reader gives it: in its form, and its own signature and ids judged, nothing else. */
export interface RawRow {
  readonly row: number
  /** How people find it: a file's name in an archive. */
  readonly name?: string
  readonly uid?: string
  readonly identities: readonly RawIdentity[]
  readonly problems: readonly RowProblem[]
}

/** A key, a certificate with its chain, or both. */
export interface RawIdentity {
  readonly slot?: string
  readonly key?: Uint8Array
  /** DER, the device's own certificate first; empty without one. */
  readonly certificates: readonly Uint8Array[]
}

/** Collects what is wrong with one row, up to a limit. */
export class Problems {
  readonly #list: RowProblem[] = []

  get list(): readonly RowProblem[] {
    return this.#list
  }

  add(check: RowCheck, why: string): void {
    if (this.#list.length < MANIFEST_LIMITS.problemsInRow.value) this.#list.push({ check, why })
  }
}

/** Gives a stranger's text for a message: one line, bounded. */
export function shown(text: string): string {
  const line = JSON.stringify(text.slice(0, SHOWN_CHARACTERS))
  return text.length > SHOWN_CHARACTERS ? `${line}…` : line
}

/** How much of a stranger's text goes into a message, in characters. */
const SHOWN_CHARACTERS = 64
