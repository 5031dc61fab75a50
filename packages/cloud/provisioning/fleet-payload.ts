import { decodeUtf8, encodeUtf8, messageOf } from '@birthmark/foundation/kernel'
import { decode, encode } from 'cborg'
import { fleetFault } from './fleet-faults.ts'

/** How a request and its answer are written: the last level of the request's topic. */
export type PayloadFormat = 'json' | 'cbor'

/** The members of a request, none of them judged. */
export type PayloadMembers = ReadonlyMap<string, unknown>

/**
 * Reads a request. An empty payload is an empty object, as SDKs send both.
 *
 * @throws `FLEET_PAYLOAD_MALFORMED` (peer)
 */
export function readPayload(payload: Uint8Array, format: PayloadFormat): PayloadMembers {
  if (payload.length === 0) return new Map()
  const value = decoded(payload, format)
  const members = membersOf(value)
  if (members !== undefined) return members
  throw fleetFault('FLEET_PAYLOAD_MALFORMED', { format: format.toUpperCase(), why: 'it is another value' })
}

/** Writes an answer. */
export function writePayload(value: Readonly<Record<string, unknown>>, format: PayloadFormat): Uint8Array {
  return format === 'json' ? encodeUtf8(JSON.stringify(value)) : encode(value)
}

/**
 * Reads a text of a request.
 *
 * @throws `FLEET_MEMBER_INVALID` (peer)
 */
export function textMember(members: PayloadMembers, member: string, max: number): string {
  const value = members.get(member)
  if (typeof value === 'string' && value.length <= max) return value
  throw fleetFault('FLEET_MEMBER_INVALID', { member, expected: `a text of at most ${max} characters` })
}

/**
 * Reads the parameters of a request: texts by name; none when the member is absent.
 *
 * @throws `FLEET_MEMBER_INVALID` (peer)
 */
export function parametersMember(members: PayloadMembers): ReadonlyMap<string, string> {
  const value = members.get('parameters')
  if (value === undefined || value === null) return new Map()
  const parameters = textMap(value)
  if (parameters !== undefined) return parameters
  const expected = `an object of texts: at most ${PARAMETERS_COUNT_MAX} of at most ${VALUE_CHARACTERS_MAX} characters`
  throw fleetFault('FLEET_MEMBER_INVALID', { member: 'parameters', expected })
}

/** Reads an object, or a map as CBOR gives it, whose values are texts; `undefined` for anything else. */
export function textMap(value: unknown): ReadonlyMap<string, string> | undefined {
  const members = membersOf(value)
  if (members === undefined || members.size > PARAMETERS_COUNT_MAX) return undefined
  const texts = new Map<string, string>()
  for (const [name, text] of members) {
    if (typeof text !== 'string' || text.length > VALUE_CHARACTERS_MAX || name.length > NAME_CHARACTERS_MAX) return
    texts.set(name, text)
  }
  return texts
}

function decoded(payload: Uint8Array, format: PayloadFormat): unknown {
  try {
    return format === 'json' ? JSON.parse(decodeUtf8(payload) ?? '') : decode(payload, CBOR)
  } catch (error) {
    throw fleetFault('FLEET_PAYLOAD_MALFORMED', { format: format.toUpperCase(), why: messageOf(error) }, error)
  }
}

function membersOf(value: unknown): PayloadMembers | undefined {
  if (value instanceof Map) return mapMembers(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) return
  return new Map(Object.entries(value))
}

function mapMembers(map: ReadonlyMap<unknown, unknown>): PayloadMembers | undefined {
  const members = new Map<string, unknown>()
  for (const [name, value] of map) {
    if (typeof name !== 'string') return undefined
    members.set(name, value)
  }
  return members
}

/** Maps keep names apart that an object would treat as its own; a repeated name is a mistake of the sender. */
const CBOR = { useMaps: true, rejectDuplicateMapKeys: true } as const

/** Parameters of one request, and longest name and value (AWS IoT API, RegisterThing: 2048 and 4096 characters). */
const PARAMETERS_COUNT_MAX = 256
const NAME_CHARACTERS_MAX = 2048
const VALUE_CHARACTERS_MAX = 4096
