import { concat } from '@birthmark/foundation/kernel'
import { decodeFields, encodeField, wordAt } from '../apdu.ts'
import type { ChipState } from '../chip-state.ts'
import { CHIP_ERROR, type ErrorCode, isRefusal } from '../errors.ts'
import { openContext, sealContext } from '../hash-context.ts'
import { type Sha256State, sha256Digest, sha256Start, sha256Update } from '../sha256.ts'
import { fieldMap, NOTHING, type Outcome } from './outcome.ts'

/**
 * CalcHash: SHA-256 in one step or many. The first field's tag names the source of the data and the step; a context
 * may come in (06) and go out (07), so that many hashes can be under way.
 */
export function calcHash(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== ALGORITHM_SHA256) return CHIP_ERROR.INVALID_PARAM
  const [first, ...rest] = decodeFields(data) ?? []
  if (first === undefined) return CHIP_ERROR.INVALID_LENGTH
  const step = STEPS.get(first.tag & 0x0f)
  const source = first.tag >>> 4
  if (step === undefined || source > SOURCE_OBJECT) return CHIP_ERROR.INVALID_FIELD
  const fields = fieldMap(rest, [...(step.imports ? [FIELD_IMPORT] : []), ...(step.exports ? [FIELD_EXPORT] : [])])
  if (isRefusal(fields)) return fields
  if (fields.has(FIELD_EXPORT) && fields.get(FIELD_EXPORT)?.length !== 0) return CHIP_ERROR.INVALID_FIELD
  if (step.ends === 'unfinished') return terminate(chip, first.value)
  const message = source === SOURCE_OBJECT ? objectPart(chip, first.value) : first.value
  if (isRefusal(message)) return message
  const before = step.starts ? sha256Start() : runningHash(chip, fields.get(FIELD_IMPORT))
  if (isRefusal(before)) return before
  const state = sha256Update(before, message)
  chip.hash = step.ends === 'finished' ? undefined : state
  return concat(
    step.digests ? encodeField(FIELD_DIGEST, sha256Digest(state)) : NOTHING,
    fields.has(FIELD_EXPORT) ? encodeField(FIELD_IMPORT, sealContext(state, chip.memory.secret, chip.crypto)) : NOTHING,
  )
}

/** What one value of the sequence nibble does. */
interface Step {
  readonly starts: boolean
  readonly digests: boolean
  readonly ends: 'running' | 'finished' | 'unfinished'
  readonly imports: boolean
  readonly exports: boolean
}

/** By sequence nibble: start, start and final, continue, final, terminate, intermediate result. */
const STEPS: ReadonlyMap<number, Step> = new Map([
  [0, { starts: true, digests: false, ends: 'running', imports: false, exports: true }],
  [1, { starts: true, digests: true, ends: 'finished', imports: false, exports: false }],
  [2, { starts: false, digests: false, ends: 'running', imports: true, exports: true }],
  [3, { starts: false, digests: true, ends: 'finished', imports: true, exports: false }],
  [4, { starts: false, digests: false, ends: 'unfinished', imports: false, exports: false }],
  [5, { starts: false, digests: true, ends: 'running', imports: true, exports: false }],
])

function terminate(chip: ChipState, value: Uint8Array): Outcome {
  if (value.length !== 0) return CHIP_ERROR.INVALID_FIELD
  chip.hash = undefined
  return NOTHING
}

function runningHash(chip: ChipState, context: Uint8Array | undefined): Sha256State | ErrorCode {
  if (context === undefined) return chip.hash ?? CHIP_ERROR.OUT_OF_SEQUENCE
  return openContext(context, chip.memory.secret, chip.crypto) ?? CHIP_ERROR.INVALID_FIELD
}

/** The part of an object that the host names: OID(2) offset(2) length(2), inside the used size. */
function objectPart(chip: ChipState, value: Uint8Array): Uint8Array | ErrorCode {
  if (value.length !== 6) return CHIP_ERROR.INVALID_FIELD
  const oid = wordAt(value, 0)
  const object = chip.object(oid)
  const content = chip.content(oid)
  if (object === undefined || content === undefined) return CHIP_ERROR.INVALID_OID
  if (!chip.allows(object, 'read')) return CHIP_ERROR.ACCESS_DENIED
  const offset = wordAt(value, 2)
  const end = offset + wordAt(value, 4)
  return end > content.length ? CHIP_ERROR.BOUNDARY_EXCEEDED : content.subarray(offset, end)
}

const ALGORITHM_SHA256 = 0xe2
const SOURCE_OBJECT = 1
const FIELD_DIGEST = 0x01
const FIELD_IMPORT = 0x06
const FIELD_EXPORT = 0x07
