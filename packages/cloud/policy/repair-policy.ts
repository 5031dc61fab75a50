/**
 * Takes what is at fault out of a policy's value, in place, so that the rest can be read: puts something harmless where
 * a value is needed, and removes what is not known.
 *
 * @returns whether anything was changed
 */
export function repairPolicy(document: unknown, path: string, why: string): boolean {
  const spot = spotsOf(document).get(path)
  const value = spot === undefined ? document : spot.get()
  const named = /"((?:[^"\\]|\\.)*)"/.exec(why)?.[1]
  if (isObject(value)) {
    if (named !== undefined && Object.hasOwn(value, named)) return Reflect.deleteProperty(value, named)
    const member = ['Principal', 'NotPrincipal'].find((name) => Object.hasOwn(value, name))
    if (member !== undefined && why.includes('principal')) return Reflect.deleteProperty(value, member)
    const choice = /^exactly one of (\w+) and (\w+)/.exec(why)
    if (choice !== null) return chooseOne(value, choice[1] ?? '', choice[2] ?? '')
  }
  if (spot === undefined) return false
  const filler = FILLERS.find(([pattern]) => pattern.test(path))?.[1]
  if (filler === undefined || spot.get() === filler) return spot.remove()
  spot.set(filler)
  return true
}

/** A value in a document, and how to change it. */
interface Spot {
  get(): unknown
  set(value: unknown): void
  remove(): boolean
}

function chooseOne(statement: object, name: string, other: string): boolean {
  if (Object.hasOwn(statement, name)) return Reflect.deleteProperty(statement, other)
  return Reflect.set(statement, name, name === 'Action' ? 'iot:Connect' : '*')
}

function spotsOf(document: unknown): ReadonlyMap<string, Spot> {
  const spots = new Map<string, Spot>()
  const visit = (value: unknown, path: string): void => {
    if (!isObject(value)) return
    for (const key of Object.keys(value)) {
      const inside = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`
      spots.set(inside, {
        get: () => Reflect.get(value, key),
        set: (next) => void Reflect.set(value, key, next),
        remove: () => !Array.isArray(value) && Reflect.deleteProperty(value, key),
      })
      visit(Reflect.get(value, key), inside)
    }
  }
  visit(document, '$')
  return spots
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** What stands for a value that is at fault, by the end of its path; what is nowhere here is removed. */
const FILLERS: readonly (readonly [RegExp, string])[] = [
  [/^\$\.Version$/, '2012-10-17'],
  [/\.Effect$/, 'Allow'],
  [/\.(?:Not)?Action(?:\[\d+\])?$/, 'iot:Connect'],
  [/\.(?:Not)?Resource(?:\[\d+\])?$/, '*'],
]
