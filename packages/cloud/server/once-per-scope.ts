import type { Bus } from '@birthmark/cloud/bus'
import type { Scope } from '@birthmark/cloud/registry'

/** Messages of one account and region never reach another: each has a bus, made when it is first asked for. */
export function oncePerScope(make: (scope: Scope) => Bus): (scope: Scope) => Bus {
  const buses = new Map<string, Bus>()
  return (scope) => {
    const key = `${scope.account}/${scope.region}`
    const bus = buses.get(key) ?? make(scope)
    buses.set(key, bus)
    return bus
  }
}
