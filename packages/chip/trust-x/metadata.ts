import { shortLived } from '@birthmark/foundation/kernel'
import { CONDITION_NEVER, isAccessCondition, isLifecycle, LIFECYCLE } from './access.ts'
import { type ChipChoices, DEFAULT_CHOICES } from './choices.ts'
import { KEY_USAGE_ALL } from './curves.ts'
import { CHIP_ERROR, type ErrorCode } from './errors.ts'
import type { ObjectDefinition, StoredObject } from './objects.ts'

/**
 * Writes the metadata block of an object: 20 len, then its tags in ascending order.
 *
 * Objects of fixed size show no used size, keys no size at all; what is missing has its rule: no C0 is operational, no
 * C5 is used = maximum, no condition is never.
 */
export function encodeMetadata(
  definition: ObjectDefinition,
  object: StoredObject,
  choices: ChipChoices = DEFAULT_CHOICES,
): Uint8Array {
  const tags: number[] = []
  const add = (tag: number, value: readonly number[] | Uint8Array | undefined): void => {
    if (value === undefined) return
    tags.push(tag, value.length)
    for (let at = 0; at < value.length; at += 1) tags.push(value[at] ?? 0)
  }
  add(TAG.LIFECYCLE, byte(object.lifecycle))
  if (definition.bytesMax > 0) add(TAG.SIZE_MAX, size(definition.bytesMax))
  if (definition.bytesMax > 0 && definition.kind !== 'status')
    add(TAG.SIZE_USED, size(usedSize(definition, object, choices)))
  const shown = choices.keysShowRead && isKey(definition) ? { read: CONDITION_NEVER, ...object } : object
  for (const [tag, name] of CONDITIONS) add(tag, shown[name])
  add(TAG.ALGORITHM, byte(object.algorithm))
  add(TAG.USAGE, byte(object.usage))
  const block = shortLived(2 + tags.length)
  block[0] = TAG.METADATA
  block[1] = tags.length
  block.set(tags, 2)
  return block
}

/**
 * Applies what SetDataObject wants changed to an object; the rest stays. The whole write is refused when one tag is.
 *
 * Rules: LcsO only goes up; conditions and key usage freeze when LcsO reaches operational; sizes and algorithm belong
 * to the chip.
 */
export function changeMetadata(
  definition: ObjectDefinition,
  object: StoredObject,
  block: Uint8Array,
  choices: ChipChoices = DEFAULT_CHOICES,
): StoredObject | ErrorCode {
  if (block[0] !== TAG.METADATA) return CHIP_ERROR.INVALID_FIELD
  if (block[1] !== block.length - 2) return CHIP_ERROR.INVALID_LENGTH
  const isFrozen = (object.lifecycle ?? LIFECYCLE.OPERATIONAL) >= LIFECYCLE.OPERATIONAL
  let changed = object
  for (let at = 2; at < block.length; ) {
    const tag = block[at] ?? 0
    const end = at + 2 + (block[at + 1] ?? block.length)
    if (end > block.length) return CHIP_ERROR.INVALID_LENGTH
    const next = changeTag(object, changed, tag, block.slice(at + 2, end), isFrozen)
    if (next === 'frozen') return choices.frozenError
    if (typeof next === 'number') return next
    changed = next
    at = end
  }
  const isTooLong = encodeMetadata(definition, changed, choices).length > METADATA_BYTES_MAX
  return isTooLong ? CHIP_ERROR.METADATA_TRUNCATED : changed
}

/** What the host may learn from a metadata block. */
export interface Metadata {
  /** LcsO; operational when the block has none. */
  readonly lifecycle: number
  readonly sizeMax: number | undefined
  readonly sizeUsed: number | undefined
  /** Access conditions as they stand there; `undefined` means never. */
  readonly change: Uint8Array | undefined
  readonly read: Uint8Array | undefined
  readonly execute: Uint8Array | undefined
  readonly algorithm: number | undefined
  readonly usage: number | undefined
}

/** Reads a metadata block; `undefined` when it is none. Tags that are not known are skipped. */
export function decodeMetadata(block: Uint8Array): Metadata | undefined {
  if (block[0] !== TAG.METADATA || block[1] !== block.length - 2) return undefined
  const values = new Map<number, Uint8Array>()
  for (let at = 2; at < block.length; ) {
    const end = at + 2 + (block[at + 1] ?? block.length)
    if (end > block.length) return undefined
    values.set(block[at] ?? 0, block.slice(at + 2, end))
    at = end
  }
  const number = (tag: number): number | undefined => values.get(tag)?.reduce((sum, part) => sum * 256 + part, 0)
  return {
    lifecycle: number(TAG.LIFECYCLE) ?? LIFECYCLE.OPERATIONAL,
    sizeMax: number(TAG.SIZE_MAX),
    sizeUsed: number(TAG.SIZE_USED),
    change: values.get(TAG.CHANGE),
    read: values.get(TAG.READ),
    execute: values.get(TAG.EXECUTE),
    algorithm: number(TAG.ALGORITHM),
    usage: number(TAG.USAGE),
  }
}

/** Largest metadata block of a Trust X, in bytes (host library: 1C; Trust M has 44). */
export const METADATA_BYTES_MAX = 28

function changeTag(
  before: StoredObject,
  object: StoredObject,
  tag: number,
  value: Uint8Array,
  isFrozen: boolean,
): StoredObject | ErrorCode | 'frozen' {
  const condition = CONDITIONS.get(tag)
  if (condition !== undefined) {
    if (!isAccessCondition(value)) return CHIP_ERROR.INVALID_FIELD
    return isFrozen ? 'frozen' : { ...object, [condition]: value }
  }
  const [number = 0] = value
  switch (tag) {
    case TAG.LIFECYCLE:
      if (value.length !== 1 || !isLifecycle(number)) return CHIP_ERROR.INVALID_FIELD
      if (before.lifecycle === undefined || number < before.lifecycle) return 'frozen'
      return { ...object, lifecycle: number }
    case TAG.USAGE:
      if (value.length !== 1 || number > KEY_USAGE_ALL) return CHIP_ERROR.INVALID_FIELD
      // Only a slot with a key in it has a usage.
      if (isFrozen || before.usage === undefined) return 'frozen'
      return { ...object, usage: number }
    case TAG.SIZE_MAX:
    case TAG.SIZE_USED:
    case TAG.ALGORITHM:
      return 'frozen'
    default:
      return CHIP_ERROR.INVALID_FIELD
  }
}

function isKey({ kind }: ObjectDefinition): boolean {
  return kind === 'key' || kind === 'session'
}

function usedSize({ initial, bytesMax }: ObjectDefinition, object: StoredObject, choices: ChipChoices): number {
  return object === initial && choices.freshUsedSize === 'maximum' ? bytesMax : object.content.length
}

function byte(value: number | undefined): readonly number[] | undefined {
  return value === undefined ? undefined : [value]
}

/** One byte below 256, two above. */
function size(count: number): readonly number[] {
  return count < 256 ? [count] : [count >>> 8, count & 0xff]
}

const TAG = {
  METADATA: 0x20,
  LIFECYCLE: 0xc0,
  SIZE_MAX: 0xc4,
  SIZE_USED: 0xc5,
  CHANGE: 0xd0,
  READ: 0xd1,
  DELETE: 0xd2,
  EXECUTE: 0xd3,
  ALGORITHM: 0xe0,
  USAGE: 0xe1,
} as const

const CONDITIONS: ReadonlyMap<number, 'change' | 'read' | 'delete' | 'execute'> = new Map([
  [TAG.CHANGE, 'change'],
  [TAG.READ, 'read'],
  [TAG.DELETE, 'delete'],
  [TAG.EXECUTE, 'execute'],
])
