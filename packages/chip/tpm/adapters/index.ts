/** TPM 2.0 on this computer: how to reach one, OpenSSL's arithmetic, makers' certificates, keys of tpm2-pkcs11. */
export { COMMAND_PATIENCE, openTpm, type TpmOptions } from './connect.ts'
export {
  type ChallengedTpm,
  challengeTpm,
  type EndorsementTrust,
  type TpmIdentity,
  tpmIdentity,
} from './endorsement.ts'
export { nodeTpmCrypto } from './node-crypto.ts'
export { type Pkcs11Key, readPkcs11Key } from './pkcs11-key.ts'
