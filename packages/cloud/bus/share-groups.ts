import { type Delivery, type Grant, lowerQos, type QoS, type TopicFilter } from '@birthmark/cloud/mqtt'
import type { Entropy } from '@birthmark/foundation/kernel'
import { type Receiver, SHARE_GROUPS_MAX, SHARE_MEMBERS_MAX } from './bus.ts'
import { marked } from './marked.ts'

/** The members of one shared subscription. To the topic tree it is one receiver, which hands each message on. */
class ShareGroup implements Receiver {
  readonly connectionId = undefined
  readonly #members = new Map<Receiver, Grant>()
  readonly #entropy: Entropy

  constructor(entropy: Entropy) {
    this.#entropy = entropy
  }

  get size(): number {
    return this.#members.size
  }

  join(receiver: Receiver, grant: Grant): void {
    this.#members.set(receiver, grant)
  }

  leave(receiver: Receiver): boolean {
    return this.#members.delete(receiver)
  }

  /** Gives the message to one member (MQTT 5.0 §4.8.2), to one whose client is there if there is any. */
  deliver(delivery: Delivery, qos: QoS): void | Promise<void> {
    const present = [...this.#members].filter(([receiver]) => receiver.isAway !== true)
    const chosen = this.#oneOf(present) ?? this.#oneOf([...this.#members])
    if (chosen === undefined) return undefined
    const [receiver, grant] = chosen
    return receiver.deliver(marked(delivery, grant), lowerQos(qos, grant.qos))
  }

  /** The bias of the remainder is far below what anybody could see with a hundred members. */
  #oneOf<Item>(items: readonly Item[]): Item | undefined {
    if (items.length < 2) return items[0]
    const [a = 0, b = 0, c = 0] = this.#entropy.bytes(3)
    return items[((a << 16) | (b << 8) | c) % items.length]
  }
}

/** Every group of one bus, by its whole filter. */
export class ShareGroups {
  readonly #groups = new Map<TopicFilter, ShareGroup>()
  readonly #entropy: Entropy

  constructor(entropy: Entropy) {
    this.#entropy = entropy
  }

  mayJoin(filter: TopicFilter): boolean {
    return hasRoom(this.sizes(), filter)
  }

  /** Gives how many members each group has. */
  sizes(): ReadonlyMap<TopicFilter, number> {
    return new Map(Array.from(this.#groups, ([filter, { size }]) => [filter, size]))
  }

  /** Adds a member, and gives the group if it is new. */
  join(filter: TopicFilter, receiver: Receiver, grant: Grant): ShareGroup | undefined {
    const known = this.#groups.get(filter)
    const group = known ?? new ShareGroup(this.#entropy)
    group.join(receiver, grant)
    if (known !== undefined) return undefined
    this.#groups.set(filter, group)
    return group
  }

  /** Takes a member out; tells whether it was one, and gives the group if nobody is left in it. */
  leave(filter: TopicFilter, receiver: Receiver): { readonly left: boolean; readonly emptied: ShareGroup | undefined } {
    const group = this.#groups.get(filter)
    if (group?.leave(receiver) !== true) return { left: false, emptied: undefined }
    if (group.size > 0) return { left: true, emptied: undefined }
    this.#groups.delete(filter)
    return { left: true, emptied: group }
  }
}

/** Tells whether another member may join a group, by how many members each group has. */
export function hasRoom(sizes: ReadonlyMap<TopicFilter, number>, filter: TopicFilter): boolean {
  const size = sizes.get(filter)
  return size === undefined ? sizes.size < SHARE_GROUPS_MAX : size < SHARE_MEMBERS_MAX
}
