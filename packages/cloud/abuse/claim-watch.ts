import { type Instant, later } from '@birthmark/foundation/kernel'
import type { Alarm, AlarmFacts, AlarmRule } from './alarm.ts'
import { LatestMap } from './latest-map.ts'
import { networkOf } from './network.ts'
import type { AbuseRules, Threshold } from './rules.ts'
import { SlidingCount } from './sliding-count.ts'
import { Told } from './told.ts'

/** A request of fleet provisioning, as far as abuse is concerned. */
export interface ClaimRequest {
  /** The certificate that the client has connected with. */
  readonly certificateId: string
  readonly connectionId: string
  readonly remoteAddress: string
}

/** A request that was refused for what it asked. */
export type ClaimRefusal = ClaimRequest & {
  /** One sentence without a full stop. */
  readonly why: string
}

/** A request for a thing that has the certificate of somebody else. */
export type TakenByClaim = ClaimRequest & {
  readonly thingName: string
  /** Whether it was refused, bound beside the others, or in their place. */
  readonly outcome: 'refuse' | 'bind' | 'replace'
  readonly others: readonly string[]
}

/** What becomes of a request, and what its coming has shown. */
export interface ClaimVerdict {
  /** Why it has to wait; absent when it may go on. */
  readonly brake: { readonly why: string; readonly seconds: number } | undefined
  readonly alarms: readonly Alarm[]
}

/**
 * Watches how the claims of one account and region are used, by {@link AbuseRules}. A connection that asks too often,
 * or for what it may not have, is braked; while there is an alarm about a claim, each of its connections gets as much
 * as one honest device needs. Everything is remembered in bounded memory.
 */
export class ClaimWatch {
  readonly #rules: AbuseRules
  readonly #claims = new LatestMap<Claim>(CLAIMS_COUNT_MAX)
  readonly #connections = new LatestMap<Connection>(CONNECTIONS_COUNT_MAX)
  readonly #told: Told

  constructor(rules: AbuseRules) {
    this.#rules = rules
    this.#told = new Told(rules.lasts)
  }

  /** A request has come and nothing was done for it yet. */
  asks(request: ClaimRequest, now: Instant): ClaimVerdict {
    const rules = this.#rules
    const { certificateId, connectionId } = request
    const claim = this.#claim(request)
    const connection = this.#connection(request)
    const alarms: Alarm[] = []
    const places = claim.placesWith(networkOf(request.remoteAddress), rules, now)
    if (places > rules.claimPlaces.count) {
      const reason = `Claim ${certificateId} is used from more networks than is usual, ${places} of late.`
      alarms.push(...this.#alarm('CLAIM_PLACES', request, now, { reason, facts: {} }))
    }
    if (claim.requests.add(rules.claimRequests, now)) {
      const requests = rules.claimRequests.count + 1
      const reason = `Claim ${certificateId} asks too fast: ${requests} requests ${within(rules.claimRequests)}.`
      alarms.push(...this.#alarm('CLAIM_FAST', request, now, { reason, facts: { requests } }))
    }
    const isFast = connection.requests.add(rules.connectionRequests, now)
    if (isFast) {
      const requests = rules.connectionRequests.count + 1
      const span = within(rules.connectionRequests)
      const reason = `Claim ${certificateId} asks too fast: ${requests} requests of one connection ${span}.`
      alarms.push(...this.#alarm('CLAIM_FAST', request, now, { reason, facts: { requests, connectionId } }))
    }
    return { brake: isFast ? TOO_FAST : this.#brakeOf(claim, connection, now), alarms }
  }

  /** A request was refused for what it asked. */
  refused(refusal: ClaimRefusal, now: Instant): readonly Alarm[] {
    this.#connection(refusal).refusals.add(this.#rules.connectionRefusals, now)
    if (!this.#claim(refusal).refusals.add(this.#rules.claimRefusals, now)) return []
    const { certificateId, why } = refusal
    const refusals = this.#rules.claimRefusals.count + 1
    const reason = `Claim ${certificateId} asked ${refusals} times for what it may not have; last: ${why}.`
    return this.#alarm('CLAIM_REFUSED', refusal, now, { reason, facts: { refusals, last: why } })
  }

  /** A request was for a thing of somebody else: every one is told of. */
  took(taken: TakenByClaim, now: Instant): readonly Alarm[] {
    const { certificateId, thingName, outcome } = taken
    const others = taken.others.slice(0, OTHERS_COUNT_MAX)
    const has = `has the certificate ${others.join(', ')}`
    const reason = `Claim ${certificateId} asked for thing ${thingName}, which ${has}; ${OUTCOMES[outcome]}.`
    const facts = { thingName, outcome, others }
    const alarms = this.#alarm('THING_TAKEN', taken, now, { reason, facts, about: thingName })
    // One that is refused comes to `refused` as well.
    if (outcome === 'refuse') return alarms
    return [...alarms, ...this.refused({ ...taken, why: `thing ${thingName} has another certificate` }, now)]
  }

  #brakeOf(claim: Claim, connection: Connection, now: Instant): ClaimVerdict['brake'] {
    const rules = this.#rules
    const isAlarmed = now < claim.alarmedUntil
    if (connection.refusals.exceeds(isAlarmed ? rules.alarmedRefusals : rules.connectionRefusals, now)) return REFUSED
    return isAlarmed && connection.requests.exceeds(rules.alarmedRequests, now) ? TOO_FAST : undefined
  }

  #alarm(rule: keyof typeof REMEDIES, request: ClaimRequest, at: Instant, seen: Seen): readonly Alarm[] {
    const { certificateId, remoteAddress } = request
    const claim = this.#claim(request)
    claim.alarmedUntil = later(at, this.#rules.lasts)
    const { reason, about = '' } = seen
    const facts = { ...seen.facts, remoteAddress, places: claim.places }
    const alarm = { rule, at, certificateId, reason, remedy: REMEDIES[rule], facts }
    return this.#told.once(`${certificateId} ${about}`, alarm)
  }

  #claim({ certificateId }: ClaimRequest): Claim {
    return this.#claims.touch(certificateId, newClaim)
  }

  #connection({ connectionId }: ClaimRequest): Connection {
    return this.#connections.touch(connectionId, newConnection)
  }
}

interface Connection {
  readonly requests: SlidingCount
  readonly refusals: SlidingCount
}

class Claim {
  readonly requests = new SlidingCount()
  readonly refusals = new SlidingCount()
  alarmedUntil = 0
  /** When each network was last seen, the longest ago first. */
  readonly #networks = new Map<string, Instant>()

  get places(): number {
    return this.#networks.size
  }

  /** Counts the networks of late, with this one; not further than one too many. */
  placesWith(network: string, { claimPlaces }: AbuseRules, now: Instant): number {
    this.#networks.delete(network)
    this.#networks.set(network, now)
    for (const [known, seen] of this.#networks) {
      if (now - seen <= claimPlaces.within && this.#networks.size <= claimPlaces.count + 1) break
      this.#networks.delete(known)
    }
    return this.#networks.size
  }
}

function within({ within: span }: Threshold): string {
  return `within ${span / 1000} s`
}

function newClaim(): Claim {
  return new Claim()
}

function newConnection(): Connection {
  return { requests: new SlidingCount(), refusals: new SlidingCount() }
}

const TOO_FAST = { why: 'this connection asks more often than a device needs to', seconds: 60 } as const
const REFUSED = { why: 'requests of this connection were refused for what they asked', seconds: 600 } as const

/** What was seen, in words and in numbers. */
interface Seen {
  readonly reason: string
  readonly facts: AlarmFacts
  /** What tells the alarm from others of its rule about the same claim. */
  readonly about?: string
}

const LEAKED = 'If nobody can explain it, the claim has leaked: deactivate it, and give the batch another one.'
const REMEDIES: Readonly<Record<Exclude<AlarmRule, 'KEY_SHARED'>, string>> = {
  CLAIM_PLACES: LEAKED,
  CLAIM_REFUSED: LEAKED,
  CLAIM_FAST: LEAKED,
  THING_TAKEN: 'If the device was reset, detach its old certificate; otherwise somebody uses its name.',
}

const OUTCOMES: Readonly<Record<TakenByClaim['outcome'], string>> = {
  refuse: 'it was refused',
  bind: 'it was bound beside it, as this server was told to do',
  replace: 'it was bound in its place, as this server was told to do',
}

/** Claims that are watched, at most 10 KB each; a batch has one. Then the one longest unused is forgotten. */
const CLAIMS_COUNT_MAX = 10_000
/** Connections whose requests are counted, about 300 bytes each: as many as are open at a time. */
const CONNECTIONS_COUNT_MAX = 50_000
/** Certificates of others that an alarm names. */
const OTHERS_COUNT_MAX = 5
