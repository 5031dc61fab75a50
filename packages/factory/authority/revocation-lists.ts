import { type Clock, later, type Millis } from '@birthmark/foundation/kernel'
import { type Certificate, type Signer, signCrl } from '@birthmark/foundation/x509'
import type { Journal } from './journal.ts'
import { DISTRIBUTION_URL, type Distribution, type ListScope, SHARD_SIZE_MAX } from './journal-records.ts'
import type { Shard } from './journal-tables.ts'
import { statusFault } from './status-faults.ts'

/** What making lists needs. */
export interface ListPorts {
  readonly issuing: Certificate
  readonly signer: Signer
  readonly journal: Journal
  readonly clock: Clock
  /** Does a piece of work after every other that looks first and writes then. */
  readonly inTurn: <Value>(work: () => Promise<Value>) => Promise<Value>
}

/**
 * The revocation lists of an authority. Certificates are divided into shards, each with a list of its own, so that none
 * grows beyond what a device can fetch; between two full lists of a shard, additions (delta lists) say what came since.
 *
 * Every method that makes one may fail with `CRL_REQUEST_REFUSED`, `AUTHORITY_CLOSED` (caller) and
 * `SIGNER_SIGNATURE_INVALID` (operator), or as the journal does.
 */
export class RevocationLists {
  readonly #ports: ListPorts

  constructor(ports: ListPorts) {
    this.#ports = ports
  }

  /** Where certificates say that their state is told; `undefined` when they do not. */
  get distribution(): Distribution | undefined {
    return this.#ports.journal.distribution
  }

  /** Every shard, the first first. */
  get shards(): readonly Shard[] {
    return this.#ports.journal.shards
  }

  /** The number of certificates that exist, or may, and are in no shard: only the list of all is about them. */
  get outsideShards(): number {
    const { journal } = this.#ports
    return journal.knownCount + journal.intentCount - journal.shards.reduce((sum, shard) => sum + shard.certificates, 0)
  }

  /**
   * Lets certificates name, from here on, where their state is told. Those that exist name what they name. A new shard
   * begins, unless nothing changes.
   *
   * @throws `DISTRIBUTION_INVALID`
   */
  async distribute(distribution: Distribution): Promise<void> {
    const { url, shardSize } = distribution
    if (!DISTRIBUTION_URL.test(url)) throw statusFault('DISTRIBUTION_INVALID', { what: 'the URL', why: 'its form' })
    if (!Number.isInteger(shardSize) || shardSize < 1 || shardSize > SHARD_SIZE_MAX) {
      const why = `it is not from 1 to ${SHARD_SIZE_MAX}`
      throw statusFault('DISTRIBUTION_INVALID', { what: `a shard size of ${shardSize}`, why })
    }
    await this.#ports.inTurn(async () => {
      const { journal } = this.#ports
      if (journal.distribution?.url === url && journal.distribution.shardSize === shardSize) return
      await journal.distribute({ url, shardSize })
    })
  }

  /** Makes the full list about every certificate. @param lasts Until the next one is there at the latest. */
  full(lasts: Millis): Promise<Uint8Array> {
    return this.#make(lasts, {}, () => ({}))
  }

  /** Makes the full list of one shard. @throws `SHARD_UNKNOWN` (caller) */
  shard(number: number, lasts: Millis): Promise<Uint8Array> {
    return this.#make(lasts, { shard: number }, () => {
      const { url } = this.#shardOf(number)
      return { distributionPoint: url, freshest: additionUrl(url) }
    })
  }

  /** Makes what is to be added to a shard's last full list. @throws `SHARD_UNKNOWN`, `LIST_BASE_MISSING` (caller) */
  addition(number: number, lasts: Millis): Promise<Uint8Array> {
    const { inTurn, journal } = this.#ports
    return inTurn(async () => {
      const { url, base } = this.#shardOf(number)
      if (base === undefined) throw statusFault('LIST_BASE_MISSING', { shard: number })
      const scope = { shard: number, base: base.number }
      const revoked = (): ReturnType<Journal['revoked']> => journal.revoked({ shard: number, after: base.seq })
      return this.#sign(lasts, scope, { distributionPoint: url, base: base.number }, revoked)
    })
  }

  #make(lasts: Millis, scope: ListScope, places: () => ListPlaces): Promise<Uint8Array> {
    const { inTurn, journal } = this.#ports
    return inTurn(() => this.#sign(lasts, scope, places(), () => journal.revoked(scope)))
  }

  async #sign(
    lasts: Millis,
    scope: ListScope,
    places: ListPlaces,
    revoked: () => ReturnType<Journal['revoked']>,
  ): Promise<Uint8Array> {
    const { journal, issuing, signer, clock } = this.#ports
    // What was revoked before the record of the list is in the list; what came after it is added the next time.
    const number = journal.crlNumber + 1
    await journal.numberCrl(number, scope)
    const thisUpdate = clock.now()
    const nextUpdate = later(thisUpdate, lasts)
    return signCrl({ issuer: issuing, number, thisUpdate, nextUpdate, revoked: revoked(), ...places }, signer)
  }

  #shardOf(number: number): Shard {
    const { shards } = this.#ports.journal
    const shard = shards.find((candidate) => candidate.number === number)
    if (shard === undefined) throw statusFault('SHARD_UNKNOWN', { shard: number, count: shards.length })
    return shard
  }
}

interface ListPlaces {
  readonly distributionPoint?: string
  readonly base?: number
  readonly freshest?: string
}

/** Where the additions to a full list are. */
function additionUrl(url: string): string {
  return url.replace(/\.crl$/, '-delta.crl')
}
