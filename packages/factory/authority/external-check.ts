import { days, equalBytes, type Instant, seconds } from '@birthmark/foundation/kernel'
import { type Certificate, type DistinguishedName, formatName } from '@birthmark/foundation/x509'
import type { Draft } from './decide.ts'

/** What a certificate from elsewhere is held against. */
export interface ExternalRules {
  readonly draft: Draft
  readonly issuing: Certificate
  readonly now: Instant
  readonly validityDaysMin: number
}

/** Says in what a certificate differs from what was asked for; `undefined` when in nothing. */
export function mismatchOf(made: Certificate, rules: ExternalRules): string | undefined {
  return CHECKS.find(({ holds }) => !holds(made, rules))?.otherwise(made, rules)
}

interface Check {
  readonly holds: (made: Certificate, rules: ExternalRules) => boolean
  readonly otherwise: (made: Certificate, rules: ExternalRules) => string
}

const CHECKS: readonly Check[] = [
  {
    holds: (made, { draft }) => equalBytes(made.publicKey, draft.publicKey),
    otherwise: () => 'it is for another key than the request',
  },
  {
    holds: (made, { issuing }) => made.isSignedBy(issuing),
    otherwise: (_made, { issuing }) => `it is not signed by ${formatName(issuing.subject).slice(0, 128)}`,
  },
  {
    holds: (made, { draft }) => nameText(made.subject) === nameText(draft.subject),
    otherwise: (made) => `its subject is "${formatName(made.subject).slice(0, 128)}", which nobody asked for`,
  },
  {
    holds: (made, { draft }) =>
      sameSet(
        made.subjectAlternativeNames.map(({ type, value }) => `${type}:${value.toLowerCase()}`),
        draft.names.map(({ type, value }) => `${type}:${value.toLowerCase()}`),
      ),
    otherwise: () => 'its subject alternative names are not those that were asked for',
  },
  {
    holds: (made, { draft }) => made.isCa === draft.certificateProfile.isCa,
    otherwise: () => 'it is a CA where a device was asked for, or the other way round',
  },
  {
    holds: (made, { draft }) => sameSet(made.keyUsage ?? [], draft.certificateProfile.keyUsage),
    otherwise: (made) => `its key usage is ${(made.keyUsage ?? []).join(', ') || 'absent'}, not that of the profile`,
  },
  {
    holds: (made, { draft }) => sameSet(made.extendedKeyUsage ?? [], draft.certificateProfile.extendedKeyUsage),
    otherwise: (made) =>
      `its extended key usage is ${(made.extendedKeyUsage ?? []).join(', ') || 'absent'}, not that of the profile`,
  },
  {
    holds: (made, { draft }) => draft.certificateProfile.policies.every((policy) => made.policies.includes(policy)),
    otherwise: () => 'it lacks a policy of the profile',
  },
  {
    holds: (made) => made.extensionsNotUnderstood.length === 0,
    otherwise: (made) => `it has a critical extension that is not understood: ${made.extensionsNotUnderstood[0] ?? ''}`,
  },
  {
    holds: (made, { now }) => made.notBefore <= now + CLOCK_SKEW,
    otherwise: (made) => `it is valid only from ${new Date(made.notBefore).toISOString()}`,
  },
  {
    holds: (made, { draft, now }) => made.notAfter <= latestEnd(draft, now),
    otherwise: (made) => `it is valid until ${new Date(made.notAfter).toISOString()}, longer than the profile says`,
  },
  {
    holds: (made, { draft, now, validityDaysMin }) => made.notAfter >= soonestEnd(draft, now, validityDaysMin),
    otherwise: (made, { validityDaysMin }) =>
      `it ends at ${new Date(made.notAfter).toISOString()}, before ${validityDaysMin} days are over`,
  },
]

function latestEnd({ certificateProfile: { validity } }: Draft, now: Instant): number {
  return 'until' in validity ? validity.until : now + validity.lasts + CLOCK_SKEW
}

/** Of a kind of certificate that is short-lived by itself, half of its time is enough. */
function soonestEnd({ certificateProfile: { validity } }: Draft, now: Instant, daysMin: number): number {
  const half = 'until' in validity ? Number.POSITIVE_INFINITY : validity.lasts / 2
  return now + Math.min(days(daysMin), half) - CLOCK_SKEW
}

function nameText(name: DistinguishedName): string {
  return JSON.stringify(name.map(({ type, value }) => [type, value]))
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  const wanted = new Set(right)
  return new Set(left).size === wanted.size && left.every((item) => wanted.has(item))
}

/** How far the clock of a CA elsewhere may be from ours. */
const CLOCK_SKEW = seconds(300)
