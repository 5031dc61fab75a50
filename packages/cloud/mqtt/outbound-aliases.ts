/** The topic aliases that we have set on a connection (MQTT 5.0 §3.3.2.3.4): the first topics get them. */
export class OutboundAliases {
  readonly #max: number
  /** Made with the first alias: most clients allow none. */
  #aliases: Map<string, number> | undefined

  /** @param max 0 for none. */
  constructor(max: number) {
    this.#max = max
  }

  /** Whether packets to this client may differ from those to others because of aliases. */
  get areUsed(): boolean {
    return this.#max > 0
  }

  /** Gives the alias to send for a topic, if any, and whether the client knows it. */
  of(topic: string): OutboundAlias | undefined {
    if (this.#max === 0) return undefined
    const alias = this.#aliases?.get(topic)
    if (alias !== undefined) return { alias, isKnown: true }
    const next = (this.#aliases?.size ?? 0) + 1
    return next <= this.#max ? { alias: next, isKnown: false } : undefined
  }

  /** Notes that a packet with both is on its way. */
  set(topic: string, alias: number): void {
    this.#aliases ??= new Map()
    this.#aliases.set(topic, alias)
  }
}

/** An alias that a PUBLISH carries. */
export interface OutboundAlias {
  readonly alias: number
  /** Whether it stands for the topic, which is not sent then. */
  readonly isKnown: boolean
}
