import type { Place } from './place.ts'
import type { Override } from './template.ts'

/**
 * Gives the OverrideSettings of a resource by their names as properties; the guide's text spells them in capitals too.
 *
 * @throws `TEMPLATE_KEY_UNKNOWN`, `TEMPLATE_KEY_REPEATED`, `TEMPLATE_VALUE_INVALID`
 */
export function overrides(place: Place, names: readonly string[]): ReadonlyMap<string, Place> {
  const spellings = new Map<string, string>()
  for (const name of names) spellings.set(name, name).set(capitals(name), name)
  const found = new Map<string, Place>()
  const settings = place
    .member('OverrideSettings')
    ?.only([...spellings.keys()])
    .members()
  for (const [spelling, setting] of settings ?? []) {
    const name = spellings.get(spelling) ?? spelling
    if (found.has(name)) throw setting.fault('TEMPLATE_KEY_REPEATED')
    setting.oneOf([...OVERRIDES, 'MERGE'])
    found.set(name, setting)
  }
  return found
}

/** `ThingTypeName` becomes `THING_TYPE_NAME`. */
function capitals(name: string): string {
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
}

/** What every resource's settings may say; attributes and groups of a thing may also say `MERGE`. */
export const OVERRIDES: readonly Override[] = ['DO_NOTHING', 'REPLACE', 'FAIL']
