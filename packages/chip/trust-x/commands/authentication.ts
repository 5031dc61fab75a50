import { wordAt } from '../apdu.ts'
import type { ChipState } from '../chip-state.ts'
import { KEY_USAGE } from '../curves.ts'
import { CHIP_ERROR, isRefusal } from '../errors.ts'
import { privateKey, signWith } from './keys.ts'
import { NOTHING, type Outcome } from './outcome.ts'

/** SetAuthScheme: chooses the key for one-way authentication. Scheme 99, the DTLS client, does not exist here. */
export function setAuthScheme(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== SCHEME_ECDSA_SHA256) return CHIP_ERROR.INVALID_PARAM
  if (data.length !== 2) return CHIP_ERROR.INVALID_LENGTH
  const keyOid = wordAt(data, 0)
  const key = privateKey(chip, keyOid, KEY_USAGE.AUTHENTICATION)
  if (isRefusal(key)) return key
  chip.authentication = { keyOid, challenge: undefined }
  return NOTHING
}

/** SetAuthMsg: takes the challenge, 8 to 256 bytes. */
export function setAuthMsg(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== PARAM_CHALLENGE) return CHIP_ERROR.INVALID_PARAM
  if (chip.authentication === undefined) return CHIP_ERROR.OUT_OF_SEQUENCE
  if (data.length < CHALLENGE_BYTES_MIN || data.length > CHALLENGE_BYTES_MAX) return CHIP_ERROR.INVALID_LENGTH
  chip.authentication = { ...chip.authentication, challenge: data.slice() }
  return NOTHING
}

/** GetAuthMsg: answers the signature over SHA-256 of the challenge, which is used up. */
export function getAuthMsg(chip: ChipState, param: number, data: Uint8Array): Outcome {
  if (param !== PARAM_RESPONSE) return CHIP_ERROR.INVALID_PARAM
  if (data.length !== 0) return CHIP_ERROR.INVALID_LENGTH
  const { keyOid, challenge } = chip.authentication ?? {}
  if (keyOid === undefined || challenge === undefined) return CHIP_ERROR.OUT_OF_SEQUENCE
  const key = privateKey(chip, keyOid, KEY_USAGE.AUTHENTICATION)
  if (isRefusal(key)) return key
  chip.authentication = { keyOid, challenge: undefined }
  return signWith(chip, keyOid, key, chip.crypto.sha256(challenge))
}

const SCHEME_ECDSA_SHA256 = 0x91
const PARAM_CHALLENGE = 0x01
const PARAM_RESPONSE = 0x02

/** Length of a challenge, in bytes (host library). */
export const CHALLENGE_BYTES_MIN = 8
export const CHALLENGE_BYTES_MAX = 256
