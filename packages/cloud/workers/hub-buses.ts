import { HubBus } from '@birthmark/cloud/bus'
import type { Scope } from '@birthmark/cloud/registry'
import type { Entropy } from '@birthmark/foundation/kernel'

/** The buses of a main process, one for each account and region, as workers have their places at them. */
export class HubBuses {
  readonly #profile: { readonly hashMatchesParent: boolean }
  readonly #entropy: Entropy
  readonly #byScope = new Map<string, { readonly bus: HubBus; readonly scope: Scope }>()
  #whenMade: (bus: HubBus, scope: Scope) => void = () => undefined

  constructor(profile: { readonly hashMatchesParent: boolean }, entropy: Entropy) {
    this.#profile = profile
    this.#entropy = entropy
  }

  /** Gives the bus of an account and region, the same one each time. */
  of(scope: Scope): HubBus {
    const key = `${scope.account}/${scope.region}`
    const known = this.#byScope.get(key)
    if (known !== undefined) return known.bus
    const bus = new HubBus(this.#profile, this.#entropy)
    this.#byScope.set(key, { bus, scope })
    this.#whenMade(bus, scope)
    return bus
  }

  all(): readonly { readonly bus: HubBus; readonly scope: Scope }[] {
    return [...this.#byScope.values()]
  }

  whenMade(listener: (bus: HubBus, scope: Scope) => void): void {
    this.#whenMade = listener
  }
}
