import {
  type ChipPlaces,
  CKR,
  CURVES,
  type CurveRow,
  certificateSlot,
  type DataPlace,
  dataPlace,
  type KeyPlace,
  keyPlace,
  type Pins,
  Refusal,
  readSpki,
  type StoredCertificate,
  type StoredData,
  type StoredKey,
  type StoredObject,
  signatureHalves,
  type TokenSource,
  type WantedCertificate,
  type WantedData,
  type WantedKey,
  writeSpki,
} from '@birthmark/chip/cryptoki'
import { KEY_USAGE, type Metadata } from '@birthmark/chip/trust-x'
import type { TrustX } from '@birthmark/chip/trust-x/adapters'
import { isFault } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { parseCertificate } from '@birthmark/foundation/x509'
import { Gate } from './gate.ts'

/**
 * A Trust X as the source of a token. Its keys are E0F1 to E0F3 and the vendor's E0F0, each with the certificate of the
 * same number; the public halves of keys made here are in F1D0 to F1D3, and the data objects after them are the
 * user's. Labels are the object identifiers, as FreeRTOS's port for this chip has them.
 */
export class TrustXSource implements TokenSource {
  readonly manufacturer = 'Infineon Technologies AG'
  readonly model = 'OPTIGA Trust X'
  readonly serial: string
  readonly firmware = { major: 0x11, minor: 0x18 }
  readonly hardware = true
  readonly curves: readonly CurveRow[] = [CURVES.p256, CURVES.p384]
  readonly pins: Pins | undefined
  readonly #chip: TrustX
  readonly #places: ChipPlaces
  readonly #gate = new Gate(WAITING_COUNT_MAX)
  #objects: readonly StoredObject[] = []

  private constructor(chip: TrustX, serial: string, pins: Pins | undefined, withVendor: boolean) {
    this.#chip = chip
    this.serial = serial
    this.pins = pins
    const pairs = PLACES.pairs.filter(({ id }) => withVendor || id !== VENDOR_ID)
    this.#places = { ...PLACES, pairs }
  }

  /** Reads what the chip holds; the vendor's pair when `withVendor`. The faults are the chip's own. */
  static async open(chip: TrustX, serial: string, pins: Pins | undefined, withVendor: boolean): Promise<TrustXSource> {
    const source = new TrustXSource(chip, serial, pins, withVendor)
    const found: (StoredObject | undefined)[] = []
    for (const place of source.#places.pairs) {
      const certificate = await source.#readCertificate(place.certificate)
      found.push(await source.#readKey(place, certificate), certificate)
    }
    for (const slot of PLACES.anchors) found.push(await source.#readCertificate(slot))
    for (const place of PLACES.data) found.push(await source.#readData(place))
    source.#objects = found.filter((object) => object !== undefined)
    return source
  }

  get objects(): readonly StoredObject[] {
    return this.#objects
  }

  random(count: number): Promise<Uint8Array> {
    return this.#gate.through(() => this.#chip.random(count))
  }

  async sign(key: StoredKey, digest: Uint8Array): Promise<Uint8Array> {
    const der = await this.#gate.through(() => this.#chip.signDigest(key.slot, digest))
    const halves = signatureHalves(der, key.curve.bytes)
    if (halves === undefined) throw new Refusal(CKR.DEVICE_ERROR)
    return halves
  }

  agree({ slot, curve }: StoredKey, point: Uint8Array): Promise<Uint8Array> {
    return this.#gate.through(() => this.#chip.calcSSec(Number(slot), { curve: `ec-${curve.name}`, point }))
  }

  async generateKey(wanted: WantedKey): Promise<StoredKey> {
    const place = keyPlace(this.#places, this.#objects, wanted)
    for (const slot of [place.key, publicKeySlot(place)]) await this.#assertOpen(slot)
    const agreement = wanted.mayDerive ? KEY_USAGE.KEY_AGREEMENT : 0
    const usage = KEY_USAGE.AUTHENTICATION | KEY_USAGE.SIGN | agreement
    const point = await this.#chip.genKeyPair(Number(place.key), `ec-${wanted.curve.name}`, usage)
    const key = keyObject(place, { curve: wanted.curve, point }, { mayDerive: wanted.mayDerive, isChangeable: true })
    await this.#chip.setDataObject(Number(publicKeySlot(place)), keptForm(key), { erase: true })
    this.#put(key)
    return key
  }

  async writeCertificate(wanted: WantedCertificate): Promise<StoredCertificate> {
    const slot = certificateSlot(this.#places, this.#objects, wanted)
    await this.#assertOpen(slot)
    await this.#chip.writeCertificate(slot, wanted.der)
    const written = await this.#readCertificate(slot)
    if (written === undefined) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
    this.#put(written)
    return written
  }

  async writeData(wanted: WantedData): Promise<StoredData> {
    const place = dataPlace(this.#places, this.#objects, wanted)
    if (isErased(wanted.value)) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
    await this.#assertOpen(place.slot)
    await this.#chip.setDataObject(Number(place.slot), wanted.value, { erase: true })
    const data = dataObject(place, wanted.value, true)
    this.#put(data)
    return data
  }

  /** A key is destroyed by another one in its place, of which nobody knows the public half. */
  async destroy(object: StoredObject): Promise<void> {
    if (await this.#chip.isLocked(object.slot)) throw new Refusal(CKR.ACTION_PROHIBITED)
    const oid = Number(object.slot)
    if (object.kind === 'key') {
      await this.#chip.genKeyPair(oid, `ec-${object.curve.name}`, KEY_USAGE.AUTHENTICATION)
      await this.#chip.setDataObject(oid + PUBLIC_KEY_OFFSET, ERASED, { erase: true })
    } else await this.#chip.setDataObject(oid, ERASED, { erase: true })
    this.#objects = this.#objects.filter((each) => each !== object)
  }

  /** Destroys what is not locked; the vendor's identity always is. */
  async erase(): Promise<void> {
    for (const object of this.#objects) {
      if (object.isChangeable && !(await this.#chip.isLocked(object.slot))) await this.destroy(object)
    }
  }

  async #assertOpen(slot: string): Promise<void> {
    if (await this.#chip.isLocked(slot)) throw new Refusal(CKR.TOKEN_WRITE_PROTECTED)
  }

  /** Puts an object in the place of what was in its slot; programs that take the first one get what vendors' expect. */
  #put(object: StoredObject): void {
    const others = this.#objects.filter(({ slot }) => slot !== object.slot)
    this.#objects = [...others, object].toSorted((left, right) => SLOTS.indexOf(left.slot) - SLOTS.indexOf(right.slot))
  }

  /**
   * The chip does not give the public half of a key once it is made. Kept beside it, or certified, it is believed only
   * when the chip proves that it is the one: by a signature that it verifies itself.
   */
  async #readKey(place: KeyPlace, certificate: StoredCertificate | undefined): Promise<StoredKey | undefined> {
    const metadata = await this.#chip.getMetadata(Number(place.key))
    const curve = this.curves.find(({ name }) => ALGORITHMS[name] === metadata.algorithm)
    if (curve === undefined) return undefined
    const digest = systemEntropy.bytes(curve.bytes)
    const signature = await this.#signatureOf(place, digest)
    if (signature === undefined) return undefined
    for (const point of [await this.#keptPoint(place, curve), certifiedPoint(certificate, curve)]) {
      if (point === undefined) continue
      if (!(await this.#chip.verifySign(digest, signature, { curve: `ec-${curve.name}`, point }))) continue
      const isChangeable = !(await this.#chip.isLocked(place.key))
      return keyObject(place, { curve, point }, { mayDerive: mayAgree(metadata), isChangeable })
    }
    return undefined
  }

  /** A key whose usage does not include signatures is no key for this token. */
  async #signatureOf(place: KeyPlace, digest: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      return await this.#chip.signDigest(place.key, digest)
    } catch (error) {
      if (isFault(error, 'TRUST_X_KEY_USAGE') || isFault(error, 'TRUST_X_ACCESS_DENIED')) return undefined
      throw error
    }
  }

  async #keptPoint(place: KeyPlace, curve: CurveRow): Promise<Uint8Array | undefined> {
    const kept = await this.#content(publicKeySlot(place))
    // A point alone is what fits of a P-384 key; of P-256 keys the vendor's OpenSSL engine keeps the whole.
    if (kept?.length === 1 + 2 * curve.bytes) return kept
    const key = kept && readSpki(kept)
    return key?.curve === curve ? key.point : undefined
  }

  async #readCertificate(slot: string): Promise<StoredCertificate | undefined> {
    if ((await this.#content(slot)) === undefined) return undefined
    const der = await this.#chip.readCertificate(slot)
    if (der === undefined) return undefined
    const isLocked = await this.#chip.isLocked(slot)
    return certificateObject(slot, der, isLocked)
  }

  async #readData(place: DataPlace): Promise<StoredData | undefined> {
    const value = await this.#content(place.slot)
    return value && dataObject(place, value, !(await this.#chip.isLocked(place.slot)))
  }

  /** Gives what a data object holds; nothing when it is empty, erased, or must not be read. */
  async #content(slot: string): Promise<Uint8Array | undefined> {
    const { sizeUsed = 0 } = await this.#chip.getMetadata(Number(slot))
    if (sizeUsed === 0) return undefined
    try {
      const content = await this.#chip.getDataObject(Number(slot))
      return isErased(content) ? undefined : content
    } catch (error) {
      if (isFault(error, 'TRUST_X_ACCESS_DENIED')) return undefined
      throw error
    }
  }
}

function keyObject(
  place: KeyPlace,
  { curve, point }: Pick<StoredKey, 'curve' | 'point'>,
  rights: Pick<StoredKey, 'mayDerive' | 'isChangeable'>,
): StoredKey {
  const names = { slot: place.key, label: place.key, alias: `${place.name} key`, id: Uint8Array.of(place.id) }
  return { kind: 'key', ...names, curve, point, ...rights }
}

function certificateObject(slot: string, der: Uint8Array, isLocked: boolean): StoredCertificate {
  const place = PLACES.pairs.find(({ certificate }) => certificate === slot)
  const isAnchor = place === undefined
  const alias = isAnchor ? `trust anchor ${PLACES.anchors.indexOf(slot) + 1}` : `${place.name} certificate`
  const id = isAnchor ? new Uint8Array(0) : Uint8Array.of(place.id)
  const rights = { isAnchor, isTrusted: isAnchor && isLocked, isChangeable: !isLocked }
  return { kind: 'certificate', slot, label: slot, alias, id, der, ...rights }
}

function dataObject({ slot, name }: DataPlace, value: Uint8Array, isChangeable: boolean): StoredData {
  return { kind: 'data', slot, label: slot, alias: name, id: NOTHING, value, application: '', isChangeable }
}

function certifiedPoint(certificate: StoredCertificate | undefined, curve: CurveRow): Uint8Array | undefined {
  if (certificate === undefined) return undefined
  try {
    const key = readSpki(parseCertificate(certificate.der).publicKey)
    return key?.curve === curve ? key.point : undefined
  } catch (error) {
    if (isFault(error, 'CERTIFICATE_UNREADABLE')) return undefined
    throw error
  }
}

function mayAgree({ usage = 0 }: Metadata): boolean {
  return (usage & KEY_USAGE.KEY_AGREEMENT) !== 0
}

/** What a slot of 100 bytes keeps of a public key: all of a P-256 SubjectPublicKeyInfo, of P-384 the point. */
function keptForm(key: StoredKey): Uint8Array {
  return key.curve === CURVES.p256 ? writeSpki(key) : key.point
}

/** The data object that keeps the public half, F1D0 to F1D3: where the vendor's OpenSSL engine has it. */
function publicKeySlot({ key }: KeyPlace): string {
  return hex(Number(key) + PUBLIC_KEY_OFFSET)
}

function hex(oid: number): string {
  return `0x${oid.toString(16).toUpperCase()}`
}

function isErased(content: Uint8Array): boolean {
  return content.length === 0 || (content.length === ERASED.length && content[0] === ERASED[0])
}

/** Data objects of the user's own: F1D0 to F1D3 keep the public halves of keys. */
const SMALL_DATA = Array.from({ length: 12 }, (_, index) => ({
  slot: hex(0xf1d4 + index),
  name: `data ${index + 1}`,
  bytesMax: 100,
}))
const LARGE_DATA = Array.from({ length: 2 }, (_, index) => ({
  slot: hex(0xf1e0 + index),
  name: `large data ${index + 1}`,
  bytesMax: 1500,
}))

const PLACES: ChipPlaces = {
  pairs: [
    { id: 1, key: '0xE0F1', certificate: '0xE0E1', name: 'device 1' },
    { id: 2, key: '0xE0F2', certificate: '0xE0E2', name: 'device 2' },
    { id: 3, key: '0xE0F3', certificate: '0xE0E3', name: 'device 3' },
    { id: 0, key: '0xE0F0', certificate: '0xE0E0', name: 'vendor' },
  ],
  anchors: ['0xE0E8', '0xE0EF'],
  data: [...SMALL_DATA, ...LARGE_DATA],
}

/** CKA_ID of the vendor's pair. */
const VENDOR_ID = 0

/** Every slot, in the order in which programs find what is in them. */
const SLOTS: readonly string[] = [
  ...PLACES.pairs.flatMap(({ key, certificate }) => [key, certificate]),
  ...PLACES.anchors,
  ...PLACES.data.map(({ slot }) => slot),
]

const PUBLIC_KEY_OFFSET = 0x10e0

/** Algorithm identifiers in the metadata of a key slot. */
const ALGORITHMS = { p256: 0x03, p384: 0x04 } as const

/** What FreeRTOS's port writes into an object that is destroyed. */
const ERASED = Uint8Array.of(0)
const NOTHING = new Uint8Array(0)

/**
 * Commands that wait at the chip's driver at a time, which takes 64: programs' calls beyond wait before it. A program
 * has one call under way, so that these are as many as there are connections at most.
 */
const WAITING_COUNT_MAX = 32
