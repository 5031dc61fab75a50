import type { Clock } from '@birthmark/foundation/kernel'
import { type Certificate, parseCertificates, type Signer, toPem } from '@birthmark/foundation/x509'
import type { Draft } from './decide.ts'
import { callCommand, callUrl } from './external-call.ts'
import { mismatchOf } from './external-check.ts'
import type { ExternalSettings } from './external-settings.ts'
import { setupFault } from './setup-faults.ts'

/** A CA elsewhere: what it signs is judged before it is taken. */
export interface ExternalCa {
  /** Takes a draft. @returns What asks for the certificate, gives its DER, and may be called once. */
  prepare(draft: Draft): () => Promise<Uint8Array>
}

/**
 * Asks that are under way at a time; further ones wait. A service behind it sees no more of a line than this, and a
 * command is that many processes at most.
 */
export const EXTERNAL_CALLS_COUNT_MAX = 8

/**
 * Makes the port to a CA elsewhere. What comes back is held against the request and the profile: issuer, key, subject,
 * names, usages, policies, validity. A refused certificate was signed all the same: its intent stays open in the
 * journal.
 *
 * Asking throws `EXTERNAL_CA_FAILED`, `EXTERNAL_CA_SILENT`, `EXTERNAL_CERTIFICATE_REFUSED` (operator).
 */
export function externalCa(settings: ExternalSettings, issuing: Certificate, clock: Clock): ExternalCa {
  const gate = new Gate(EXTERNAL_CALLS_COUNT_MAX)
  return {
    prepare(draft) {
      const { csr } = draft
      if (csr === undefined) throw setupFault('EXTERNAL_CA_ELSEWHERE', { what: 'a certificate without a request' })
      const request = toPem('CERTIFICATE REQUEST', csr)
      return () =>
        gate.run(async () => judge(await ask(request, draft.profile, settings), draft, issuing, settings, clock))
    },
  }
}

/** Stands for the key of a CA elsewhere, which signs no lists and no answers here. */
export function absentSigner({ publicKey }: Certificate): Signer {
  return {
    // Who asks for a signature is refused before the algorithm matters.
    algorithm: 'ecdsa-p256-sha256',
    publicKey,
    sign: () =>
      Promise.reject(setupFault('EXTERNAL_CA_ELSEWHERE', { what: 'revocation lists and answers about them' })),
  }
}

function ask(request: string, profile: string, settings: ExternalSettings): Promise<string> {
  const { command, url } = settings
  if (command !== undefined)
    return callCommand(
      command.map((word) => word.replaceAll('{profile}', profile)),
      request,
      settings,
    )
  return callUrl((url ?? '').replaceAll('{profile}', encodeURIComponent(profile)), request, settings)
}

function judge(
  answer: string,
  draft: Draft,
  issuing: Certificate,
  { validityDaysMin }: ExternalSettings,
  clock: Clock,
): Uint8Array {
  const certificates = readAnswer(answer)
  const [made] = certificates
  const rules = { draft, issuing, now: clock.now(), validityDaysMin }
  const why = made === undefined ? 'there is no certificate in the answer' : mismatchOf(made, rules)
  if (made !== undefined && why === undefined) return made.der
  throw setupFault('EXTERNAL_CERTIFICATE_REFUSED', { why })
}

/** The certificate comes first; what follows are its issuers, which are pinned here and not looked at. */
function readAnswer(answer: string): readonly Certificate[] {
  try {
    return parseCertificates(answer)
  } catch (error) {
    throw setupFault('EXTERNAL_CERTIFICATE_REFUSED', { why: 'the answer is no certificate in PEM' }, error)
  }
}

/** Lets so many through at a time, in the order in which they came. */
class Gate {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async run<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}
