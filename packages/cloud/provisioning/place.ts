import type { Fault } from '@birthmark/foundation/kernel'
import { type PROVISIONING_FAULTS, provisioningFault } from './faults.ts'
import { type JsonNode, memberPath } from './json-text.ts'

/** A value of a template and where it stands: what every message names. */
export class Place {
  readonly node: JsonNode
  /** JSON path, for example `$.Resources.thing.Properties`. */
  readonly path: string

  constructor(node: JsonNode, path: string) {
    this.node = node
    this.path = path
  }

  /** Says where this is, for messages of a time when the template is run: path, line and column. */
  get where(): string {
    return `${this.path} (line ${this.node.line}, column ${this.node.column})`
  }

  /** Gives the member with this name. @throws `TEMPLATE_VALUE_INVALID` when this is no object */
  member(name: string): Place | undefined {
    const node = this.#members().get(name)
    return node === undefined ? undefined : new Place(node, memberPath(this.path, name))
  }

  /** Gives the member with this name. @throws `TEMPLATE_MEMBER_MISSING`, `TEMPLATE_VALUE_INVALID` */
  required(name: string): Place {
    const member = this.member(name)
    if (member === undefined) throw this.fault('TEMPLATE_MEMBER_MISSING', { what: name })
    return member
  }

  /** Gives every member, by name. @throws `TEMPLATE_VALUE_INVALID` when this is no object */
  members(): readonly (readonly [string, Place])[] {
    return [...this.#members()].map(([name, node]) => [name, new Place(node, memberPath(this.path, name))])
  }

  /** Gives every item. @throws `TEMPLATE_VALUE_INVALID` when this is no list */
  items(expected = 'a list'): readonly Place[] {
    if (this.node.kind !== 'array') throw this.invalid(expected)
    return this.node.items.map((node, index) => new Place(node, `${this.path}[${index}]`))
  }

  /** Gives the text of a string. @throws `TEMPLATE_VALUE_INVALID` */
  text(expected = 'a string'): string {
    if (this.node.kind !== 'string') throw this.invalid(expected)
    return this.node.value
  }

  /** Gives the string here when it is one of `words`. @throws `TEMPLATE_VALUE_INVALID` */
  oneOf<Word extends string>(words: readonly Word[]): Word {
    const expected = words.join(' or ')
    const text = this.text(expected)
    const found = words.find((word) => word === text)
    if (found === undefined) throw this.invalid(expected)
    return found
  }

  /** Refuses members that are not among `known`. @throws `TEMPLATE_KEY_UNKNOWN`, `TEMPLATE_VALUE_INVALID` */
  only(known: readonly string[]): this {
    for (const [name, place] of this.members()) {
      if (!known.includes(name)) throw place.fault('TEMPLATE_KEY_UNKNOWN', { known: known.join(', ') })
    }
    return this
  }

  /** Makes the fault of a value of the wrong kind. */
  invalid(expected: string): Fault {
    return this.fault('TEMPLATE_VALUE_INVALID', { expected })
  }

  /** Makes a fault that names this place. */
  fault(code: keyof typeof PROVISIONING_FAULTS, context: Readonly<Record<string, string | number>> = {}): Fault {
    const { line, column } = this.node
    return provisioningFault(code, { path: this.path, line, column, ...context })
  }

  #members(): ReadonlyMap<string, JsonNode> {
    if (this.node.kind !== 'object') throw this.invalid('an object')
    return this.node.members
  }
}
