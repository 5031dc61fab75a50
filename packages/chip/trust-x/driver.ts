import type { I2cMaster, StopSignal } from '@birthmark/chip/i2c'
import { concat, concatShortLived, isFault, uint16 } from '@birthmark/foundation/kernel'
import { COMMAND, DATA_BYTES_MAX, decodeFields, encodeField } from './apdu.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { CURVES, type Curve, type CurveName } from './curves.ts'
import { DER, readElement, writeShort } from './der.ts'
import { trustXFault } from './faults.ts'
import { decodeMetadata, type Metadata } from './metadata.ts'

/** A public key for the chip to use: curve and uncompressed point, 04 X Y. */
export interface PublicKey {
  readonly curve: CurveName
  readonly point: Uint8Array
}

/**
 * The commands of a Trust X, typed, over any bus. Calls may overlap: they are done one after another.
 *
 * Every method may throw `TRUST_X_COMMAND_LOST`, `TRUST_X_RESPONSE_INVALID`, `TRUST_X_QUEUE_FULL` and
 * `TRUST_X_NOT_AVAILABLE` (the chip was reset in between); their context tells by `executed` whether the command took
 * effect. What a method's own documentation lists was refused by the chip and had no effect.
 */
export class TrustXDriver {
  protected readonly connection: Connection
  readonly #signal: StopSignal | undefined

  /** @param bus Where the chip is; or the connection of another driver to the same chip, see {@link until}. */
  constructor(bus: I2cMaster | Connection, options: ConnectionOptions, signal?: StopSignal) {
    this.connection = bus instanceof Connection ? bus : new Connection(bus, options)
    this.#signal = signal
  }

  /**
   * Gives the same chip to work with until `signal` is given. A call that waits for its turn is dropped then; one under
   * way is broken off, and the chip is reset before the next command. Both fail with `TRUST_X_CANCELLED`, whose context
   * tells by `executed` whether the command may have taken effect.
   *
   * ```ts
   * const signature = await chip.until(AbortSignal.timeout(500)).calcSign(0xe0f1, digest)
   * ```
   */
  until(signal: StopSignal): TrustXDriver {
    return new TrustXDriver(this.connection, this.connection.options, signal)
  }

  /**
   * Reads the content of a data object from `offset` to its end, in as many pieces as it takes.
   *
   * @throws `TRUST_X_INVALID_OID`, `TRUST_X_ACCESS_DENIED`, `TRUST_X_BOUNDARY_EXCEEDED`
   */
  getDataObject(oid: number, offset = 0): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      const pieces: Uint8Array[] = []
      for (let at = offset; ; at += READ_BYTES_MAX) {
        const piece = await this.#readPiece(oid, at, at > offset || at === 0)
        pieces.push(piece)
        if (piece.length < READ_BYTES_MAX) return pieces.length === 1 ? piece : concat(...pieces)
      }
    })
  }

  /**
   * Reads the metadata of an object: lifecycle, sizes, access conditions.
   *
   * @throws `TRUST_X_INVALID_OID`
   */
  async getMetadata(oid: number): Promise<Metadata> {
    const block = await this.#command('GetDataObject', COMMAND.GET_DATA_OBJECT, PARAM.METADATA, uint16(oid))
    const metadata = decodeMetadata(block)
    if (metadata === undefined) throw invalidResponse('GetDataObject')
    return metadata
  }

  /**
   * Writes into a data object, in as many pieces as it takes. With `erase` what was there before is gone, also when
   * a later piece fails; a fault in a later piece says `executed: 'unknown'`, because those before are written.
   *
   * @throws `TRUST_X_INVALID_OID`, `TRUST_X_ACCESS_DENIED`, `TRUST_X_BOUNDARY_EXCEEDED`, `TRUST_X_INVALID_FIELD`
   */
  setDataObject(
    oid: number,
    data: Uint8Array,
    options: { readonly offset?: number; readonly erase?: boolean } = {},
  ): Promise<void> {
    return this.#inTurn(async () => {
      let param: number = options.erase === true ? PARAM.ERASE : PARAM.CONTENT
      for (let at = 0; at === 0 || at < data.length; at += WRITE_BYTES_MAX) {
        const place = concatShortLived(uint16(oid), uint16((options.offset ?? 0) + at))
        const piece = data.subarray(at, at + WRITE_BYTES_MAX)
        const command = { name: 'SetDataObject', code: COMMAND.SET_DATA_OBJECT, param, data: [place, piece] }
        await this.connection.send({ ...command, follows: at > 0 }, this.#signal)
        param = PARAM.CONTENT
      }
    })
  }

  /**
   * Changes tags of an object's metadata; those that `tags` leaves out stay.
   *
   * @param tags Elements of tag(1) length(1) value, without the leading 20 and length.
   * @throws `TRUST_X_INVALID_OID`, `TRUST_X_ACCESS_DENIED` (a lifecycle goes up only, conditions freeze),
   *   `TRUST_X_METADATA_TRUNCATED`, `TRUST_X_INVALID_FIELD`
   */
  async setMetadata(oid: number, tags: Uint8Array): Promise<void> {
    const block = concatShortLived(uint16(oid), uint16(0), Uint8Array.of(0x20, tags.length), tags)
    await this.#command('SetDataObject', COMMAND.SET_DATA_OBJECT, PARAM.METADATA, block)
  }

  /**
   * Gives 8 to 256 random bytes, from the true generator or from the deterministic one.
   *
   * @throws `TRUST_X_INVALID_FIELD` for other counts
   */
  async getRandom(count: number, generator: 'true' | 'deterministic' = 'true'): Promise<Uint8Array> {
    const param = generator === 'true' ? PARAM.TRNG : PARAM.DRNG
    const bytes = await this.#command('GetRandom', COMMAND.GET_RANDOM, param, uint16(count))
    if (bytes.length !== count) throw invalidResponse('GetRandom')
    return bytes
  }

  /**
   * Makes a key pair in a key slot (E0F0 to E0F3) or session (E100 to E103) and gives its public point.
   *
   * @param usage Bits of {@link KEY_USAGE}.
   * @throws `TRUST_X_INVALID_OID`, `TRUST_X_ACCESS_DENIED` when the slot is locked, `TRUST_X_INVALID_FIELD`
   */
  async genKeyPair(oid: number, curve: CurveName, usage: number): Promise<Uint8Array> {
    const place = concatShortLived(encodeField(0x01, uint16(oid)), encodeField(0x02, Uint8Array.of(usage)))
    const answer = await this.#command('GenKeyPair', COMMAND.GEN_KEY_PAIR, curveOf(curve).algorithm, place)
    return fieldContent(answer, 0x02, DER.BIT_STRING, 'GenKeyPair').subarray(1)
  }

  /** Makes a key pair that the chip does not keep: the private scalar leaves it. */
  async exportKeyPair(curve: CurveName): Promise<{ readonly scalar: Uint8Array; readonly point: Uint8Array }> {
    const algorithm = curveOf(curve).algorithm
    const answer = await this.#command('GenKeyPair', COMMAND.GEN_KEY_PAIR, algorithm, EXPORT)
    const scalar = fieldContent(answer, 0x01, DER.OCTET_STRING, 'GenKeyPair')
    return { scalar, point: fieldContent(answer, 0x02, DER.BIT_STRING, 'GenKeyPair').subarray(1) }
  }

  /**
   * Signs a digest with ECDSA.
   *
   * @param digest 10 bytes up to the length of the curve.
   * @returns The DER `ECDSA-Sig-Value`: SEQUENCE of r and s (RFC 3279 §2.2.3).
   * @throws `TRUST_X_INVALID_OID`, `TRUST_X_KEY_USAGE`, `TRUST_X_ACCESS_DENIED`, `TRUST_X_INVALID_FIELD`
   */
  async calcSign(oid: number, digest: Uint8Array): Promise<Uint8Array> {
    const data = concatShortLived(encodeField(0x01, digest), encodeField(0x03, uint16(oid)))
    return signatureOf(await this.#command('CalcSign', COMMAND.CALC_SIGN, PARAM.ECDSA, data), 'CalcSign')
  }

  /**
   * Tells whether `signature` (DER `ECDSA-Sig-Value`) is the one over `digest`, by a certificate in the chip or by a
   * key from the host.
   *
   * @throws `TRUST_X_INVALID_OID`, `TRUST_X_CERTIFICATE_REFUSED`, `TRUST_X_KEY_USAGE`, `TRUST_X_INVALID_FIELD`
   */
  async verifySign(
    digest: Uint8Array,
    signature: Uint8Array,
    key: PublicKey | { readonly certificate: number },
  ): Promise<boolean> {
    const integers = readElement(signature, 0)
    if (integers?.tag !== DER.SEQUENCE || integers.next !== signature.length) return false
    const by = 'certificate' in key ? encodeField(0x04, uint16(key.certificate)) : encodePublicKey(key)
    const data = concatShortLived(encodeField(0x01, digest), encodeField(0x02, integers.content), by)
    try {
      await this.#command('VerifySign', COMMAND.VERIFY_SIGN, PARAM.ECDSA, data)
      return true
    } catch (error) {
      if (isFault(error, 'TRUST_X_SIGNATURE_WRONG')) return false
      throw error
    }
  }

  /**
   * Computes the ECDH secret of a private key in the chip and a public key, and gives it to the host.
   *
   * @throws `TRUST_X_INVALID_OID`, `TRUST_X_KEY_USAGE`, `TRUST_X_INVALID_FIELD` for a point that is not on the curve
   */
  calcSSec(oid: number, peer: PublicKey): Promise<Uint8Array> {
    return this.#command('CalcSSec', COMMAND.CALC_SSEC, PARAM.ECDH, source(oid), encodePublicKey(peer), EXPORT)
  }

  /** Computes the secret as {@link calcSSec} and keeps it in a session (E100 to E103) of the chip. */
  async calcSSecInto(session: number, oid: number, peer: PublicKey): Promise<void> {
    const data = [source(oid), encodePublicKey(peer), encodeField(0x08, uint16(session))]
    await this.#command('CalcSSec', COMMAND.CALC_SSEC, PARAM.ECDH, ...data)
  }

  /**
   * Derives 16 to 256 bytes by the TLS 1.2 pseudo-random function from a session's secret, or a data object's.
   *
   * @param seed Label and seed in one, 8 to 1024 bytes.
   * @throws `TRUST_X_INVALID_OID`, `TRUST_X_OUT_OF_SEQUENCE` for an empty session, `TRUST_X_ACCESS_DENIED`,
   *   `TRUST_X_INVALID_FIELD`
   */
  deriveKey(oid: number, seed: Uint8Array, count: number): Promise<Uint8Array> {
    return this.#command('DeriveKey', COMMAND.DERIVE_KEY, PARAM.TLS_PRF, ...derivation(oid, seed, count), EXPORT)
  }

  /** Derives 16 to 48 bytes as {@link deriveKey} and keeps them in a session. */
  async deriveKeyInto(session: number, oid: number, seed: Uint8Array, count: number): Promise<void> {
    const data = [...derivation(oid, seed, count), encodeField(0x08, uint16(session))]
    await this.#command('DeriveKey', COMMAND.DERIVE_KEY, PARAM.TLS_PRF, ...data)
  }

  /** Computes SHA-256 of a message of any length. */
  calcHash(message: Uint8Array): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      const send = (step: number, part: Uint8Array): Promise<Uint8Array> =>
        this.#send('CalcHash', COMMAND.CALC_HASH, PARAM.SHA256, encodeField(step, part))
      // Hashing in one step is defined for a message that has bytes.
      const isShort = message.length > 0 && message.length <= HASH_BYTES_MAX
      if (isShort) return digestIn(await send(HASH_STEP.START_FINAL, message))
      let at = HASH_BYTES_MAX
      await send(HASH_STEP.START, message.subarray(0, at))
      for (; at + HASH_BYTES_MAX < message.length; at += HASH_BYTES_MAX) {
        await send(HASH_STEP.CONTINUE, message.subarray(at, at + HASH_BYTES_MAX))
      }
      return digestIn(await send(HASH_STEP.FINAL, message.subarray(at)))
    })
  }

  /**
   * Starts or continues a SHA-256 computation whose state the host keeps, as 130 sealed bytes.
   *
   * @param context What the last call gave; leave it out to start.
   * @param part Up to 1400 bytes.
   * @throws `TRUST_X_INVALID_FIELD` for a context that this chip did not give
   */
  async updateHash(part: Uint8Array, context?: Uint8Array): Promise<Uint8Array> {
    const first = encodeField(context === undefined ? HASH_STEP.START : HASH_STEP.CONTINUE, part)
    const imported = context === undefined ? NOTHING : encodeField(0x06, context)
    const answer = await this.#command('CalcHash', COMMAND.CALC_HASH, PARAM.SHA256, first, imported, EXPORT)
    return fieldValue(answer, 0x06, 'CalcHash')
  }

  /** Ends a computation that {@link updateHash} started and gives the digest. */
  async finishHash(context: Uint8Array): Promise<Uint8Array> {
    const data = concatShortLived(encodeField(HASH_STEP.FINAL, NOTHING), encodeField(0x06, context))
    return digestIn(await this.#command('CalcHash', COMMAND.CALC_HASH, PARAM.SHA256, data))
  }

  /**
   * Computes SHA-256 over a part of a data object.
   *
   * @throws `TRUST_X_INVALID_OID`, `TRUST_X_ACCESS_DENIED`, `TRUST_X_BOUNDARY_EXCEEDED`
   */
  async hashDataObject(oid: number, offset: number, count: number): Promise<Uint8Array> {
    const part = encodeField(HASH_STEP.OBJECT_START_FINAL, concatShortLived(uint16(oid), uint16(offset), uint16(count)))
    return digestIn(await this.#command('CalcHash', COMMAND.CALC_HASH, PARAM.SHA256, part))
  }

  /**
   * Lets the chip prove that it holds a key: SetAuthScheme, SetAuthMsg, GetAuthMsg.
   *
   * @param challenge 8 to 256 fresh bytes.
   * @returns The DER `ECDSA-Sig-Value` over SHA-256 of the challenge.
   * @throws `TRUST_X_KEY_USAGE`, `TRUST_X_INVALID_OID`, `TRUST_X_INVALID_LENGTH`
   */
  authenticate(oid: number, challenge: Uint8Array): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      await this.#send('SetAuthScheme', COMMAND.SET_AUTH_SCHEME, PARAM.AUTH_ECDSA, uint16(oid))
      await this.#send('SetAuthMsg', COMMAND.SET_AUTH_MSG, PARAM.CHALLENGE, challenge)
      return signatureOf(await this.#send('GetAuthMsg', COMMAND.GET_AUTH_MSG, PARAM.RESPONSE), 'GetAuthMsg')
    })
  }

  /** Opens the application if that did not happen yet, so that a chip that is not there shows at once. */
  connect(): Promise<void> {
    return this.#inTurn(() => this.connection.open(this.#signal))
  }

  /** Lets go of the bus; commands under way fail. */
  close(): Promise<void> {
    return this.connection.close()
  }

  async #readPiece(oid: number, at: number, mayBeEnd: boolean): Promise<Uint8Array> {
    const place = concatShortLived(uint16(oid), uint16(at), uint16(READ_BYTES_MAX))
    try {
      return await this.#send('GetDataObject', COMMAND.GET_DATA_OBJECT, PARAM.CONTENT, place)
    } catch (error) {
      // Nothing from here on: the last piece ended exactly where the data does, or the object is empty.
      if (mayBeEnd && isFault(error, 'TRUST_X_BOUNDARY_EXCEEDED')) return NOTHING
      throw error
    }
  }

  #command(name: string, code: number, param: number, ...data: readonly Uint8Array[]): Promise<Uint8Array> {
    return this.#inTurn(() => this.#send(name, code, param, ...data))
  }

  #send(name: string, code: number, param: number, ...data: readonly Uint8Array[]): Promise<Uint8Array> {
    return this.connection.send({ name, code, param, data }, this.#signal)
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.connection.inTurn(work, this.#signal)
  }
}

function curveOf(name: CurveName): Curve {
  for (const curve of CURVES.values()) if (curve.name === name) return curve
  throw trustXFault('TRUST_X_INVALID_PARAM', { command: 'this call', executed: 'no' })
}

function encodePublicKey({ curve, point }: PublicKey): Uint8Array {
  const bits = writeShort(DER.BIT_STRING, concatShortLived(Uint8Array.of(0), point))
  return concatShortLived(encodeField(0x05, Uint8Array.of(curveOf(curve).algorithm)), encodeField(0x06, bits))
}

function source(oid: number): Uint8Array {
  return encodeField(0x01, uint16(oid))
}

function derivation(oid: number, seed: Uint8Array, count: number): Uint8Array[] {
  return [source(oid), encodeField(0x02, seed), encodeField(0x03, uint16(count))]
}

function digestIn(answer: Uint8Array): Uint8Array {
  return fieldValue(answer, 0x01, 'CalcHash')
}

function fieldValue(answer: Uint8Array, tag: number, command: string): Uint8Array {
  const field = decodeFields(answer)?.find((candidate) => candidate.tag === tag)
  if (field === undefined) throw invalidResponse(command)
  return field.value
}

/** Gives the content of the DER element that a field of the answer holds. */
function fieldContent(answer: Uint8Array, tag: number, derTag: number, command: string): Uint8Array {
  const element = readElement(fieldValue(answer, tag, command), 0)
  if (element?.tag !== derTag) throw invalidResponse(command)
  return element.content
}

/** Puts the SEQUENCE around two INTEGERs that the chip leaves out. */
function signatureOf(integers: Uint8Array, command: string): Uint8Array {
  const r = readElement(integers, 0)
  const s = r && readElement(integers, r.next)
  const isWhole = r?.tag === DER.INTEGER && s?.tag === DER.INTEGER && s.next === integers.length
  if (!isWhole || integers.length > SIGNATURE_BYTES_MAX) throw invalidResponse(command)
  return writeShort(DER.SEQUENCE, integers)
}

/** The chip said that it was done, but not with what. */
function invalidResponse(command: string): Error {
  return trustXFault('TRUST_X_RESPONSE_INVALID', { command, executed: 'yes' })
}

const PARAM = {
  CONTENT: 0x00,
  METADATA: 0x01,
  ERASE: 0x40,
  TRNG: 0x00,
  DRNG: 0x01,
  ECDSA: 0x11,
  ECDH: 0x01,
  TLS_PRF: 0x01,
  SHA256: 0xe2,
  AUTH_ECDSA: 0x91,
  CHALLENGE: 0x01,
  RESPONSE: 0x02,
} as const

/** Source and sequence of a CalcHash, in the tag of its first field. */
const HASH_STEP = { START: 0x00, START_FINAL: 0x01, CONTINUE: 0x02, FINAL: 0x03, OBJECT_START_FINAL: 0x11 } as const

const NOTHING = new Uint8Array(0)

/** The field that asks for the result to leave the chip. */
const EXPORT: Uint8Array = encodeField(0x07, NOTHING)

/** One piece of a long object: the largest OutData. */
const READ_BYTES_MAX = DATA_BYTES_MAX

/** One piece of a long write: the largest InData less object identifier and offset. */
const WRITE_BYTES_MAX = DATA_BYTES_MAX - 4

/** One piece of a long message, with room for tags and a context. */
const HASH_BYTES_MAX = 1400

/** Two INTEGERs of a P-384 signature; a short DER length holds it. */
const SIGNATURE_BYTES_MAX = 104
