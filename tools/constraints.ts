/**
 * Writes `packages/cloud/api/constraints.json` from the facts of the public API models:
 *
 *     node tools/constraints.ts FACTS.json && npm run format
 *
 * FACTS.json holds for each service `operations` (name of the input structure), `structures` (shape of each member,
 * required members) and `shapes` (type, min, max, pattern, enum). Kept are the structures that an input can reach and
 * the members that have a bound.
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface Facts {
  readonly operations: Readonly<Record<string, { readonly input?: string }>>
  readonly structures: Readonly<Record<string, Structure>>
  readonly shapes: Readonly<Record<string, Shape>>
}

interface Structure {
  readonly required: readonly string[]
  readonly members: Readonly<Record<string, string>>
}

interface Shape {
  readonly type: string
  readonly min?: number
  readonly max?: number
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly member?: string
  readonly key?: string
  readonly value?: string
}

/** Collects what one service's inputs need, following lists, maps and structures. */
function distil({ operations, structures, shapes }: Facts): object {
  const kept = { structures: new Map<string, string>(), shapes: new Map<string, Shape>() }
  const seen = new Set<string>()

  /** Keeps a shape when it, or something inside it, has a bound; tells whether it was kept. */
  function keep(name: string | undefined): boolean {
    if (name === undefined) return false
    if (seen.has(name)) return kept.structures.has(name) || kept.shapes.has(name)
    seen.add(name)
    const structure = structures[name]
    return structure === undefined ? keepShape(name) : keepStructure(name, structure)
  }

  function keepShape(name: string): boolean {
    const shape = shapes[name]
    if (shape === undefined) return false
    const inside = [shape.member, shape.key, shape.value].map(keep).includes(true)
    const bounded = [shape.min, shape.max, shape.pattern, shape.enum].some((bound) => bound !== undefined)
    if (inside || bounded) kept.shapes.set(name, shape)
    return inside || bounded
  }

  /** A structure is one line, `name:Shape` for each member; `!` marks a required one, a bare name has no bound. */
  function keepStructure(name: string, structure: Structure): boolean {
    const members = Object.entries(structure.members).map(([member, shape]) => {
      const mark = structure.required.includes(member) ? '!' : ''
      return { text: `${member}${mark}${keep(shape) ? `:${shape}` : ''}`, needed: mark !== '' || keep(shape) }
    })
    const needed = members.filter((member) => member.needed).map((member) => member.text)
    if (needed.length > 0) kept.structures.set(name, needed.join(' '))
    return needed.length > 0
  }

  for (const { input } of Object.values(operations)) keep(input)
  return { structures: sorted(kept.structures), shapes: sorted(kept.shapes) }
}

function sorted<Value>(map: ReadonlyMap<string, Value>): Record<string, Value> {
  return Object.fromEntries([...map].toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

const [source] = process.argv.slice(2)
if (source === undefined) throw new Error('usage: node tools/constraints.ts FACTS.json')
const facts: Readonly<Record<string, Facts>> = JSON.parse(readFileSync(source, 'utf8'))
const services = { iot: 'iot', 'iot-data': 'iotdata', 'iot-jobs-data': 'iot-jobs-data' }
const table = Object.fromEntries(Object.entries(services).map(([from, to]) => [to, distil(facts[from]!)]))
const about =
  'Bounds of the inputs of the public AWS IoT API models (2026-08). Written by tools/constraints.ts; do not edit. ' +
  'A structure lists its members as name:Shape, with ! when required.'
writeFileSync(new URL('../packages/cloud/api/constraints.json', import.meta.url), JSON.stringify({ about, ...table }))
