import { Delivery, type Grant } from '@birthmark/cloud/mqtt'

/** What several subscriptions of one receiver to one message come to. */
export interface MergedGrant extends Grant {
  readonly identifiers?: readonly number[]
}

/** Adds another subscription of the same receiver: the best QoS counts, and each says what it wants. */
export function mergeGrants(known: MergedGrant, other: Grant): MergedGrant {
  const best = known.qos < other.qos ? other : known
  const retainAsPublished = known.retainAsPublished === true || other.retainAsPublished === true
  return { qos: best.qos, noLocal: best.noLocal, retainAsPublished, identifiers: [...idsOf(known), ...idsOf(other)] }
}

/** Gives a message the marks that the subscription wants by which it comes to one receiver. */
export function marked(delivery: Delivery, grant: MergedGrant): Delivery {
  const retain = grant.retainAsPublished === true && delivery.message.retain === true
  if (!retain && grant.identifier === undefined && grant.identifiers === undefined) return delivery
  const identifiers = idsOf(grant)
  return retain || identifiers.length > 0 ? new Delivery(delivery.message, { retain, identifiers }) : delivery
}

function idsOf({ identifier, identifiers }: MergedGrant): readonly number[] {
  return identifiers ?? (identifier === undefined ? [] : [identifier])
}
