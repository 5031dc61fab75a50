/** An elliptic curve as this code base names it. */
export type CurveName = 'ec-p256' | 'ec-p384'

/** Everything that is fixed about one curve on the chip. */
export interface Curve {
  readonly name: CurveName
  /** Algorithm identifier in commands and in metadata tag E0. */
  readonly algorithm: number
  /** Of a scalar, and of one coordinate. */
  readonly bytes: number
  /** Value of its named-curve object identifier in certificates, without tag and length. */
  readonly oid: Uint8Array
}

/** The chip's curves: NIST P-256 and P-384 (data sheet v2.70). */
export const CURVES: ReadonlyMap<number, Curve> = new Map([
  [
    0x03,
    {
      name: 'ec-p256',
      algorithm: 0x03,
      bytes: 32,
      oid: Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07),
    },
  ],
  [0x04, { name: 'ec-p384', algorithm: 0x04, bytes: 48, oid: Uint8Array.of(0x2b, 0x81, 0x04, 0x00, 0x22) }],
])

/** Key usage bits, OR-able (host library). */
export const KEY_USAGE = {
  AUTHENTICATION: 0x01,
  ENCRYPTION: 0x02,
  FIRMWARE_UPDATE: 0x04,
  DEVICE_MANAGEMENT: 0x08,
  SIGN: 0x10,
  KEY_AGREEMENT: 0x20,
} as const

/** All bits of {@link KEY_USAGE}. */
export const KEY_USAGE_ALL = 0x3f
