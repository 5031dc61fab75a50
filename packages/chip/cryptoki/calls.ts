import { encodeUtf8 } from '@birthmark/foundation/kernel'
import type { Attribute, AttributeRoom, SizeOnly } from './attribute.ts'
import type { Mechanism } from './mechanism.ts'

/** What each letter of a signature stands for. */
export interface ArgumentTypes {
  /** CK_BYTE, CK_BBOOL. */
  readonly y: number
  /** CK_ULONG: handles, flags, counts. */
  readonly u: bigint
  /** CK_VERSION. */
  readonly v: { readonly major: number; readonly minor: number }
  /** Text of fixed width, padded with spaces. */
  readonly s: Uint8Array
  /** Text of any length. */
  readonly z: Uint8Array
  /** Bytes, or only their number: a size that was asked for, or C's NULL. */
  readonly ay: Uint8Array | SizeOnly
  readonly au: readonly bigint[] | SizeOnly
  /** Room for bytes at the caller; 0 asks for the size, 0xffffffff is a buffer of no bytes. */
  readonly fy: number
  /** Room for CK_ULONGs at the caller, in elements. */
  readonly fu: number
  readonly aA: readonly Attribute[]
  readonly fA: readonly AttributeRoom[]
  /** A mechanism; absent in calls that cancel an operation. */
  readonly M: Mechanism | undefined
  /** Whether a derivation changed its parameter; absent for mechanisms that have none. */
  readonly P: number | undefined
}

type Letter = keyof ArgumentTypes

/** The arguments of one message: their letters, and the same as the signature that it carries. */
export interface Signature {
  readonly letters: readonly Letter[]
  readonly bytes: Uint8Array
}

interface Call {
  readonly id: number
  readonly request: Signature
  readonly response: Signature
}

/**
 * Every call of the protocol by the name of its C function: its number, the arguments of request and of response.
 *
 * Source: p11-kit 0.24.1 and 0.26.4, rpc-message.h. Calls from 66 on came with 0.25.0, 88 with version 1, 89 with 2.
 */
const TABLE = {
  Initialize: [1, ['ay', 'y', 'ay'], []],
  Finalize: [2, [], []],
  GetInfo: [3, [], ['v', 's', 'u', 's', 'v']],
  GetSlotList: [4, ['y', 'fu'], ['au']],
  GetSlotInfo: [5, ['u'], ['s', 's', 'u', 'v', 'v']],
  GetTokenInfo: [6, ['u'], ['s', 's', 's', 's', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'v', 'v', 's']],
  GetMechanismList: [7, ['u', 'fu'], ['au']],
  GetMechanismInfo: [8, ['u', 'u'], ['u', 'u', 'u']],
  InitToken: [9, ['u', 'ay', 'z'], []],
  OpenSession: [10, ['u', 'u'], ['u']],
  CloseSession: [11, ['u'], []],
  CloseAllSessions: [12, ['u'], []],
  GetSessionInfo: [13, ['u'], ['u', 'u', 'u', 'u']],
  InitPIN: [14, ['u', 'ay'], []],
  SetPIN: [15, ['u', 'ay', 'ay'], []],
  GetOperationState: [16, ['u', 'fy'], ['ay']],
  SetOperationState: [17, ['u', 'ay', 'u', 'u'], []],
  Login: [18, ['u', 'u', 'ay'], []],
  Logout: [19, ['u'], []],
  CreateObject: [20, ['u', 'aA'], ['u']],
  CopyObject: [21, ['u', 'u', 'aA'], ['u']],
  DestroyObject: [22, ['u', 'u'], []],
  GetObjectSize: [23, ['u', 'u'], ['u']],
  GetAttributeValue: [24, ['u', 'u', 'fA'], ['aA', 'u']],
  SetAttributeValue: [25, ['u', 'u', 'aA'], []],
  FindObjectsInit: [26, ['u', 'aA'], []],
  FindObjects: [27, ['u', 'fu'], ['au']],
  FindObjectsFinal: [28, ['u'], []],
  EncryptInit: [29, ['u', 'M', 'u'], []],
  Encrypt: [30, ['u', 'ay', 'fy'], ['ay']],
  EncryptUpdate: [31, ['u', 'ay', 'fy'], ['ay']],
  EncryptFinal: [32, ['u', 'fy'], ['ay']],
  DecryptInit: [33, ['u', 'M', 'u'], []],
  Decrypt: [34, ['u', 'ay', 'fy'], ['ay']],
  DecryptUpdate: [35, ['u', 'ay', 'fy'], ['ay']],
  DecryptFinal: [36, ['u', 'fy'], ['ay']],
  DigestInit: [37, ['u', 'M'], []],
  Digest: [38, ['u', 'ay', 'fy'], ['ay']],
  DigestUpdate: [39, ['u', 'ay'], []],
  DigestKey: [40, ['u', 'u'], []],
  DigestFinal: [41, ['u', 'fy'], ['ay']],
  SignInit: [42, ['u', 'M', 'u'], []],
  Sign: [43, ['u', 'ay', 'fy'], ['ay']],
  SignUpdate: [44, ['u', 'ay'], []],
  SignFinal: [45, ['u', 'fy'], ['ay']],
  SignRecoverInit: [46, ['u', 'M', 'u'], []],
  SignRecover: [47, ['u', 'ay', 'fy'], ['ay']],
  VerifyInit: [48, ['u', 'M', 'u'], []],
  Verify: [49, ['u', 'ay', 'ay'], []],
  VerifyUpdate: [50, ['u', 'ay'], []],
  VerifyFinal: [51, ['u', 'ay'], []],
  VerifyRecoverInit: [52, ['u', 'M', 'u'], []],
  VerifyRecover: [53, ['u', 'ay', 'fy'], ['ay']],
  DigestEncryptUpdate: [54, ['u', 'ay', 'fy'], ['ay']],
  DecryptDigestUpdate: [55, ['u', 'ay', 'fy'], ['ay']],
  SignEncryptUpdate: [56, ['u', 'ay', 'fy'], ['ay']],
  DecryptVerifyUpdate: [57, ['u', 'ay', 'fy'], ['ay']],
  GenerateKey: [58, ['u', 'M', 'aA'], ['u']],
  GenerateKeyPair: [59, ['u', 'M', 'aA', 'aA'], ['u', 'u']],
  WrapKey: [60, ['u', 'M', 'u', 'u', 'fy'], ['ay']],
  UnwrapKey: [61, ['u', 'M', 'u', 'ay', 'aA'], ['u']],
  DeriveKey: [62, ['u', 'M', 'u', 'aA'], ['u']],
  SeedRandom: [63, ['u', 'ay'], []],
  GenerateRandom: [64, ['u', 'fy'], ['ay']],
  WaitForSlotEvent: [65, ['u'], ['u']],
  LoginUser: [66, ['u', 'u', 'ay', 'ay'], []],
  SessionCancel: [67, ['u', 'u'], []],
  MessageEncryptInit: [68, ['u', 'M', 'u'], []],
  EncryptMessage: [69, ['u', 'ay', 'ay', 'ay', 'fy'], ['ay']],
  EncryptMessageBegin: [70, ['u', 'ay', 'ay'], []],
  EncryptMessageNext: [71, ['u', 'ay', 'ay', 'fy', 'u'], ['ay']],
  MessageEncryptFinal: [72, ['u'], []],
  MessageDecryptInit: [73, ['u', 'M', 'u'], []],
  DecryptMessage: [74, ['u', 'ay', 'ay', 'ay', 'fy'], ['ay']],
  DecryptMessageBegin: [75, ['u', 'ay', 'ay'], []],
  DecryptMessageNext: [76, ['u', 'ay', 'ay', 'fy', 'u'], ['ay']],
  MessageDecryptFinal: [77, ['u'], []],
  MessageSignInit: [78, ['u', 'M', 'u'], []],
  SignMessage: [79, ['u', 'ay', 'ay', 'fy'], ['ay']],
  SignMessageBegin: [80, ['u', 'ay'], []],
  SignMessageNext: [81, ['u', 'ay', 'ay', 'y', 'fy'], ['ay']],
  MessageSignFinal: [82, ['u'], []],
  MessageVerifyInit: [83, ['u', 'M', 'u'], []],
  VerifyMessage: [84, ['u', 'ay', 'ay', 'ay'], []],
  VerifyMessageBegin: [85, ['u', 'ay'], []],
  VerifyMessageNext: [86, ['u', 'ay', 'ay', 'ay'], []],
  MessageVerifyFinal: [87, ['u'], []],
  InitToken2: [88, ['u', 'ay', 's'], []],
  DeriveKey2: [89, ['u', 'M', 'u', 'aA'], ['u', 'P', 'u']],
} as const

/** A call by the name of its C function, without `C_`. */
export type CallName = keyof typeof TABLE

type Values<Letters extends readonly Letter[]> = { readonly [Index in keyof Letters]: ArgumentTypes[Letters[Index]] }

/** What a caller sends with a call. */
export type RequestArguments<Name extends CallName> = Values<(typeof TABLE)[Name][1]>

/** What comes back when the call succeeded. */
export type ResponseArguments<Name extends CallName> = Values<(typeof TABLE)[Name][2]>

/** Gives the row of a call. */
export function callOf(name: CallName): Call {
  return CALLS[name]
}

/** Gives the signature of these arguments. */
export function signatureOf(letters: readonly Letter[]): Signature {
  return { letters, bytes: encodeUtf8(letters.join('')) }
}

/** Finds a call by its number. */
export function callNameOf(id: number): CallName | undefined {
  return NAMES.get(id)
}

/** Every call's name, in the order of the numbers. */
export const CALL_NAMES: readonly CallName[] = Object.keys(TABLE) as CallName[]

const CALLS = Object.fromEntries(
  CALL_NAMES.map((name) => {
    const [id, request, response] = TABLE[name]
    return [name, { id, request: signatureOf(request), response: signatureOf(response) }]
  }),
) as Record<CallName, Call>

const NAMES: ReadonlyMap<number, CallName> = new Map(CALL_NAMES.map((name) => [TABLE[name][0], name]))
