import { concat } from '@birthmark/foundation/kernel'
import { tpmFault } from './faults.ts'
import { sized, TpmReader, uint16s, uint32 } from './wire.ts'

/** Commands by their numbers (TPM 2.0 Library, Part 2, §6.5.2). */
const COMMANDS = {
  CreatePrimary: 0x131,
  ActivateCredential: 0x147,
  Certify: 0x148,
  NV_Read: 0x14e,
  PolicySecret: 0x151,
  Load: 0x157,
  Unseal: 0x15e,
  FlushContext: 0x165,
  NV_ReadPublic: 0x169,
  ReadPublic: 0x173,
  StartAuthSession: 0x176,
  GetCapability: 0x17a,
} as const

/** The name of a command that is used here. */
export type CommandName = keyof typeof COMMANDS

/** How one handle of a command is authorised: by its password, or by a policy session that was satisfied. */
export type Authorization =
  | { readonly password: Uint8Array }
  /** The session ends with the command. */
  | { readonly policySession: number }

/** A command before it is written. */
export interface TpmCommand {
  readonly name: CommandName
  readonly handles?: readonly number[]
  /** For the first handles, in order. */
  readonly authorizations?: readonly Authorization[]
  readonly parameters?: Uint8Array
}

/** Longest command and response, in bytes: what Linux's driver and swtpm carry. */
export const COMMAND_BYTES_MAX = 4096

/** Writes a command (Part 1, §18). */
export function encodeCommand(command: TpmCommand): Uint8Array {
  const { name, handles = [], authorizations = [], parameters = new Uint8Array(0) } = command
  const sessions = concat(...authorizations.map(encodeAuthorization))
  const hasSessions = authorizations.length > 0
  const area = hasSessions ? concat(uint32(sessions.length), sessions) : sessions
  const body = concat(...handles.map(uint32), area, parameters)
  const tag = hasSessions ? SESSIONS : NO_SESSIONS
  return concat(uint16s(tag), uint32(HEAD_BYTES + body.length), uint32(COMMANDS[name]), body)
}

/**
 * Reads the answer to a command.
 *
 * @returns What stands behind the head: `handleCount` handles, then parameters, without the sessions.
 * @throws `TPM_COMMAND_REFUSED` (operator), `TPM_STRUCTURE_INVALID` (peer)
 */
export function decodeResponse(
  bytes: Uint8Array,
  { name, handleCount = 0 }: { readonly name: CommandName; readonly handleCount?: number },
): { readonly handles: readonly number[]; readonly parameters: TpmReader } {
  const what = `answer to TPM2_${name}`
  const reader = new TpmReader(bytes, what)
  const [tag, size, code] = [reader.uint16(), reader.uint32(), reader.uint32()]
  if (size !== bytes.length) throw reader.invalid(`it says ${size} bytes and has ${bytes.length}`)
  if (code !== 0) throw tpmFault('TPM_COMMAND_REFUSED', { command: name, code: hex(code), name: codeName(code) })
  const handles = Array.from({ length: handleCount }, () => reader.uint32())
  if (tag === NO_SESSIONS) return { handles, parameters: reader }
  if (tag !== SESSIONS) throw reader.invalid(`its tag is ${hex(tag)}`)
  return { handles, parameters: new TpmReader(reader.take(reader.uint32()), what) }
}

/** Gives the code of a response; `undefined` when it has none. */
export function responseCode(bytes: Uint8Array): number | undefined {
  if (bytes.length < HEAD_BYTES) return undefined
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(6)
}

/**
 * Gives the name of a response code without its `TPM_RC_`, `unknown` for those that have no row here. Codes of format
 * one say in other bits which handle, session or parameter they mean; that is left out.
 */
export function codeName(code: number): string {
  const isFormatOne = (code & 0x80) !== 0
  return CODES.get(isFormatOne ? code & 0xbf : code) ?? 'unknown'
}

/** TPMS_AUTH_COMMAND (Part 2, §10.13.2). */
function encodeAuthorization(authorization: Authorization): Uint8Array {
  const [handle, password] =
    'password' in authorization
      ? [PASSWORD_SESSION, authorization.password]
      : [authorization.policySession, new Uint8Array(0)]
  return concat(uint32(handle), sized(new Uint8Array(0)), Uint8Array.of(0), sized(password))
}

function hex(code: number): string {
  return `0x${code.toString(16)}`
}

/** Part 2, §6.6.3: those that a user of this room meets. */
const CODES: ReadonlyMap<number, string> = new Map([
  [0x100, 'INITIALIZE'],
  [0x101, 'FAILURE'],
  [0x120, 'DISABLED'],
  [0x12f, 'AUTH_UNAVAILABLE'],
  [0x143, 'COMMAND_CODE'],
  [0x149, 'NV_AUTHORIZATION'],
  [0x14a, 'NV_UNINITIALIZED'],
  [0x902, 'OBJECT_MEMORY'],
  [0x903, 'SESSION_MEMORY'],
  [0x908, 'YIELDED'],
  [0x90a, 'TESTING'],
  [0x910, 'REFERENCE_H0'],
  [0x918, 'REFERENCE_S0'],
  [0x921, 'LOCKOUT'],
  [0x922, 'RETRY'],
  [0x84, 'VALUE'],
  [0x85, 'HIERARCHY'],
  [0x8b, 'HANDLE'],
  [0x8e, 'AUTH_FAIL'],
  [0x95, 'SIZE'],
  [0x9d, 'POLICY_FAIL'],
  [0x9f, 'INTEGRITY'],
  [0xa2, 'BAD_AUTH'],
])

const NO_SESSIONS = 0x8001
const SESSIONS = 0x8002
const PASSWORD_SESSION = 0x4000_0009
/** Tag, size and code. */
const HEAD_BYTES = 10
