import type { Instant } from '@birthmark/foundation/kernel'
import type { Alarm } from './alarm.ts'
import { LatestMap } from './latest-map.ts'
import { networkOf } from './network.ts'
import type { AbuseRules } from './rules.ts'
import { SlidingCount } from './sliding-count.ts'
import { Told } from './told.ts'

/** A connection that was let in, and the others of its certificate at that moment. */
export interface KeyUse {
  readonly certificateId: string
  readonly clientId: string
  readonly remoteAddress: string
  /** Things that the certificate is attached to; without one it is nobody's own, and may be many clients'. */
  readonly things: number
  /** Connections with the same certificate; one with the same client id ends now. */
  readonly others: readonly { readonly clientId: string; readonly remoteAddress: string }[]
}

/**
 * Notices that two devices have one key: a certificate with more clients at once than things, or one whose connections
 * keep taking each other over. A device that moves to another network, or comes back after its connection broke, does
 * neither.
 */
export class KeyWatch {
  readonly #rules: AbuseRules
  readonly #rivals = new LatestMap<Rivalry>(RIVALRIES_COUNT_MAX)
  readonly #told: Told

  constructor(rules: AbuseRules) {
    this.#rules = rules
    this.#told = new Told(rules.lasts)
  }

  /** A connection was let in. */
  opened(use: KeyUse, now: Instant): readonly Alarm[] {
    const { certificateId, clientId, others, things } = use
    const replaced = others.find((other) => other.clientId === clientId)
    const why = this.#manyClients(use) ?? (replaced && this.#takesOver(use, replaced.remoteAddress, now))
    if (why === undefined) return []
    const addresses = [...new Set([use.remoteAddress, ...others.map(({ remoteAddress }) => remoteAddress)])]
    const clientIds = [...new Set([clientId, ...others.map((other) => other.clientId)])]
    const alarm: Alarm = {
      rule: 'KEY_SHARED',
      at: now,
      certificateId,
      reason: `Certificate ${certificateId} is used by two devices, as it seems: ${why}.`,
      remedy: 'Deactivate it and give each device a key of its own; a key in a secure element cannot be copied.',
      facts: { addresses: addresses.slice(0, NAMED_MAX), clientIds: clientIds.slice(0, NAMED_MAX), things },
    }
    return this.#told.once(certificateId, alarm)
  }

  #manyClients({ clientId, others, things }: KeyUse): string | undefined {
    if (things === 0) return undefined
    const clientIds = new Set([clientId, ...others.map((other) => other.clientId)])
    const most = things * this.#rules.clientsPerThing
    return clientIds.size > most ? `${clientIds.size} client ids are connected at once, and ${most} may be` : undefined
  }

  #takesOver({ certificateId, clientId, remoteAddress }: KeyUse, from: string, now: Instant): string | undefined {
    const { keyReturns, keyTakeOvers } = this.#rules
    const rivalry = this.#rivals.touch(`${certificateId} ${clientId}`, newRivalry)
    const [here, there] = [networkOf(remoteAddress), networkOf(from)]
    const returns = here !== there && rivalry.left.includes(here) && rivalry.returns.add(keyReturns, now)
    if (here !== there) rivalry.left = [there, ...rivalry.left.filter((known) => known !== there)].slice(0, LEFT_MAX)
    if (rivalry.takeOvers.add(keyTakeOvers, now)) {
      return `client id ${clientId} was taken over ${keyTakeOvers.count + 1} times while it was connected`
    }
    return returns ? `client id ${clientId} goes back and forth between ${there} and ${here}` : undefined
  }
}

/** How one client id of a certificate was fought over. */
interface Rivalry {
  readonly takeOvers: SlidingCount
  readonly returns: SlidingCount
  /** Networks in which it was taken over, the latest first. */
  left: readonly string[]
}

function newRivalry(): Rivalry {
  return { takeOvers: new SlidingCount(), returns: new SlidingCount(), left: [] }
}

/** Client ids whose take-overs are counted, about 500 bytes each; then the longest quiet is forgotten. */
const RIVALRIES_COUNT_MAX = 10_000
/** Networks that are remembered of one rivalry. */
const LEFT_MAX = 4
/** Addresses and client ids that an alarm names. */
const NAMED_MAX = 8
