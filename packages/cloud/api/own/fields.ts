import { invalidRequest } from '../exceptions.ts'

/** One parameter of our own API, as the OpenAPI document shows it and as requests are checked. */
export interface Field {
  readonly type: 'string' | 'integer' | 'boolean' | 'strings' | 'object' | 'objects'
  readonly description: string
  readonly required?: boolean
  /** Of a string: its values, when there are only so many. */
  readonly values?: readonly string[]
  /** Of an integer. */
  readonly min?: number
  readonly max?: number
}

/** Parameters by name. */
export type Fields = Readonly<Record<string, Field>>

/** What a request gave for its {@link Fields}: each value has the type of its field, and what is required is there. */
export class Given {
  readonly #values: ReadonlyMap<string, unknown>

  private constructor(values: ReadonlyMap<string, unknown>) {
    this.#values = values
  }

  /**
   * Checks what came against the fields.
   *
   * @throws `InvalidRequestException` for what is unknown, missing, or of another type
   */
  static read(fields: Fields, raw: readonly (readonly [name: string, value: unknown])[]): Given {
    const values = new Map<string, unknown>()
    for (const [name, value] of raw) {
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined
      if (field === undefined || values.has(name)) {
        throw invalidRequest(`The parameters are ${Object.keys(fields).join(', ') || 'none'}, each at most once.`)
      }
      values.set(name, readValue(name, field, value))
    }
    const missing = Object.keys(fields).find((name) => fields[name]?.required === true && !values.has(name))
    if (missing !== undefined) throw invalidRequest(`${missing} is required.`)
    return new Given(values)
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name)
    return typeof value === 'string' ? value : undefined
  }

  integer(name: string): number | undefined {
    const value = this.#values.get(name)
    return typeof value === 'number' ? value : undefined
  }

  flag(name: string): boolean {
    return this.#values.get(name) === true
  }

  texts(name: string): readonly string[] {
    const value = this.#values.get(name)
    return Array.isArray(value) ? value.map(String) : []
  }

  object(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.#values.get(name)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  }

  objects(name: string): readonly Readonly<Record<string, unknown>>[] {
    const value = this.#values.get(name)
    return Array.isArray(value) ? value.map((item: unknown) => ({ ...Object(item) })) : []
  }
}

function readValue(name: string, field: Field, value: unknown): unknown {
  switch (field.type) {
    case 'string':
      if (typeof value !== 'string') throw invalidRequest(`${name} must be text.`)
      if (field.values === undefined || field.values.includes(value)) return value
      throw invalidRequest(`${name} must be one of ${field.values.join(', ')}.`)
    case 'integer':
      return readInteger(name, field, value)
    case 'boolean':
      if (typeof value === 'boolean') return value
      if (value === 'true' || value === 'false') return value === 'true'
      throw invalidRequest(`${name} must be true or false.`)
    case 'strings':
      if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
      throw invalidRequest(`${name} must be a list of texts.`)
    case 'object':
      if (isObject(value)) return value
      throw invalidRequest(`${name} must be an object.`)
    case 'objects':
      if (Array.isArray(value) && value.every(isObject)) return value
      throw invalidRequest(`${name} must be a list of objects.`)
  }
}

/** A query has an integer as digits, a body as a number. */
function readInteger(name: string, { min = 0, max = Number.MAX_SAFE_INTEGER }: Field, value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= min && number <= max) return number
  throw invalidRequest(`${name} must be ${min} to ${max}.`)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
