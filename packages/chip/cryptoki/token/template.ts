import { decodeUtf8 } from '@birthmark/foundation/kernel'
import type { Attribute, AttributeValue } from '../attribute.ts'
import { CKA, CKR } from '../standard.ts'
import { Refusal } from './refusal.ts'

/** What a program wants a new object to be. */
export class Template {
  readonly #values: ReadonlyMap<number, AttributeValue>

  /** @throws `Refusal` TEMPLATE_INCONSISTENT for a type that is there twice, ATTRIBUTE_VALUE_INVALID without a value */
  constructor(attributes: readonly Attribute[]) {
    this.#values = new Map(attributes.map(({ type, value }) => [type, wholeValue(value)]))
    if (this.#values.size !== attributes.length) throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  }

  /** The types that stand there. */
  get types(): Iterable<number> {
    return this.#values.keys()
  }

  value(type: number): AttributeValue | undefined {
    return this.#values.get(type)
  }

  /** Refuses a template that wants an attribute otherwise; one that says nothing is fine. */
  demand(type: number, value: AttributeValue): void {
    if (this.#values.has(type) && this.#values.get(type) !== value) throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  }

  /** Whether the object is wanted in the token; PKCS#11's default is that it ends with its session. */
  get isTokenObject(): boolean {
    return this.#values.get(CKA.TOKEN) === 1
  }

  /** The object's class. @throws `Refusal` TEMPLATE_INCOMPLETE */
  get objectClass(): bigint {
    const value = this.#values.get(CKA.CLASS)
    if (typeof value !== 'bigint') throw new Refusal(CKR.TEMPLATE_INCOMPLETE)
    return value
  }

  bytes(type: number): Uint8Array | undefined {
    const value = this.#values.get(type)
    return value instanceof Uint8Array ? value : undefined
  }

  /** Bytes that must be there. @throws `Refusal` TEMPLATE_INCOMPLETE */
  demandBytes(type: number): Uint8Array {
    const bytes = this.bytes(type)
    if (bytes === undefined) throw new Refusal(CKR.TEMPLATE_INCOMPLETE)
    return bytes
  }

  /** The label; an empty one is none. @throws `Refusal` ATTRIBUTE_VALUE_INVALID when it is no UTF-8 */
  get label(): string | undefined {
    return this.text(CKA.LABEL)
  }

  /** A text; an empty one is none. @throws `Refusal` ATTRIBUTE_VALUE_INVALID when it is no UTF-8 */
  text(type: number): string | undefined {
    const bytes = this.bytes(type)
    if (bytes === undefined || bytes.length === 0) return undefined
    const text = decodeUtf8(bytes)
    if (text === undefined) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
    return text
  }

  /** The CKA_ID; an empty one is none. */
  get id(): Uint8Array | undefined {
    const bytes = this.bytes(CKA.ID)
    return bytes === undefined || bytes.length === 0 ? undefined : bytes
  }
}

/** Gives the value that came along; C's NULL with a length of zero is an empty one, and with another length none. */
export function wholeValue(value: AttributeValue | undefined): AttributeValue {
  if (value === undefined) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  if (typeof value !== 'object' || !('size' in value)) return value
  if (value.size !== 0) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  return new Uint8Array(0)
}
