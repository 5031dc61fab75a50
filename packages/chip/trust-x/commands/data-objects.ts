import { equalBytes } from '@birthmark/foundation/kernel'
import { isLifecycle, LIFECYCLE } from '../access.ts'
import { APPLICATION_ID, DATA_BYTES_MAX, wordAt } from '../apdu.ts'
import type { ChipState } from '../chip-state.ts'
import { CHIP_ERROR, type ErrorCode, isRefusal } from '../errors.ts'
import { changeMetadata, encodeMetadata } from '../metadata.ts'
import { OBJECTS, type ObjectDefinition, OID, type StoredObject } from '../objects.ts'
import { NOTHING, type Outcome } from './outcome.ts'

/** OpenApplication: names the application and starts a clean context; may be repeated. */
export function openApplication(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== 0x00) return CHIP_ERROR.INVALID_PARAM
  if (data.length !== APPLICATION_ID.length) return CHIP_ERROR.INVALID_LENGTH
  if (!equalBytes(data, APPLICATION_ID)) return CHIP_ERROR.INVALID_FIELD
  chip.startApplication()
  return NOTHING
}

/** GetDataObject: Param 00 reads content from an offset, cut at the used size; Param 01 reads metadata. */
export function getDataObject(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== PARAM_CONTENT && param !== PARAM_METADATA) return CHIP_ERROR.INVALID_PARAM
  const isLong = data.length === 6 && param === PARAM_CONTENT
  if (data.length !== 2 && !isLong) return CHIP_ERROR.INVALID_LENGTH
  const oid = wordAt(data, 0)
  const definition = OBJECTS.get(oid)
  const object = chip.object(oid)
  if (definition === undefined || object === undefined) return CHIP_ERROR.INVALID_OID
  if (param === PARAM_METADATA) return encodeMetadata(definition, object, chip.choices)
  if (isKey(definition)) return chip.choices.keyContentError
  if (!chip.allows(object, 'read')) return CHIP_ERROR.ACCESS_DENIED
  const content = chip.content(oid) ?? NOTHING
  const offset = isLong ? wordAt(data, 2) : 0
  const count = isLong ? wordAt(data, 4) : content.length
  // Hosts read long objects in pieces and take this error on a later piece as the end of the data.
  if (isLong && offset >= content.length) return CHIP_ERROR.BOUNDARY_EXCEEDED
  const part = content.subarray(offset, offset + count)
  if (part.length > DATA_BYTES_MAX) return CHIP_ERROR.INSUFFICIENT_MEMORY
  if (oid === OID.LAST_ERROR) chip.lastError = 0
  return part
}

/** SetDataObject: Param 00 writes, 40 erases first, 01 changes metadata. */
export function setDataObject(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== PARAM_CONTENT && param !== PARAM_METADATA && param !== PARAM_ERASE) return CHIP_ERROR.INVALID_PARAM
  if (data.length < 4) return CHIP_ERROR.INVALID_LENGTH
  const oid = wordAt(data, 0)
  const offset = wordAt(data, 2)
  const definition = OBJECTS.get(oid)
  const object = chip.object(oid)
  if (definition === undefined || object === undefined) return CHIP_ERROR.INVALID_OID
  const bytes = data.subarray(4)
  const changed =
    param === PARAM_METADATA
      ? offset === 0
        ? changeMetadata(definition, object, bytes, chip.choices)
        : CHIP_ERROR.INVALID_FIELD
      : changeContent(chip, definition, object, bytes, offset, param === PARAM_ERASE)
  if (isRefusal(changed)) return changed
  chip.store(oid, changed)
  return NOTHING
}

/** GetRandom: Param 00 the true, 01 the deterministic generator; 8 to 256 bytes. */
export function getRandom(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== 0x00 && param !== 0x01) return CHIP_ERROR.INVALID_PARAM
  if (data.length !== 2) return CHIP_ERROR.INVALID_LENGTH
  const count = wordAt(data, 0)
  if (count < RANDOM_BYTES_MIN || count > RANDOM_BYTES_MAX) return CHIP_ERROR.INVALID_FIELD
  return chip.crypto.random(count)
}

/** Fewest and most bytes that GetRandom gives. */
export const RANDOM_BYTES_MIN = 8
export const RANDOM_BYTES_MAX = 256

function changeContent(
  chip: ChipState,
  definition: ObjectDefinition,
  object: StoredObject,
  bytes: Uint8Array,
  offset: number,
  erases: boolean,
): StoredObject | ErrorCode {
  const { bytesMax } = definition
  // A private key has no way in: the conditions of a key slot speak of key generation.
  if (isKey(definition) || !chip.allows(object, 'change')) return CHIP_ERROR.ACCESS_DENIED
  if (offset + bytes.length > bytesMax) return CHIP_ERROR.BOUNDARY_EXCEEDED
  if (definition.kind === 'status') return changeStatus(definition.oid, object, bytes, chip.choices.frozenError)
  const kept = erases ? NOTHING : object.content
  if (!erases && offset > kept.length && chip.choices.gap === 'refused') return CHIP_ERROR.BOUNDARY_EXCEEDED
  const content = new Uint8Array(Math.max(kept.length, offset + bytes.length))
  content.set(kept)
  content.set(bytes, offset)
  return { ...object, content }
}

function isKey({ kind }: ObjectDefinition): boolean {
  return kind === 'key' || kind === 'session'
}

/** One-byte objects with rules of their own. */
function changeStatus(
  oid: number,
  object: StoredObject,
  bytes: Uint8Array,
  frozenError: ErrorCode,
): StoredObject | ErrorCode {
  const [wanted] = bytes
  const [current = 0] = object.content
  if (wanted === undefined) return CHIP_ERROR.INVALID_LENGTH
  const changed = { ...object, content: Uint8Array.of(wanted) }
  switch (oid) {
    case OID.GLOBAL_LIFECYCLE:
    case OID.APPLICATION_LIFECYCLE:
      if (!isLifecycle(wanted)) return CHIP_ERROR.INVALID_FIELD
      if (wanted < current) return frozenError
      if (oid === OID.APPLICATION_LIFECYCLE && wanted === LIFECYCLE.TERMINATION) return CHIP_ERROR.ACCESS_DENIED
      return changed
    case OID.GLOBAL_SECURITY_STATUS:
    case OID.APPLICATION_SECURITY_STATUS:
      return { ...object, content: Uint8Array.of(current & wanted) }
    case OID.SLEEP_DELAY:
      return wanted < SLEEP_DELAY_MS_MIN ? CHIP_ERROR.INVALID_FIELD : changed
    case OID.CURRENT_LIMIT:
      return wanted < CURRENT_MA_MIN || wanted > CURRENT_MA_MAX ? CHIP_ERROR.INVALID_FIELD : changed
    default:
      return CHIP_ERROR.ACCESS_DENIED
  }
}

const PARAM_CONTENT = 0x00
const PARAM_METADATA = 0x01
const PARAM_ERASE = 0x40

/** Bounds of E0C3, in milliseconds, and E0C4, in milliamperes (data sheet v2.70). */
const SLEEP_DELAY_MS_MIN = 20
const CURRENT_MA_MIN = 6
const CURRENT_MA_MAX = 15
