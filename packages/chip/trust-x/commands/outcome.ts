import { decodeFields, type Field } from '../apdu.ts'
import type { ChipState } from '../chip-state.ts'
import { CHIP_ERROR, type ErrorCode } from '../errors.ts'

/** OutData of a command, or why it was refused. */
export type Outcome = Uint8Array | ErrorCode

/** Executes one command on a chip: `param` and `data` are outside input. */
export type Execute = (chip: ChipState, param: number, data: Uint8Array) => Outcome

/** OutData of a command that answers nothing. */
export const NOTHING: Uint8Array = new Uint8Array(0)

/** Reads InData as fields, each of `tags` at most once. Gives {@link CHIP_ERROR} codes for everything else. */
export function fieldsOf(data: Uint8Array, tags: readonly number[]): ReadonlyMap<number, Uint8Array> | ErrorCode {
  const fields = decodeFields(data)
  return fields === undefined ? CHIP_ERROR.INVALID_LENGTH : fieldMap(fields, tags)
}

/** Sorts fields by their tag, as {@link fieldsOf}. */
export function fieldMap(
  fields: readonly Field[],
  tags: readonly number[],
): ReadonlyMap<number, Uint8Array> | ErrorCode {
  const values = new Map<number, Uint8Array>()
  for (const { tag, value } of fields) {
    if (!tags.includes(tag) || values.has(tag)) return CHIP_ERROR.INVALID_FIELD
    values.set(tag, value)
  }
  return values
}

/** Gives the object identifier in a field; `undefined` when it is missing or not two bytes. */
export function oidIn(value: Uint8Array | undefined): number | undefined {
  return value?.length === 2 ? ((value[0] ?? 0) << 8) | (value[1] ?? 0) : undefined
}
