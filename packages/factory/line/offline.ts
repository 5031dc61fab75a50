import { type Allotment, challengeOf, deskFault } from '@birthmark/factory/desk'
import type { Members } from '@birthmark/factory/json'
import { ChainedLog, ELEMENT_UID } from '@birthmark/factory/ledger'
import type { DeviceRequest, IssuedCertificate, IssuingAuthority } from '@birthmark/factory/order'
import type { Clock, Log } from '@birthmark/foundation/kernel'
import type { DeskClient } from './desk-client.ts'
import { lineFault } from './faults.ts'

/** What opening an {@link OfflineStation} needs. */
export interface OfflineOptions {
  /** Where its CSRs are kept; made when absent. One file for each allotment. */
  readonly path: string
  /** What the authority gave, its signature verified. */
  readonly allotment: Allotment
  /** The issuers, as the authority gave them with the allotment. */
  readonly issuers: Omit<IssuedCertificate, 'certificate'>
  readonly clock: Clock
  readonly log: Log
}

/** What came of an exchange with the authority. */
export interface SyncResult {
  /** CSRs that got their certificate now. */
  readonly issued: number
  /** CSRs that the authority refused, with the reasons. */
  readonly refused: readonly { readonly uid: string; readonly code: string; readonly message: string }[]
}

/**
 * A station that cannot reach the authority: elements make their keys and sign their CSRs, which wait on the disk. When
 * they are synchronised and the element is put in again, it is finished. It makes no more than its allotment allows.
 */
export class OfflineStation implements IssuingAuthority {
  readonly #options: OfflineOptions
  readonly #chain: ChainedLog<OfflineRecord>
  /** What waits and what came, by element. An allotment bounds them. */
  readonly #waiting: Map<string, DeviceRequest>
  readonly #issued: Map<string, Uint8Array>

  private constructor(
    options: OfflineOptions,
    chain: ChainedLog<OfflineRecord>,
    waiting: Map<string, DeviceRequest>,
    issued: Map<string, Uint8Array>,
  ) {
    this.#options = options
    this.#chain = chain
    this.#waiting = waiting
    this.#issued = issued
  }

  /**
   * Opens what waits under an allotment.
   *
   * @throws `LEDGER_IN_USE`, `LEDGER_DAMAGED`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
   */
  static async open(options: OfflineOptions): Promise<OfflineStation> {
    const waiting = new Map<string, DeviceRequest>()
    const issued = new Map<string, Uint8Array>()
    const apply = (record: OfflineRecord): void => applyTo(waiting, issued, record)
    const chain = await ChainedLog.open<OfflineRecord>({
      ...options,
      write: writeRecord,
      read: readRecord,
      replay: ({ content }) => apply(content),
    })
    return new OfflineStation(options, chain, waiting, issued)
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Whether this element asked for its certificate under this allotment. */
  knows(uid: string): boolean {
    return this.#waiting.has(uid) || this.#issued.has(uid)
  }

  issuers(): Promise<Omit<IssuedCertificate, 'certificate'>> {
    return Promise.resolve(this.#options.issuers)
  }

  challenge(uid: string): Promise<string> {
    const { seed, order } = this.#options.allotment
    return Promise.resolve(challengeOf(seed, order, uid))
  }

  /**
   * Gives the certificate that was synchronised, or keeps the CSR until then.
   *
   * @throws `CERTIFICATE_PENDING` (busy), `ALLOTMENT_USED_UP` (caller), `ALLOTMENT_INVALID` when it has ended
   */
  async issue(request: DeviceRequest): Promise<IssuedCertificate> {
    const { allotment, clock, issuers } = this.#options
    const { uid } = request
    const certificate = this.#issued.get(uid)
    if (certificate !== undefined) return { certificate, ...issuers }
    if (clock.now() > allotment.until) {
      throw deskFault('ALLOTMENT_INVALID', { why: `it ended at ${new Date(allotment.until).toISOString()}` })
    }
    if (!this.#waiting.has(uid) && this.#waiting.size + this.#issued.size >= allotment.count) {
      throw deskFault('ALLOTMENT_USED_UP', { allotment: allotment.id, count: allotment.count })
    }
    this.#waiting.set(uid, request)
    await this.#chain.append({ kind: 'waiting', request })
    throw lineFault('CERTIFICATE_PENDING', { uid })
  }

  /**
   * Has the authority issue for everything that waits; each certificate is on the disk before more are asked for.
   *
   * @param scrapped Elements that are never used: nothing is asked for them.
   */
  async sync(
    authority: Pick<DeskClient, 'issueDrawn'>,
    scrapped: ReadonlySet<string> = new Set(),
  ): Promise<SyncResult> {
    const refused: SyncResult['refused'][number][] = []
    let issued = 0
    const all = [...this.#waiting.values()].filter(({ uid }) => !scrapped.has(uid))
    for (let at = 0; at < all.length; at += TOGETHER_COUNT) {
      const part = all.slice(at, at + TOGETHER_COUNT)
      const answers = await Promise.allSettled(
        part.map((request) => authority.issueDrawn(request, this.#options.allotment.id)),
      )
      for (const [index, answer] of answers.entries()) {
        const uid = part[index]?.uid ?? ''
        if (answer.status === 'fulfilled') {
          const { certificate } = answer.value
          await this.#chain.append({ kind: 'issued', uid, certificate })
          applyTo(this.#waiting, this.#issued, { kind: 'issued', uid, certificate })
          issued += 1
        } else {
          const { code = 'UNEXPECTED', message } = Object(answer.reason)
          refused.push({ uid, code: String(code), message: String(message) })
        }
      }
    }
    return { issued, refused }
  }

  async close(): Promise<void> {
    await this.#chain.close()
  }
}

type OfflineRecord =
  | { readonly kind: 'waiting'; readonly request: DeviceRequest }
  | { readonly kind: 'issued'; readonly uid: string; readonly certificate: Uint8Array }

function applyTo(waiting: Map<string, DeviceRequest>, issued: Map<string, Uint8Array>, record: OfflineRecord): void {
  if (record.kind === 'waiting') {
    waiting.set(record.request.uid, record.request)
    return
  }
  waiting.delete(record.uid)
  issued.set(record.uid, record.certificate)
}

function writeRecord(record: OfflineRecord): object {
  if (record.kind === 'issued') return { ...record, certificate: base64(record.certificate) }
  const { uid, csr, vendor } = record.request
  const evidence = vendor && { certificate: base64(vendor.certificate), signature: base64(vendor.signature) }
  return { kind: 'waiting', uid, csr: base64(csr), ...(evidence !== undefined && { vendor: evidence }) }
}

function readRecord(members: Members): OfflineRecord {
  const kind = members.word('kind', ['waiting', 'issued'])
  const uid = members.text('uid', ELEMENT_UID, '8 to 64 hex digits in lower case')
  if (kind === 'issued') return { kind, uid, certificate: members.base64('certificate', BYTES_MAX) }
  const vendor = members.has('vendor')
    ? members.object('vendor', (inner) => ({
        certificate: inner.base64('certificate', BYTES_MAX),
        signature: inner.base64('signature', 80),
      }))
    : undefined
  const csr = members.base64('csr', BYTES_MAX)
  return { kind, request: { uid, csr, ...(vendor !== undefined && { vendor }) } }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** Largest CSR and certificate, in bytes; one line holds two of them. */
const BYTES_MAX = 16_384

/** CSRs that are asked for at once. */
const TOGETHER_COUNT = 64
