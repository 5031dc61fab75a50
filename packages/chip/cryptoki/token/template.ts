import { decodeUtf8 } from '@birthmark/foundation/kernel'
import type { Attribute, AttributeValue } from '../attribute.ts'
import { CKA, CKR } from '../standard.ts'
import { Refusal } from './refusal.ts'

/** What a program wants a new object to be. */
export class Template {
  readonly #values: ReadonlyMap<number, AttributeValue | undefined>

  /** @throws `Refusal` TEMPLATE_INCONSISTENT when a type stands there twice */
  constructor(attributes: readonly Attribute[]) {
    this.#values = new Map(attributes.map(({ type, value }) => [type, value]))
    if (this.#values.size !== attributes.length) throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  }

  /** Refuses a template that wants an attribute otherwise; one that says nothing is fine. */
  demand(type: number, value: AttributeValue): void {
    if (this.#values.has(type) && this.#values.get(type) !== value) throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  }

  /** Refuses objects of a session: whatever is made here stays in the element. */
  demandToken(): void {
    if (this.#values.get(CKA.TOKEN) !== 1) throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  }

  bytes(type: number): Uint8Array | undefined {
    const value = this.#values.get(type)
    return value instanceof Uint8Array ? value : undefined
  }

  /** The label; an empty one is none. */
  get label(): string | undefined {
    const bytes = this.bytes(CKA.LABEL)
    return bytes === undefined || bytes.length === 0 ? undefined : (decodeUtf8(bytes) ?? '')
  }

  /** The CKA_ID; an empty one is none. */
  get id(): Uint8Array | undefined {
    const bytes = this.bytes(CKA.ID)
    return bytes === undefined || bytes.length === 0 ? undefined : bytes
  }
}
