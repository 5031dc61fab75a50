import { type KeyPlace, Token, type TokenOptions, type TokenSource } from '@birthmark/chip/cryptoki'
import type { TrustX } from '@birthmark/chip/trust-x/adapters'
import { isFault } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { parseCertificate, pointFromSpki } from '@birthmark/foundation/x509'

/**
 * Opens a Trust X as a token. Its keys are E0F1 to E0F3 and the vendor's E0F0, each with the certificate of the same
 * number; labels are the object identifiers, as FreeRTOS's port for this chip has them.
 */
export function openTrustXToken(chip: TrustX, options: TokenOptions = {}): Promise<Token> {
  return chip.identify().then(({ uid }) => {
    const serial = uid.slice(UID_UNIQUE_FROM, UID_UNIQUE_TO)
    return Token.open(trustXSource(chip, serial), { label: `trust-x-${serial}`, ...options })
  })
}

function trustXSource(chip: TrustX, serial: string): TokenSource {
  return {
    element: chip,
    manufacturer: 'Infineon Technologies AG',
    serial,
    pairs: PLACES,
    anchors: ['0xE0E8', '0xE0EF'],
    publicKeyOf: (place) => publicKeyOf(chip, place),
    keepPublicKey: (place, spki) => chip.setDataObject(publicKeyOid(place), spki, { erase: true }),
    eraseCertificate: (slot) => chip.setDataObject(Number(slot), ERASED, { erase: true }),
  }
}

/**
 * The chip does not give the public half of a key once it is made. Kept beside it, or certified, it is believed only
 * when the chip proves that it is the one: by a signature that it verifies itself.
 */
async function publicKeyOf(chip: TrustX, place: KeyPlace): Promise<Uint8Array | undefined> {
  const { algorithm } = await chip.getMetadata(Number(place.key))
  if (algorithm !== ALGORITHM_P256) return undefined
  const digest = systemEntropy.bytes(DIGEST_BYTES)
  const signature = await signatureOf(chip, place, digest)
  if (signature === undefined) return undefined
  for (const spki of [await keptPublicKey(chip, place), await certifiedPublicKey(chip, place)]) {
    const point = spki && p256Point(spki)
    if (point === undefined) continue
    if (await chip.verifySign(digest, signature, { curve: 'ec-p256', point })) return spki
  }
  return undefined
}

/** A key whose usage does not include signatures is no key for this token. */
async function signatureOf(chip: TrustX, place: KeyPlace, digest: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    return await chip.signDigest(place.key, digest)
  } catch (error) {
    if (isFault(error, 'TRUST_X_KEY_USAGE') || isFault(error, 'TRUST_X_ACCESS_DENIED')) return undefined
    throw error
  }
}

async function keptPublicKey(chip: TrustX, place: KeyPlace): Promise<Uint8Array | undefined> {
  const oid = publicKeyOid(place)
  const { sizeUsed } = await chip.getMetadata(oid)
  return sizeUsed === undefined || sizeUsed === 0 ? undefined : chip.getDataObject(oid)
}

async function certifiedPublicKey(chip: TrustX, place: KeyPlace): Promise<Uint8Array | undefined> {
  const der = await chip.readCertificate(place.certificate)
  if (der === undefined) return undefined
  try {
    return parseCertificate(der).publicKey
  } catch (error) {
    if (isFault(error, 'CERTIFICATE_UNREADABLE')) return undefined
    throw error
  }
}

function p256Point(spki: Uint8Array): Uint8Array | undefined {
  try {
    const point = pointFromSpki(spki)
    return point.length === POINT_BYTES ? point : undefined
  } catch (error) {
    if (isFault(error, 'KEY_UNREADABLE')) return undefined
    throw error
  }
}

/** The data object that keeps the public half, F1D0 to F1D3: where the vendor's OpenSSL engine has it. */
function publicKeyOid({ key }: KeyPlace): number {
  return Number(key) + 0x10e0
}

const PLACES: readonly KeyPlace[] = [
  { id: 1, key: '0xE0F1', certificate: '0xE0E1', name: 'device 1' },
  { id: 2, key: '0xE0F2', certificate: '0xE0E2', name: 'device 2' },
  { id: 3, key: '0xE0F3', certificate: '0xE0E3', name: 'device 3' },
  { id: 0, key: '0xE0F0', certificate: '0xE0E0', name: 'vendor' },
]

/** The hex digits of the UID that number the chip: batch and place on the wafer, without the last two of 20. */
const UID_UNIQUE_FROM = 26
const UID_UNIQUE_TO = 42

const ALGORITHM_P256 = 0x03
const DIGEST_BYTES = 32
const POINT_BYTES = 65

/** What FreeRTOS's port writes into an object that is destroyed. */
const ERASED = Uint8Array.of(0)
