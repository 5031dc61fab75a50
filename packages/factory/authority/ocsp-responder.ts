import { createHash } from 'node:crypto'
import {
  type Clock,
  type Instant,
  instant,
  isFault,
  type Log,
  later,
  type Millis,
  messageOf,
} from '@birthmark/foundation/kernel'
import {
  type Certificate,
  type CertificateStatus,
  isAboutIssuer,
  type OcspAnswer,
  type OcspErrorName,
  type OcspRequest,
  type OcspResponder as OcspSigner,
  ocspError,
  readOcspRequest,
  signOcspResponse,
} from '@birthmark/foundation/x509'

/** What a {@link StatusResponder} works with. */
export interface StatusPorts {
  /** Whose certificates are asked about. */
  readonly issuing: Certificate
  /** Who signs: a key with a certificate for this, or the CA's own key. */
  readonly signer: OcspSigner
  /** Tells the state of a certificate by its serial number, hex. */
  readonly status: (serial: string) => CertificateStatus
  /** How long an answer counts. */
  readonly lasts: Millis
  readonly clock: Clock
  readonly log: Log
}

/** An answer, and what lets others keep it (RFC 5019 §6.2); without that it must not be kept. */
export interface StatusAnswer {
  readonly der: Uint8Array
  readonly kept?: {
    readonly from: Instant
    readonly until: Instant
    /** SHA-256 of the answer, hex. */
    readonly digest: string
  }
}

/** Answers OCSP requests about the certificates of one CA (RFC 6960, RFC 5019, RFC 9654). */
export class StatusResponder {
  readonly #ports: StatusPorts
  /** Answers without a nonce, oldest first: the next one who asks the same gets the same for a while. */
  readonly #made = new Map<string, StatusAnswer>()

  constructor(ports: StatusPorts) {
    this.#ports = ports
  }

  /** Answers any bytes; nothing is thrown. */
  async answer(request: Uint8Array): Promise<StatusAnswer> {
    try {
      return await this.#answer(readOcspRequest(request))
    } catch (error) {
      if (isFault(error, 'OCSP_REQUEST_UNREADABLE')) return refusal('malformedRequest')
      this.#ports.log.write('error', 'status.failed', { why: messageOf(error) })
      return refusal('tryLater')
    }
  }

  async #answer({ certificates, nonce }: OcspRequest): Promise<StatusAnswer> {
    const { issuing, signer, status, lasts, clock, log } = this.#ports
    const isOurs = certificates.map((certificate) => isAboutIssuer(certificate, issuing))
    // RFC 5019 §2.2.3: whoever cannot answer with authority says so.
    if (!isOurs.includes(true)) return refusal('unauthorized')
    const now = clock.now()
    const ends = Math.min(later(now, lasts), signer.certificate?.notAfter ?? Number.POSITIVE_INFINITY)
    if (ends <= now) {
      log.write('error', 'status.responder-expired', {})
      return refusal('tryLater')
    }
    const answers = certificates.map((certificate, at): OcspAnswer => {
      return { certificate, status: isOurs[at] === true ? status(certificate.serial) : { kind: 'unknown' } }
    })
    const key = nonce === undefined && answers.length === 1 ? keyOf(answers) : undefined
    const made = key === undefined ? undefined : this.#made.get(key)
    if (made?.kept !== undefined && now >= made.kept.from && now < halfway(made.kept)) return made
    const times = { thisUpdate: now, nextUpdate: instant(ends) }
    const der = await signOcspResponse({ answers, ...times, ...(nonce !== undefined && { nonce }) }, signer)
    if (key === undefined) return { der }
    const digest = createHash('sha256').update(der).digest('hex')
    return this.#keep(key, { der, kept: { from: now, until: instant(ends), digest } })
  }

  #keep(key: string, answer: StatusAnswer): StatusAnswer {
    const [oldest] = this.#made.keys()
    if (this.#made.size >= KEPT_COUNT_MAX && oldest !== undefined) this.#made.delete(oldest)
    this.#made.delete(key)
    this.#made.set(key, answer)
    return answer
  }
}

/** An answer is kept for one state of one certificate: the moment it is revoked, another one is made. */
function keyOf(answers: readonly OcspAnswer[]): string {
  return answers
    .map(({ certificate, status }) => {
      const since = status.kind === 'revoked' ? `${status.at}/${status.reason}` : ''
      return `${Buffer.from(certificate.der).toString('latin1')}/${status.kind}/${since}`
    })
    .join()
}

/** Whoever gets an answer can still use it for half of its time. */
function halfway({ from, until }: { readonly from: Instant; readonly until: Instant }): Instant {
  return instant((from + until) / 2)
}

function refusal(why: OcspErrorName): StatusAnswer {
  return { der: ocspError(why) }
}

/** Answers that are kept, at about a kilobyte and a half each. */
const KEPT_COUNT_MAX = 16_384
