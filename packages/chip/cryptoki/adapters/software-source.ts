import {
  CKR,
  CURVES,
  type CurveRow,
  cryptokiFault,
  type Pins,
  Refusal,
  type StoredCertificate,
  type StoredData,
  type StoredKey,
  type StoredObject,
  type TokenSource,
  type WantedCertificate,
  type WantedData,
  type WantedKey,
  writeSpki,
} from '@birthmark/chip/cryptoki'
import { nodeCrypto } from '@birthmark/chip/trust-x/adapters'
import { concat, encodeUtf8, equalBytes } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { pinsIn } from './pin-store.ts'
import { decrypt, encrypt, SEAL_COST, type SealCost } from './seal.ts'
import type { FiledObject, SoftwareFile } from './software-file.ts'

/**
 * A token whose keys are in an encrypted file, for those without a chip. Private keys are in memory only while a user
 * is logged in; arithmetic on them does not take constant time.
 */
export class SoftwareSource implements TokenSource {
  readonly manufacturer = 'Birthmark'
  readonly model = 'software token'
  readonly serial: string
  readonly firmware = { major: 1, minor: 0 }
  readonly hardware = false
  readonly curves: readonly CurveRow[] = [CURVES.p256, CURVES.p384]
  readonly pins: Pins
  readonly #file: SoftwareFile
  #objects: readonly StoredObject[]
  #secret: Uint8Array | undefined
  readonly #scalars = new Map<StoredKey, Uint8Array>()

  constructor(file: SoftwareFile, cost: SealCost = SEAL_COST) {
    this.#file = file
    this.serial = file.content.serial
    this.#objects = file.content.objects.map(({ stored }) => stored)
    const store = {
      get record() {
        return file.content.pins
      },
      write: (pins: typeof file.content.pins) => file.write({ ...file.content, pins }),
    }
    this.pins = pinsIn(store, { isOpenWithoutPin: false, cost })
  }

  get objects(): readonly StoredObject[] {
    return this.#objects
  }

  opened(secret: Uint8Array): void {
    // A second program's login opens the same secret again.
    if (this.#secret === undefined) this.#secret = secret
    else secret.fill(0)
  }

  closed(): void {
    this.#secret?.fill(0)
    this.#secret = undefined
    for (const scalar of this.#scalars.values()) scalar.fill(0)
    this.#scalars.clear()
  }

  async random(count: number): Promise<Uint8Array> {
    return systemEntropy.bytes(count)
  }

  async sign(key: StoredKey, digest: Uint8Array): Promise<Uint8Array> {
    const { r, s } = nodeCrypto.sign(`ec-${key.curve.name}`, this.#scalarOf(key), digest)
    return concat(r, s)
  }

  async agree(key: StoredKey, point: Uint8Array): Promise<Uint8Array> {
    const secret = nodeCrypto.agree(`ec-${key.curve.name}`, this.#scalarOf(key), point)
    if (secret === undefined) throw new Refusal(CKR.MECHANISM_PARAM_INVALID)
    return secret
  }

  async generateKey({ curve, mayDerive, label, id }: WantedKey): Promise<StoredKey> {
    const { scalar, point } = nodeCrypto.generateKey(`ec-${curve.name}`)
    const slot = this.#freeSlot()
    const stored: StoredKey = {
      kind: 'key',
      slot,
      label: label ?? `key ${slot}`,
      id: id ?? encodeUtf8(slot),
      isChangeable: true,
      curve,
      point,
      mayDerive,
    }
    this.#add({ stored, box: encrypt(this.#openSecret(), scalar, bindingOf(stored)) })
    this.#scalars.set(stored, scalar)
    return stored
  }

  async writeCertificate({ der, publicKey, label, id }: WantedCertificate): Promise<StoredCertificate> {
    const certified = this.#objects.find((each) => each.kind === 'key' && equalBytes(writeSpki(each), publicKey))
    const slot = this.#freeSlot()
    const stored: StoredCertificate = {
      kind: 'certificate',
      slot,
      label: label ?? certified?.label ?? `certificate ${slot}`,
      id: id ?? certified?.id ?? new Uint8Array(0),
      isChangeable: true,
      der,
      isAnchor: certified === undefined,
      isTrusted: false,
    }
    this.#add({ stored })
    return stored
  }

  async writeData({ value, application, label }: WantedData): Promise<StoredData> {
    const slot = this.#freeSlot()
    const names = { slot, label: label ?? `data ${slot}`, id: new Uint8Array(0) }
    const stored: StoredData = { kind: 'data', ...names, isChangeable: true, value, application }
    this.#add({ stored })
    return stored
  }

  async destroy(object: StoredObject): Promise<void> {
    this.#replace(this.#file.content.objects.filter(({ stored }) => stored !== object))
    if (object.kind !== 'key') return
    this.#scalars.get(object)?.fill(0)
    this.#scalars.delete(object)
  }

  async erase(): Promise<void> {
    this.#replace([])
  }

  #scalarOf(key: StoredKey): Uint8Array {
    const known = this.#scalars.get(key)
    if (known !== undefined) return known
    const box = this.#file.content.objects.find(({ stored }) => stored === key)?.box
    const scalar = box && decrypt(this.#openSecret(), box, bindingOf(key))
    if (scalar === undefined) {
      throw cryptokiFault('CRYPTOKI_FILE_DAMAGED', { path: this.#file.path, why: 'a private key cannot be decrypted' })
    }
    this.#scalars.set(key, scalar)
    return scalar
  }

  #openSecret(): Uint8Array {
    if (this.#secret === undefined) throw new Refusal(CKR.USER_NOT_LOGGED_IN)
    return this.#secret
  }

  #add(object: FiledObject): void {
    const { stored } = object
    const { objects } = this.#file.content
    const bytes = stored.kind === 'data' ? stored.value.length : stored.kind === 'certificate' ? stored.der.length : 0
    if (objects.length >= OBJECTS_COUNT_MAX || bytes > OBJECT_BYTES_MAX) throw new Refusal(CKR.DEVICE_MEMORY)
    this.#replace([...objects, object])
  }

  #replace(objects: readonly FiledObject[]): void {
    this.#file.write({ ...this.#file.content, objects })
    this.#objects = objects.map(({ stored }) => stored)
  }

  #freeSlot(): string {
    const numbers = this.#objects.map(({ slot }) => Number(slot))
    return String(Math.max(0, ...numbers) + 1)
  }
}

/** What a private key's box is bound to, so that two cannot be exchanged in the file. */
function bindingOf({ slot, curve, point }: StoredKey): Uint8Array {
  return concat(encodeUtf8(`${slot} ${curve.name} `), point)
}

/** Objects in one token, and bytes of one: far above what a device needs. At the limit: CKR_DEVICE_MEMORY. */
const OBJECTS_COUNT_MAX = 64
const OBJECT_BYTES_MAX = 16_384
