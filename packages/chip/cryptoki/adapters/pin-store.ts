import { cryptokiFault, type PinRecord, Pins } from '@birthmark/chip/cryptoki'
import { readTextFile, replaceFile, systemEntropy } from '@birthmark/foundation/system'
import { SEAL_COST, type SealCost, seal, unseal } from './seal.ts'

/** Where a token's PINs are kept. */
export interface PinStore {
  readonly record: PinRecord
  write(record: PinRecord): void
}

/**
 * Opens the PINs of a chip, which has none of its own: the server keeps them beside it, in a file that is replaced as a
 * whole. Whoever may write there can forget them; the file's rights are what protects them.
 *
 * @throws `CRYPTOKI_FILE_DAMAGED`, and the faults of the file system
 */
export function openPinFile(path: string): Pins {
  const text = readTextFile(path)
  let record = text === undefined ? {} : parseRecord(text, path)
  return chipPins({
    get record() {
      return record
    },
    write(next) {
      replaceFile(path, `${JSON.stringify({ [FORMAT]: 1, ...next })}\n`, { mode: 0o600 })
      record = next
    },
  })
}

/** Gives the PINs of a chip in a store of the caller's own, as tests have. */
export function chipPins(store: PinStore, cost: SealCost = SEAL_COST): Pins {
  return pinsIn(store, { isOpenWithoutPin: true, cost })
}

/** Gives PINs whose entries are sealed as this room seals. */
export function pinsIn(
  store: PinStore,
  { isOpenWithoutPin, cost }: { readonly isOpenWithoutPin: boolean; readonly cost: SealCost },
): Pins {
  return new Pins({
    get record() {
      return store.record
    },
    write: (record) => store.write(record),
    seal: (pin, secret) => seal(pin, secret, cost),
    unseal,
    newSecret,
    isOpenWithoutPin,
  })
}

/** Makes what PINs open: of a software token the key of its keys, of a chip nothing that is used. */
export function newSecret(): Uint8Array {
  return systemEntropy.bytes(SECRET_BYTES)
}

/** Reads PINs out of parsed JSON; `undefined` when they are none. */
export function readRecord(value: object): PinRecord | undefined {
  const fields: Partial<Record<string, unknown>> = { ...value }
  const { label, so, user } = { label: fields['label'], so: fields['so'], user: fields['user'] }
  if (label !== undefined && typeof label !== 'string') return undefined
  if (!isEntry(so) || !isEntry(user)) return undefined
  return { label, so, user }
}

function parseRecord(text: string, path: string): PinRecord {
  const record = readRecord(parseFormat(text, FORMAT, path))
  if (record === undefined) throw cryptokiFault('CRYPTOKI_FILE_DAMAGED', { path, why: 'its PINs make no sense' })
  return record
}

/**
 * Parses the JSON of one of this room's files.
 *
 * @throws `CRYPTOKI_FILE_DAMAGED` when it is none, or of another format
 */
export function parseFormat(text: string, format: string, path: string): object {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw cryptokiFault('CRYPTOKI_FILE_DAMAGED', { path, why: 'it is no JSON' }, error)
  }
  if (typeof parsed !== 'object' || parsed === null || !(format in parsed)) {
    throw cryptokiFault('CRYPTOKI_FILE_DAMAGED', { path, why: `it has no ${format}` })
  }
  const fields: Partial<Record<string, unknown>> = { ...parsed }
  if (fields[format] !== 1) throw cryptokiFault('CRYPTOKI_FILE_DAMAGED', { path, why: 'another version wrote it' })
  return parsed
}

function isEntry(value: unknown): value is PinRecord['user'] {
  if (value === undefined) return true
  if (typeof value !== 'object' || value === null || !('sealed' in value) || !('wrongCount' in value)) return false
  return typeof value.sealed === 'string' && Number.isSafeInteger(value.wrongCount) && Number(value.wrongCount) >= 0
}

const FORMAT = 'birthmark-token-pins'
const SECRET_BYTES = 32
