import { agentFault } from './faults.ts'

/** One of the two places for an identity in an element: while one is in use, the other takes its successor. */
export type Place = 'first' | 'second'

/** The identity that a device uses. */
export interface CurrentIdentity {
  readonly place: Place
  readonly certificateId: string
  /** What the cloud calls the device, when it said so. */
  readonly thingName?: string
}

/** A certificate on its way. */
export type Pending =
  /** A key is being made in `place`, and a certificate asked for. */
  | { readonly step: 'making'; readonly place: Place }
  /** The cloud gave a certificate that is not active yet; it is written beside the one in use. */
  | ({ readonly step: 'offered'; readonly token: string } & Offered)
  /** The cloud has bound and activated it; it has not been used yet. */
  | ({ readonly step: 'provisioned'; readonly thingName?: string } & Offered)

/** A certificate that was given. */
export interface Offered {
  readonly place: Place
  readonly certificateId: string
  readonly certificatePem: string
}

/** What an agent must remember through a loss of power; everything else it finds in the element. */
export interface Journal {
  readonly current: CurrentIdentity | undefined
  readonly pending: Pending | undefined
  /** Certificates that must not stay active: replaced ones, and offers that came to nothing. */
  readonly closing: readonly string[]
  /** Certificates that are closed, or were put out of use by a reset, though the element may still hold them. */
  readonly ignored: readonly string[]
}

/** A new agent's. */
export const EMPTY_JOURNAL: Journal = { current: undefined, pending: undefined, closing: [], ignored: [] }

/** Gives the journal of a device that shall begin anew: what the cloud gave it so far is not used again. */
export function resetJournal({ current, pending, closing, ignored }: Journal): Journal {
  const offered = pending === undefined || pending.step === 'making' ? [] : [pending.certificateId]
  const used = current === undefined ? [] : [current.certificateId]
  return {
    ...EMPTY_JOURNAL,
    ignored: [...new Set([...ignored, ...closing, ...offered, ...used])].slice(-IGNORED_COUNT_MAX),
  }
}

/** What happens to a journal. */
export type JournalEvent =
  /** @param replaced What is in use and not in the journal: the certificate of the device's maker. */
  | { readonly do: 'begin'; readonly replaced?: CurrentIdentity }
  | { readonly do: 'offer'; readonly certificateId: string; readonly certificatePem: string; readonly token: string }
  | { readonly do: 'provision'; readonly thingName?: string }
  | { readonly do: 'abandon' }
  | { readonly do: 'prove' }
  | { readonly do: 'closed'; readonly certificateId: string }

/** Where a journal stands. */
export type JournalStep = 'settled' | Pending['step'] | 'closing'

/** The steps of getting a certificate, the first one or the next. A pair that is absent is refused. */
export const JOURNAL_TRANSITIONS: Readonly<
  Record<JournalStep, Readonly<Partial<Record<JournalEvent['do'], JournalStep>>>>
> = {
  settled: { begin: 'making' },
  making: { offer: 'offered' },
  offered: { provision: 'provisioned', abandon: 'closing' },
  provisioned: { prove: 'closing', abandon: 'closing' },
  closing: { closed: 'settled', begin: 'making' },
}

/** Tells where a journal stands. */
export function stepOf({ pending, closing }: Journal): JournalStep {
  return pending?.step ?? (closing.length > 0 ? 'closing' : 'settled')
}

/**
 * Gives the journal after an event. What it says is always true of the element and the cloud: the certificate that a
 * device may use is never on the list of those to close, and one that may be active is never forgotten.
 *
 * @throws `AGENT_EVENT_UNEXPECTED`
 */
export function advance(journal: Journal, event: JournalEvent): Journal {
  const { current, pending, closing, ignored } = journal
  const state = stepOf(journal)
  if (JOURNAL_TRANSITIONS[state][event.do] === undefined) {
    throw agentFault('AGENT_EVENT_UNEXPECTED', { state, event: event.do })
  }
  switch (event.do) {
    case 'begin': {
      const used = current ?? event.replaced
      return { current: used, pending: { step: 'making', place: otherPlace(used?.place) }, closing, ignored }
    }
    case 'offer': {
      const { certificateId, certificatePem, token } = event
      const { place } = pending ?? { place: 'first' as const }
      return { current, pending: { step: 'offered', place, certificateId, certificatePem, token }, closing, ignored }
    }
    case 'provision': {
      const { place, certificateId, certificatePem } = offeredOf(pending)
      const named = event.thingName === undefined ? {} : { thingName: event.thingName }
      return {
        current,
        pending: { step: 'provisioned', place, certificateId, certificatePem, ...named },
        closing,
        ignored,
      }
    }
    case 'abandon': {
      const { certificateId } = offeredOf(pending)
      return { current, pending: undefined, closing: [...closing, certificateId], ignored }
    }
    case 'prove': {
      const offered = offeredOf(pending)
      const thingName = ('thingName' in offered ? offered.thingName : undefined) ?? current?.thingName
      const { place, certificateId } = offered
      const named = thingName === undefined ? {} : { thingName }
      const old = current === undefined ? [] : [current.certificateId]
      return { current: { place, certificateId, ...named }, pending: undefined, closing: [...closing, ...old], ignored }
    }
    case 'closed': {
      const { certificateId } = event
      const left = closing.filter((id) => id !== certificateId)
      return { current, pending, closing: left, ignored: [...ignored, certificateId].slice(-IGNORED_COUNT_MAX) }
    }
  }
}

/** Certificates that are remembered as out of use: an element holds two at a time. */
const IGNORED_COUNT_MAX = 16

function offeredOf(pending: Pending | undefined): Exclude<Pending, { step: 'making' }> {
  if (pending === undefined || pending.step === 'making') {
    throw agentFault('AGENT_EVENT_UNEXPECTED', { state: pending?.step ?? 'settled', event: 'offer' })
  }
  return pending
}

function otherPlace(place: Place | undefined): Place {
  return place === 'first' ? 'second' : 'first'
}
