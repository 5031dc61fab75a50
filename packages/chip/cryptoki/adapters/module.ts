import { createHash } from 'node:crypto'
import type { ElementIdentity, IdentitySlots, SecureElement } from '@birthmark/chip'
import {
  type Attribute,
  CKA,
  CKK,
  CKM,
  CKO,
  cryptokiFault,
  ecPointOf,
  P256_PARAMETERS,
  readCertificateFields,
  signatureFromHalves,
} from '@birthmark/chip/cryptoki'
import { encodeUtf8, toHex } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import type { Signer } from '@birthmark/foundation/x509'
import { labelled, type ModuleOptions, malformed, type OpenToken, ofClass, openToken, textOf } from './open-token.ts'

/**
 * A vendor's PKCS#11 module as a {@link SecureElement}, in a process of its own (`p11-kit remote`). A module that
 * crashes, hangs or answers nonsense fails the call that met it; the next call starts it again.
 *
 * Slots are labels of objects. A module has no common way to make an object unchangeable, so {@link lock} refuses.
 */
export class CryptokiModule implements SecureElement {
  readonly defaultSlots: IdentitySlots = {
    key: 'device key',
    certificate: 'device certificate',
    trustAnchor: 'trust anchor',
  }
  readonly #path: string
  readonly #options: ModuleOptions
  #opened: Promise<OpenToken> | undefined

  private constructor(path: string, options: ModuleOptions) {
    this.#path = path
    this.#options = options
  }

  /**
   * Starts the module at `path`, finds the token and logs in.
   *
   * @throws `CRYPTOKI_TOKEN_MISSING`, `CRYPTOKI_REFUSED` (a wrong PIN), `CRYPTOKI_MODULE_LOST` (no such module, or
   *   p11-kit is not installed), `CRYPTOKI_MODULE_SILENT`
   */
  static async open(path: string, options: ModuleOptions): Promise<CryptokiModule> {
    const module = new CryptokiModule(path, options)
    await module.#token()
    return module
  }

  async identify(): Promise<ElementIdentity> {
    const { connection, slotId } = await this.#token()
    const info = await connection.call('GetTokenInfo', [slotId])
    const [model, serial, firmware] = [textOf(info[2]), textOf(info[3]), info[16]]
    const uid = /^[0-9a-fA-F]+$/.test(serial) ? serial.toLowerCase() : toHex(encodeUtf8(serial))
    return { uid, model, firmware: `${firmware.major}.${firmware.minor}` }
  }

  /** Makes a P-256 key pair under this label; a pair that had it before is destroyed first. */
  async generateKey(slot: string): Promise<Uint8Array> {
    const token = await this.#token()
    for (const kind of [CKO.PRIVATE_KEY, CKO.PUBLIC_KEY]) await token.destroy(kind, slot)
    const common = [...labelled(slot), { type: CKA.ID, value: systemEntropy.bytes(ID_BYTES) }]
    const [publicKey] = await token.connection.call('GenerateKeyPair', [
      token.session,
      { type: CKM.EC_KEY_PAIR_GEN },
      [...common, { type: CKA.EC_PARAMS, value: P256_PARAMETERS }, { type: CKA.VERIFY, value: 1 }],
      [...common, ...PRIVATE_KEY],
    ])
    return token.publicKey(publicKey)
  }

  /** @throws `CRYPTOKI_OBJECT_MISSING`, `CRYPTOKI_REFUSED`, `CRYPTOKI_MODULE_LOST`, `CRYPTOKI_MODULE_SILENT` */
  async signDigest(slot: string, digest: Uint8Array): Promise<Uint8Array> {
    const token = await this.#token()
    return token.inTurn(async () => {
      const key = await token.demand(CKO.PRIVATE_KEY, slot, 'private key')
      await token.connection.call('SignInit', [token.session, { type: CKM.ECDSA }, key])
      const [halves] = await token.connection.call('Sign', [token.session, digest, SIGNATURE_ROOM_BYTES])
      if (!(halves instanceof Uint8Array) || halves.length !== SIGNATURE_BYTES) throw malformed('signature')
      return signatureFromHalves(halves)
    })
  }

  async random(count: number): Promise<Uint8Array> {
    const { connection, session } = await this.#token()
    const [bytes] = await connection.call('GenerateRandom', [session, count])
    if (!(bytes instanceof Uint8Array) || bytes.length !== count) throw malformed('random number')
    return bytes
  }

  async readCertificate(slot: string): Promise<Uint8Array | undefined> {
    const token = await this.#token()
    const [certificate] = await token.find([...ofClass(CKO.CERTIFICATE), ...labelled(slot)])
    return certificate === undefined ? undefined : token.bytes(certificate, CKA.VALUE)
  }

  async writeCertificate(slot: string, der: Uint8Array): Promise<void> {
    const token = await this.#token()
    const fields = readCertificateFields(der)
    if (fields === undefined) throw cryptokiFault('CRYPTOKI_VALUE_SHAPE', { what: 'a certificate' })
    const certified = [...ofClass(CKO.PUBLIC_KEY), { type: CKA.EC_POINT, value: ecPointOf(fields.publicKeyInfo) }]
    const [key] = await token.find(certified)
    const id = key === undefined ? [] : [{ type: CKA.ID, value: await token.bytes(key, CKA.ID) }]
    await token.destroy(CKO.CERTIFICATE, slot)
    const template = [
      ...ofClass(CKO.CERTIFICATE),
      ...labelled(slot),
      ...id,
      { type: CKA.CERTIFICATE_TYPE, value: 0n },
      { type: CKA.SUBJECT, value: fields.subject },
      { type: CKA.ISSUER, value: fields.issuer },
      { type: CKA.SERIAL_NUMBER, value: fields.serialNumber },
      { type: CKA.VALUE, value: der },
    ]
    await token.connection.call('CreateObject', [token.session, template])
  }

  /** @throws `CRYPTOKI_NOT_SUPPORTED` always */
  lock(): Promise<void> {
    return Promise.reject(cryptokiFault('CRYPTOKI_NOT_SUPPORTED', { what: 'make an object unchangeable' }))
  }

  isLocked(): Promise<boolean> {
    return Promise.resolve(false)
  }

  /**
   * Gives the key under a label as a {@link Signer}, for an authority whose keys are in an HSM.
   *
   * @throws `CRYPTOKI_OBJECT_MISSING`
   */
  async signer(slot: string): Promise<Signer> {
    const token = await this.#token()
    await token.demand(CKO.PRIVATE_KEY, slot, 'private key')
    const publicKey = await token.publicKey(await token.demand(CKO.PUBLIC_KEY, slot, 'public key'))
    return {
      algorithm: 'ecdsa-p256-sha256',
      publicKey,
      sign: (message) => this.signDigest(slot, createHash('sha256').update(message).digest()),
    }
  }

  /** Ends the module's process. */
  async close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    const token = await opened?.catch(() => undefined)
    token?.connection.close()
  }

  async #token(): Promise<OpenToken> {
    const token = await this.#opened?.catch(() => undefined)
    if (token !== undefined && !token.connection.isLost) return token
    this.#opened = openToken(this.#path, this.#options)
    return this.#opened
  }
}

const PRIVATE_KEY: readonly Attribute[] = [
  { type: CKA.KEY_TYPE, value: CKK.EC },
  { type: CKA.PRIVATE, value: 1 },
  { type: CKA.SENSITIVE, value: 1 },
  { type: CKA.EXTRACTABLE, value: 0 },
  { type: CKA.SIGN, value: 1 },
]

/** r and s of P-256, and room for what a module may first answer. */
const SIGNATURE_BYTES = 64
const SIGNATURE_ROOM_BYTES = 512

const ID_BYTES = 8
