import { createHash } from 'node:crypto'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import { isAccessCondition, isLifecycle } from '../access.ts'
import { type ChipMemory, SECRET_BYTES } from '../memory.ts'
import { OBJECTS, type StoredObject, UID_BYTES } from '../objects.ts'
import { chipFileFault } from './faults.ts'

/**
 * Writes a chip's memory as the text of its file: a line with name, version and SHA-256 of the rest, then JSON. Private
 * keys are in it in the clear.
 *
 * ```text
 *   birthmark-trust-x 1 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *   {"uid":"cd16…","secret":"…","bus":{"address":48,"mode":3},"objects":{"e0e1":{…,"content":"…"}}}
 * ```
 */
export function encodeMemory(memory: ChipMemory): string {
  const objects: Record<string, Record<string, string | number>> = {}
  for (const [oid, object] of memory.objects) {
    const entries = Object.entries(object).map(([name, value]) => [
      name,
      typeof value === 'number' ? value : toHex(value),
    ])
    objects[oid.toString(16)] = Object.fromEntries(entries)
  }
  const { uid, secret, bus } = memory
  const body = `${JSON.stringify({ uid: toHex(uid), secret: toHex(secret), bus, objects })}\n`
  return `${FORMAT} ${VERSION} ${digestOf(body)}\n${body}`
}

/**
 * Reads what {@link encodeMemory} wrote.
 *
 * @param path For the message only.
 * @throws `CHIP_FILE_NOT_A_CHIP`, `CHIP_FILE_VERSION_UNKNOWN`, `CHIP_FILE_DAMAGED`
 */
export function decodeMemory(text: string, path: string): ChipMemory {
  const end = text.indexOf('\n')
  const [format, version, digest] = text.slice(0, Math.max(0, Math.min(end, HEADER_CHARACTERS_MAX))).split(' ')
  if (format !== FORMAT) throw chipFileFault('CHIP_FILE_NOT_A_CHIP', { path })
  if (version !== VERSION) {
    throw chipFileFault('CHIP_FILE_VERSION_UNKNOWN', { path, version: /^\d{1,6}$/.test(version ?? '') ? version : '?' })
  }
  const body = text.slice(end + 1)
  if (digestOf(body) !== digest) throw chipFileFault('CHIP_FILE_DAMAGED', { path, why: 'its checksum is wrong' })
  const memory = parseMemory(parseJson(body))
  if (memory === undefined) throw chipFileFault('CHIP_FILE_DAMAGED', { path, why: 'a value in it is not possible' })
  return memory
}

function parseMemory(value: unknown): ChipMemory | undefined {
  if (!isRecord(value) || !isRecord(value['bus']) || !isRecord(value['objects'])) return undefined
  const uid = bytesOf(value['uid'], UID_BYTES)
  const secret = bytesOf(value['secret'], SECRET_BYTES)
  const { address, mode } = value['bus']
  if (uid === undefined || secret === undefined || !isByte(address) || !isByte(mode)) return undefined
  if (address > 0x7f || mode < 1 || mode > 4) return undefined
  const objects = new Map<number, StoredObject>()
  for (const [key, entry] of Object.entries(value['objects'])) {
    const oid = /^[0-9a-f]{4}$/.test(key) ? Number.parseInt(key, 16) : 0
    const object = isRecord(entry) && OBJECTS.has(oid) ? parseObject(entry) : undefined
    if (object === undefined) return undefined
    objects.set(oid, object)
  }
  return { uid, secret, bus: { address, mode }, objects }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function parseObject(entry: Record<string, unknown>): StoredObject | undefined {
  const content = bytesOf(entry['content'])
  if (content === undefined) return undefined
  const object: { -readonly [Name in keyof StoredObject]: StoredObject[Name] } = { content }
  for (const name of NUMBERS) {
    const value = entry[name]
    if (value === undefined) continue
    if (!isByte(value) || (name === 'lifecycle' && !isLifecycle(value))) return undefined
    object[name] = value
  }
  for (const name of CONDITIONS) {
    if (entry[name] === undefined) continue
    const condition = bytesOf(entry[name])
    if (condition === undefined || !isAccessCondition(condition)) return undefined
    object[name] = condition
  }
  return object
}

function bytesOf(value: unknown, count?: number): Uint8Array | undefined {
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})*$/.test(value)) return undefined
  return count === undefined || value.length === 2 * count ? fromHex(value) : undefined
}

function isByte(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex')
}

const FORMAT = 'birthmark-trust-x'
const VERSION = '1'
const HEADER_CHARACTERS_MAX = 200
const NUMBERS = ['lifecycle', 'algorithm', 'usage'] as const
const CONDITIONS = ['change', 'read', 'delete', 'execute'] as const
