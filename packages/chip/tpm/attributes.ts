/** The attributes of an object as bits of TPMA_OBJECT (TPM 2.0 Library, Part 2, §8.3). */
export const ATTRIBUTE = {
  fixedTPM: 0x2,
  fixedParent: 0x10,
  sensitiveDataOrigin: 0x20,
  userWithAuth: 0x40,
  adminWithPolicy: 0x80,
  noDA: 0x400,
  restricted: 0x1_0000,
  decrypt: 0x2_0000,
  sign: 0x4_0000,
} as const

/** The name of an attribute that is looked at here. */
export type AttributeName = keyof typeof ATTRIBUTE

/** What an object's attributes must and must not be. */
export interface AttributeDemands {
  readonly set: readonly AttributeName[]
  readonly clear: readonly AttributeName[]
}

/** Made in a TPM, by its own random generator, and never to leave it. */
const HOME_GROWN: readonly AttributeName[] = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin']

/** A key that decrypts only what was made for the TPM: secrets of its own commands. */
export const ENDORSEMENT_KEY: AttributeDemands = { set: [...HOME_GROWN, 'restricted', 'decrypt'], clear: ['sign'] }

/** A key that signs only what the TPM itself says. */
export const ATTESTATION_KEY: AttributeDemands = { set: [...HOME_GROWN, 'restricted', 'sign'], clear: ['decrypt'] }

/**
 * A key that signs what the device says. A restricted one could not: it signs nothing that looks like the TPM's own
 * words. `decrypt` is not looked at: tpm2-pkcs11 sets it on all its keys.
 */
export const DEVICE_KEY: AttributeDemands = { set: [...HOME_GROWN, 'sign'], clear: ['restricted'] }

/** Says in words which demands `attributes` fails; `undefined` when none. */
export function refusalOf(attributes: number, demands: AttributeDemands): string | undefined {
  const missing = demands.set.filter((name) => (attributes & ATTRIBUTE[name]) === 0)
  if (missing.length > 0) return `it lacks ${missing.join(', ')}`
  const excess = demands.clear.filter((name) => (attributes & ATTRIBUTE[name]) !== 0)
  return excess.length > 0 ? `it has ${excess.join(', ')}` : undefined
}

/** Gives the bits of these attributes. */
export function attributeBits(...names: readonly AttributeName[]): number {
  return names.reduce((bits, name) => bits | ATTRIBUTE[name], 0)
}
