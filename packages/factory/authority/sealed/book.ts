import type { Members } from '@birthmark/factory/json'
import { ChainedLog } from '@birthmark/factory/ledger'
import { type Clock, type Instant, instant, type Log } from '@birthmark/foundation/kernel'

/** What a station may sign by itself: so many certificates, until then. */
export interface SealedGrant {
  /** SHA-256 of the public key of the sealed CA, hex: a key has one grant. */
  readonly key: string
  readonly count: number
  readonly until: Instant
  /** The organisation that every device must be named under. */
  readonly organization?: string
}

/** How far the account of a sealed CA has come. */
export interface SealedAccount {
  /** Where the journal of the sealed CA stood: its entries, and the hash of the last. */
  readonly entries: number
  readonly hash: string
  /** Certificates that exist, and serial numbers that may and were given to nobody. */
  readonly issued: number
  readonly unresolved: number
  readonly voided: number
  /** Nothing may follow on it. */
  readonly last: boolean
}

/** A grant and what became of it. */
export interface SealedState extends SealedGrant {
  /** The serial number of its certificate, hex; `undefined` when none was made yet. */
  readonly serial?: string
  readonly account?: SealedAccount
  /** Why it was revoked. */
  readonly broken?: string
}

type BookRecord =
  | { readonly kind: 'sealed'; readonly format: typeof FORMAT }
  | { readonly kind: 'granted'; readonly grant: SealedGrant }
  | { readonly kind: 'made'; readonly key: string; readonly serial: string }
  | { readonly kind: 'accounted'; readonly key: string; readonly account: SealedAccount }
  | { readonly kind: 'broken'; readonly key: string; readonly why: string }

/** The record of the CAs that an authority sealed to stations: hash-chained, on the disk before anything is signed. */
export class SealedBook {
  readonly #chain: ChainedLog<BookRecord>
  readonly #states: Map<string, SealedState>

  private constructor(chain: ChainedLog<BookRecord>, states: Map<string, SealedState>) {
    this.#chain = chain
    this.#states = states
  }

  /**
   * Opens the book at `path`, made when absent, and keeps other processes out.
   *
   * @throws `LEDGER_IN_USE`, `LEDGER_DAMAGED`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
   */
  static async open(options: { readonly path: string; readonly clock: Clock; readonly log: Log }): Promise<SealedBook> {
    const states = new Map<string, SealedState>()
    const chain = await ChainedLog.open<BookRecord>({
      ...options,
      write: writeRecord,
      read: readRecord,
      replay: ({ content }) => apply(states, content),
    })
    if (chain.head.entries === 0) await chain.append({ kind: 'sealed', format: FORMAT })
    return new SealedBook(chain, states)
  }

  /** Every grant, the first first. */
  get states(): readonly SealedState[] {
    return [...this.#states.values()]
  }

  /** Gives the grant of a key. */
  of(key: string): SealedState | undefined {
    return this.#states.get(key)
  }

  grant(grant: SealedGrant): Promise<void> {
    return this.#record({ kind: 'granted', grant })
  }

  made(key: string, serial: string): Promise<void> {
    return this.#record({ kind: 'made', key, serial })
  }

  account(key: string, account: SealedAccount): Promise<void> {
    return this.#record({ kind: 'accounted', key, account })
  }

  break(key: string, why: string): Promise<void> {
    return this.#record({ kind: 'broken', key, why })
  }

  close(): Promise<void> {
    return this.#chain.close()
  }

  async #record(record: BookRecord): Promise<void> {
    await this.#chain.append(record)
    apply(this.#states, record)
  }
}

function apply(states: Map<string, SealedState>, record: BookRecord): void {
  if (record.kind === 'sealed') return
  if (record.kind === 'granted') {
    states.set(record.grant.key, record.grant)
    return
  }
  const state = states.get(record.key)
  if (state === undefined) return
  if (record.kind === 'made') states.set(record.key, { ...state, serial: record.serial })
  else if (record.kind === 'accounted') states.set(record.key, { ...state, account: record.account })
  else states.set(record.key, { ...state, broken: record.why })
}

function writeRecord(record: BookRecord): object {
  if (record.kind !== 'granted') return record
  const { until, ...grant } = record.grant
  return { kind: 'granted', grant: { ...grant, until: new Date(until).toISOString() } }
}

function readRecord(members: Members): BookRecord | undefined {
  const kind = members.word('kind', ['sealed', 'granted', 'made', 'accounted', 'broken'])
  if (kind === 'sealed') return { kind, format: members.word('format', [FORMAT]) }
  if (kind === 'granted') {
    const grant = members.object('grant', readGrant)
    return grant && { kind, grant }
  }
  const key = sha256(members, 'key')
  if (kind === 'made') return { kind, key, serial: members.text('serial', /^[0-9a-f]{2,40}$/, 'a serial number') }
  if (kind === 'broken') return { kind, key, why: members.text('why', /^.{1,1000}$/, 'a reason') }
  const account = members.object('account', readAccount)
  return account && { kind, key, account }
}

function readGrant(members: Members): SealedGrant {
  const organization = members.has('organization') && {
    organization: members.text('organization', ORGANIZATION, 'the name of an organisation'),
  }
  return {
    key: sha256(members, 'key'),
    count: members.integer('count', 1, Number.MAX_SAFE_INTEGER),
    until: instant(members.moment('until')),
    ...organization,
  }
}

function readAccount(members: Members): SealedAccount {
  const count = (name: string): number => members.integer(name, 0, Number.MAX_SAFE_INTEGER)
  return {
    entries: count('entries'),
    hash: sha256(members, 'hash'),
    issued: count('issued'),
    unresolved: count('unresolved'),
    voided: count('voided'),
    last: members.flag('last'),
  }
}

function sha256(members: Members, name: string): string {
  return members.text(name, /^[0-9a-f]{64}$/, 'a SHA-256 in hex')
}

/** Letters, digits and a few signs: with them a name has one encoding that every program compares alike. */
export const ORGANIZATION: RegExp = /^[A-Za-z0-9](?:[A-Za-z0-9 .&-]{0,62}[A-Za-z0-9.])?$/

/** The form of the file; another one is refused. */
const FORMAT = 'birthmark-sealed/1'
