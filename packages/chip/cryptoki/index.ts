/**
 * PKCS#11 over the p11-kit remote protocol, without I/O: the codec, and a secure element as a token. What listens, and
 * what drives a vendor's module, is in `@birthmark/chip/cryptoki/adapters`.
 */
export type { Attribute, AttributeRoom, AttributeShape, AttributeValue, SizeOnly } from './attribute.ts'
export { shapeOf } from './attribute.ts'
export {
  type ArgumentTypes,
  CALL_NAMES,
  type CallName,
  type RequestArguments,
  type ResponseArguments,
} from './calls.ts'
export {
  CURVES,
  type CurveRow,
  type PublicPoint,
  readPoint,
  readSpki,
  type TokenCurve,
  writeSpki,
} from './curves.ts'
export {
  type CertificateFields,
  ecPointOf,
  P256_PARAMETERS,
  readCertificateFields,
  signatureFromHalves,
  signatureHalves,
  spkiOfEcPoint,
} from './der.ts'
export { CRYPTOKI_FAULTS, cryptokiFault } from './faults.ts'
export { BODY_BYTES_MAX, encodeFrame, type Frame, FrameReader, OPTIONS_BYTES_MAX, VERSION_MAX } from './frame.ts'
export type { Dialect, Mechanism, MechanismParameter } from './mechanism.ts'
export {
  decodeRequest,
  decodeResponse,
  encodeError,
  encodeRequest,
  encodeResponse,
  type Request,
  type Response,
} from './message.ts'
export { CKA, CKC, CKF, CKK, CKM, CKO, CKR, CKU, codeName } from './standard.ts'
export { type ApplicationOptions, TokenApplication } from './token/application.ts'
export {
  type ChipPlaces,
  certificateSlot,
  type DataPlace,
  dataPlace,
  type KeyPlace,
  keyPlace,
} from './token/chip-places.ts'
export {
  PIN_BYTES_MAX,
  PIN_BYTES_MIN,
  PIN_TRIES_MAX,
  type PinEntry,
  type PinPorts,
  type PinRecord,
  Pins,
  type Role,
  SO_PIN_TRIES_MAX,
} from './token/pins.ts'
export { Refusal } from './token/refusal.ts'
export type { Hash, HashName, HostCrypto } from './token/session.ts'
export type {
  StoredCertificate,
  StoredData,
  StoredKey,
  StoredObject,
  TokenSource,
  WantedCertificate,
  WantedData,
  WantedKey,
  WantedNames,
} from './token/source.ts'
export { Token, type TokenOptions } from './token/token.ts'
