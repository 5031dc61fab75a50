import { equalBytes, type Instant, isFault, messageOf } from '@birthmark/foundation/kernel'
import {
  type Certificate,
  CHAIN_LENGTH_MAX,
  formatName,
  parseCertificate,
  verifyChain,
} from '@birthmark/foundation/x509'
import { FirstSeen } from './first-seen.ts'
import { MANIFEST_LIMITS } from './limits.ts'
import { type ListedDevice, type ManifestRow, Problems, type RawIdentity, type RawRow } from './row.ts'
import { unreadable } from './unreadable.ts'

/** What rows are checked against. */
export interface RowRules {
  /** The CAs that every certificate must lead to; without any, only the chain within the file is checked. */
  readonly anchors: readonly Certificate[]
  /** CAs that the file gives for all its rows. */
  readonly authorities: readonly Certificate[]
  /** Numbers of elements and fingerprints of certificates that must not be used any more, in lower case. */
  readonly scrapped: ReadonlySet<string>
  readonly now: Instant
  /** Most rows, when another number than the limit is wanted. */
  readonly rowsMax?: number
}

/**
 * Checks rows as their format's reader gives them: each certificate can be read, is a device's, is valid now, leads to
 * an anchor, and has the key that the row lists; no element, certificate or key comes in two rows; none is scrapped.
 *
 * @param format For the message when there are too many rows.
 * @throws `MANIFEST_UNREADABLE` at the row that is too many, and what `rows` throws
 */
export async function* checkRows(
  format: string,
  rows: AsyncIterable<RawRow>,
  rules: RowRules,
): AsyncGenerator<ManifestRow, void, undefined> {
  const checker = new RowChecker(rules)
  let count = 0
  for await (const raw of rows) {
    count += 1
    const max = rules.rowsMax ?? MANIFEST_LIMITS.rows.value
    if (count > max) throw unreadable(format, raw.row, `it holds more than ${max} rows`)
    yield checker.check(raw)
  }
}

class RowChecker {
  readonly #rules: RowRules
  readonly #uids = new FirstSeen()
  readonly #certificates = new FirstSeen()
  readonly #keys = new FirstSeen()

  constructor(rules: RowRules) {
    this.#rules = rules
  }

  check({ row, name, uid, identities, problems: found }: RawRow): ManifestRow {
    const problems = new Problems()
    for (const { check, why } of found) problems.add(check, why)
    const devices = identities.map((identity) => this.#device(row, uid, identity, problems))
    const known = devices.filter((device) => device !== undefined)
    if (uid !== undefined && this.#rules.scrapped.has(uid.toLowerCase()))
      problems.add('scrapped', `${uid} was scrapped`)
    for (const { fingerprint = '' } of known) {
      if (this.#rules.scrapped.has(fingerprint)) problems.add('scrapped', `the certificate ${fingerprint} was scrapped`)
    }
    this.#refuseDuplicates(row, uid, known, problems)
    const named = { row, ...(name !== undefined && { name }) }
    if (problems.list.length > 0) return { ok: false, ...named, problems: problems.list }
    this.#remember(row, uid, known)
    return { ok: true, ...named, devices: known }
  }

  #device(row: number, uid: string | undefined, identity: RawIdentity, problems: Problems): ListedDevice | undefined {
    const { slot, key, certificates } = identity
    const named = { row, ...(uid !== undefined && { uid }), ...(slot !== undefined && { slot }) }
    if (certificates.length > CHAIN_LENGTH_MAX) {
      problems.add('limit', `it lists more than ${CHAIN_LENGTH_MAX} certificates`)
      return undefined
    }
    const [leaf, ...chain] = parseAll(certificates, problems)
    if (certificates.length === 0) return { ...named, ...(key !== undefined && { key }), chain: [] }
    if (leaf === undefined) return undefined
    if (leaf.isCa) problems.add('certificate', 'it is the certificate of a CA, not of a device')
    if (key !== undefined && !equalBytes(key, leaf.publicKey)) {
      problems.add('key', 'the key that it lists is not the key in its certificate')
    }
    this.#checkChain(leaf, chain, problems)
    const issuers = chain.length > 0 ? chain : this.#issuersAmongAuthorities(leaf)
    return {
      ...named,
      certificate: leaf.der,
      fingerprint: leaf.fingerprint,
      subject: formatName(leaf.subject),
      key: leaf.publicKey,
      chain: issuers.map(({ der }) => der),
    }
  }

  #checkChain(leaf: Certificate, chain: readonly Certificate[], problems: Problems): void {
    const { anchors, authorities, now } = this.#rules
    const intermediates = [...chain, ...authorities]
    // Without a pinned CA the last certificate that the file gives is where the chain has to lead.
    const last = chain.at(-1) ?? this.#issuersAmongAuthorities(leaf).at(-1) ?? leaf
    try {
      verifyChain({ leaf, intermediates, anchors: anchors.length > 0 ? anchors : [last], now, purpose: 'clientAuth' })
    } catch (error) {
      if (!isFault(error)) throw error
      problems.add('chain', error.message)
    }
  }

  #issuersAmongAuthorities(leaf: Certificate): Certificate[] {
    const path: Certificate[] = []
    for (let below = leaf; path.length < CHAIN_LENGTH_MAX; ) {
      const issuer = this.#rules.authorities.find((one) => one.subjectHash === below.issuerHash && !path.includes(one))
      if (issuer === undefined) break
      path.push(issuer)
      below = issuer
    }
    return path
  }

  #refuseDuplicates(row: number, uid: string | undefined, devices: readonly ListedDevice[], problems: Problems): void {
    const before = (what: string, earlier: number | undefined): void => {
      if (earlier !== undefined) problems.add('duplicate', `its ${what} came before, in row ${earlier}`)
    }
    if (uid !== undefined) before('element', this.#uids.row(uid))
    const own = new Set<string>()
    for (const { fingerprint, key } of devices) {
      if (fingerprint !== undefined) {
        before('certificate', own.has(fingerprint) ? row : this.#certificates.row(fingerprint))
        own.add(fingerprint)
      }
      if (key !== undefined) before('key', this.#keys.row(key))
    }
  }

  /** Only rows without a fault count: a forged row must not make the true one a duplicate. */
  #remember(row: number, uid: string | undefined, devices: readonly ListedDevice[]): void {
    if (uid !== undefined) this.#uids.remember(uid, row)
    for (const { fingerprint, key } of devices) {
      if (fingerprint !== undefined) this.#certificates.remember(fingerprint, row)
      if (key !== undefined) this.#keys.remember(key, row)
    }
  }
}

function parseAll(ders: readonly Uint8Array[], problems: Problems): Certificate[] {
  try {
    return ders.map((der) => parseCertificate(der))
  } catch (error) {
    problems.add('certificate', messageOf(error))
    return []
  }
}
