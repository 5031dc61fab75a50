import { createHash } from 'node:crypto'
import { type Attribute, CKA, CKK, CKM, CKR, cryptokiFault } from '@birthmark/chip/cryptoki'
import { isFault, toHex } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { parseCertificate, pointFromSpki } from '@birthmark/foundation/x509'
import { deriveSecret } from './module-derive.ts'
import {
  type KeyRow,
  kindOf,
  type ModuleCurve,
  type ModuleKeyKind,
  parametersOf,
  rowOf,
  spkiOf,
} from './module-keys.ts'
import { distrust } from './module-process.ts'
import { type Handle, isRefusedWith, type ModuleSession, type ObjectFilter, templateOf } from './module-session.ts'

/** Names a key pair of a token: by label, by CKA_ID, or by both. */
export type KeyName = Omit<ObjectFilter, 'kind'>

/** The keys of a token in one session. What they are and where is asked once; signing is then two calls in one go. */
export class ModuleKeyStore {
  readonly #session: ModuleSession
  readonly #known = new Map<string, Promise<KnownKey>>()

  constructor(session: ModuleSession) {
    this.#session = session
  }

  /** Makes a key pair, never extractable; gives the public half. */
  async generate({ label, id, curve, mayDerive }: WantedPair): Promise<Uint8Array> {
    this.forget()
    const parameters = { type: CKA.EC_PARAMS, value: parametersOf(curve) }
    const make = async (name: KeyName): Promise<Handle> => {
      const common: readonly Attribute[] = [...templateOf(name), { type: CKA.KEY_TYPE, value: CKK.EC }]
      const [publicKey] = await this.#session.call(
        'GenerateKeyPair',
        { type: CKM.EC_KEY_PAIR_GEN },
        [...common, parameters, { type: CKA.VERIFY, value: 1 }],
        [...common, ...PRIVATE_KEY, ...(mayDerive ? [{ type: CKA.DERIVE, value: 1 }] : [])],
      )
      return publicKey
    }
    return this.#spki(curve, await (id === undefined ? this.#makeNumbered(label, make) : make({ label, id })))
  }

  /** Gives the kind of a key pair and its public half, of the public key object or else of the certificate. */
  async publicKey(name: KeyName): Promise<{ readonly kind: ModuleKeyKind; readonly spki: Uint8Array }> {
    const { handle, row } = await this.#key(name)
    const { id, label } = await this.#session.describe(handle)
    const pair = id.length === 0 ? { label } : { id }
    const [publicKey] = await this.#session.find(templateOf({ kind: 'public-key', ...pair }))
    if (publicKey !== undefined) return { kind: row.kind, spki: await this.#spki(row.kind, publicKey) }
    const [certificate] = await this.#session.find(templateOf({ kind: 'certificate', ...pair }))
    if (certificate === undefined) throw cryptokiFault('CRYPTOKI_OBJECT_MISSING', { kind: 'public key' })
    const der = await this.#session.readBytes(certificate, CKA.VALUE)
    return { kind: row.kind, spki: parseCertificate(der).publicKey }
  }

  /** Signs a digest of the key's own hash; gives the signature as certificates have it. */
  async sign(name: KeyName, digest: Uint8Array): Promise<Uint8Array> {
    return this.#use(name, async ({ handle, row }) => {
      if (digest.length !== row.digestBytes) throw cryptokiFault('CRYPTOKI_VALUE_SHAPE', { what: 'a digest' })
      const [, [signature]] = await Promise.all([
        this.#session.call('SignInit', { type: row.mechanism }, handle),
        this.#session.call('Sign', row.input(digest), SIGNATURE_ROOM_BYTES),
      ])
      const made = signature instanceof Uint8Array ? row.fromModule(signature) : undefined
      if (made === undefined) throw distrust(this.#session.connection, 'signature')
      return made
    })
  }

  /** Has the token verify a signature over a message with the public key object of this name. */
  async verify(name: KeyName, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const object = await this.#session.demand({ ...name, kind: 'public-key' })
    const row = rowOf(kindOf(await this.#session.read(object, [CKA.KEY_TYPE, CKA.EC_PARAMS])))
    const expected = row.toModule(signature)
    if (expected === undefined) return false
    try {
      await Promise.all([
        this.#session.call('VerifyInit', { type: row.mechanism }, object),
        this.#session.call('Verify', row.input(createHash(row.hash).update(message).digest()), expected),
      ])
      return true
    } catch (error) {
      if (isRefusedWith(error, [CKR.SIGNATURE_INVALID, CKR.SIGNATURE_LEN_RANGE])) return false
      throw error
    }
  }

  /** Agrees on a secret with another key of the same curve (SP 800-56A §5.7.1.2); gives the x coordinate. */
  derive(name: KeyName, peer: Uint8Array): Promise<Uint8Array> {
    return this.#use(name, ({ handle, row }) => deriveSecret(this.#session, handle, pointOf(peer), row.digestBytes))
  }

  /** Forgets where keys are: one was made or destroyed. */
  forget(): void {
    this.#known.clear()
  }

  /** Makes a pair with a number of its own; a token that has fixed numbers refuses it, and gives its own. */
  async #makeNumbered(label: string, make: (name: KeyName) => Promise<Handle>): Promise<Handle> {
    try {
      return await make({ label, id: systemEntropy.bytes(ID_BYTES) })
    } catch (error) {
      if (!isRefusedWith(error, ID_REFUSALS)) throw error
      return make({ label })
    }
  }

  /** Acts with a key; once more when the module says that the key is another object by now. */
  async #use<Value>(name: KeyName, act: (key: KnownKey) => Promise<Value>): Promise<Value> {
    try {
      return await act(await this.#key(name))
    } catch (error) {
      if (!isRefusedWith(error, [CKR.KEY_HANDLE_INVALID, CKR.OBJECT_HANDLE_INVALID])) throw error
      this.forget()
      return act(await this.#key(name))
    }
  }

  #key(name: KeyName): Promise<KnownKey> {
    const text = `${name.label ?? ''}|${name.id === undefined ? '' : toHex(name.id)}`
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const found = this.#lookUp(name)
    this.#known.set(text, found)
    // What is not there now may be there later.
    found.catch(() => this.#known.delete(text))
    return found
  }

  async #lookUp(name: KeyName): Promise<KnownKey> {
    const handle = await this.#session.demand({ ...name, kind: 'private-key' })
    return { handle, row: rowOf(kindOf(await this.#session.read(handle, [CKA.KEY_TYPE, CKA.EC_PARAMS]))) }
  }

  async #spki(kind: ModuleKeyKind, publicKey: Handle): Promise<Uint8Array> {
    const spki = spkiOf(kind, await this.#session.read(publicKey, PUBLIC_ATTRIBUTES))
    if (spki === undefined) throw distrust(this.#session.connection, 'public key')
    return spki
  }
}

interface WantedPair {
  readonly label: string
  /** CKA_ID of both halves; random when absent. */
  readonly id: Uint8Array | undefined
  readonly curve: ModuleCurve
  readonly mayDerive: boolean
}

interface KnownKey {
  readonly handle: Handle
  readonly row: KeyRow
}

function pointOf(spki: Uint8Array): Uint8Array {
  try {
    return pointFromSpki(spki)
  } catch (error) {
    if (isFault(error)) throw cryptokiFault('CRYPTOKI_KEY_UNSUPPORTED', { why: 'it is on no known curve' }, error)
    throw error
  }
}

/** What tokens say to a CKA_ID that they do not let a program choose. */
const ID_REFUSALS: readonly bigint[] = [
  CKR.ATTRIBUTE_READ_ONLY,
  CKR.ATTRIBUTE_TYPE_INVALID,
  CKR.ATTRIBUTE_VALUE_INVALID,
  CKR.TEMPLATE_INCONSISTENT,
]

/** Of a key pair's CKA_ID: enough that two never meet on one token. */
const ID_BYTES = 8

const PUBLIC_ATTRIBUTES: readonly number[] = [CKA.EC_POINT, CKA.MODULUS, CKA.PUBLIC_EXPONENT]

const PRIVATE_KEY: readonly Attribute[] = [
  { type: CKA.PRIVATE, value: 1 },
  { type: CKA.SENSITIVE, value: 1 },
  { type: CKA.EXTRACTABLE, value: 0 },
  { type: CKA.SIGN, value: 1 },
]

/** Room for a signature: RSA-4096 needs 512. */
const SIGNATURE_ROOM_BYTES = 512
