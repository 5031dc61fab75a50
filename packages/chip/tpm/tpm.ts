import { concat } from '@birthmark/foundation/kernel'
import { ALG, hashId, type TpmHash } from './algorithms.ts'
import { type Authorization, decodeResponse, encodeCommand, responseCode, type TpmCommand } from './command.ts'
import { readSized, sized, type TpmReader, uint16s, uint32 } from './wire.ts'

/** Carries commands to a TPM, one at a time, and its answers back. */
export interface TpmTransport {
  /** Sends one whole command and gives the whole answer. */
  send(command: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

/** The hierarchies of a TPM, as handles (TPM 2.0 Library, Part 2, §7.4). */
export const HIERARCHY = { OWNER: 0x4000_0001, NULL: 0x4000_0007, ENDORSEMENT: 0x4000_000b } as const

/** No password, which is what hierarchies and attestation keys have unless somebody set one. */
export const NO_PASSWORD: Authorization = { password: new Uint8Array(0) }

/** What a TPM says of itself. */
export interface TpmProperties {
  /** Four letters of the TCG's registry, such as `IFX` or `STM`. */
  readonly manufacturer: string
  readonly model: string
  /** Two numbers of 32 bits, as the maker counts. */
  readonly firmware: string
}

/**
 * TPM 2.0 commands (Part 3), as far as identity needs them. Objects and sessions that a method leaves in the TPM are
 * for the caller to flush.
 *
 * Every method throws `TPM_COMMAND_REFUSED`, `TPM_STRUCTURE_INVALID` and what the transport throws.
 */
export class Tpm {
  readonly #transport: TpmTransport

  constructor(transport: TpmTransport) {
    this.#transport = transport
  }

  close(): Promise<void> {
    return this.#transport.close()
  }

  async properties(): Promise<TpmProperties> {
    const found = new Map<number, number>()
    const reader = await this.#capability(CAPABILITY_PROPERTIES, PROPERTY.first, PROPERTY.count)
    for (let left = reader.uint32(); left > 0; left -= 1) found.set(reader.uint32(), reader.uint32())
    const value = (property: number): number => found.get(property) ?? 0
    const version = value(PROPERTY.firmware)
    return {
      manufacturer: letters(value(PROPERTY.manufacturer)),
      model: PROPERTY.vendor.map((property) => letters(value(property))).join(''),
      firmware: [version >>> 16, version & 0xffff].join('.'),
    }
  }

  /** Gives the handles in use from `first` to `last`: objects, or indices of the TPM's memory. */
  async handles({ first, last }: { readonly first: number; readonly last: number }): Promise<readonly number[]> {
    const reader = await this.#capability(CAPABILITY_HANDLES, first, HANDLES_COUNT_MAX)
    const handles = Array.from({ length: Math.min(reader.uint32(), HANDLES_COUNT_MAX) }, () => reader.uint32())
    return handles.filter((handle) => handle <= last)
  }

  /** Gives the content of an index that everybody may read. */
  async readMemory(index: number): Promise<Uint8Array> {
    const { parameters } = await this.#run({ name: 'NV_ReadPublic', handles: [index] })
    const area = parameters.sized()
    // TPMS_NV_PUBLIC ends with the size of the index.
    const size = ((area.at(-2) ?? 0) << 8) | (area.at(-1) ?? 0)
    let content = new Uint8Array(0)
    while (content.length < size) {
      const count = Math.min(MEMORY_CHUNK_BYTES, size - content.length)
      const chunk = await this.#run({
        name: 'NV_Read',
        handles: [index, index],
        authorizations: [NO_PASSWORD],
        parameters: uint16s(count, content.length),
      })
      const bytes = chunk.parameters.sized()
      if (bytes.length !== count) throw chunk.parameters.invalid('it has another length than was asked for')
      content = Uint8Array.from(concat(content, bytes))
    }
    return content
  }

  /** Gives the TPMT_PUBLIC of an object. */
  async readPublic(handle: number): Promise<Uint8Array> {
    const { parameters } = await this.#run({ name: 'ReadPublic', handles: [handle] })
    return parameters.sized()
  }

  /** Makes a key from a hierarchy's seed: the same template makes the same key. */
  async createPrimary(
    hierarchy: number,
    template: Uint8Array,
    authorization: Authorization,
  ): Promise<{ readonly handle: number; readonly publicArea: Uint8Array }> {
    const noSecrets = sized(concat(sized(EMPTY), sized(EMPTY)))
    const { handles, parameters } = await this.#run({
      name: 'CreatePrimary',
      handles: [hierarchy],
      authorizations: [authorization],
      parameters: concat(noSecrets, sized(template), sized(EMPTY), uint32(0)),
      handleCount: 1,
    })
    return { handle: handles[0] ?? 0, publicArea: parameters.sized() }
  }

  /** Loads an object under its parent; both areas are whole TPM2B structures, as they were made. */
  async load(
    parent: number,
    object: { readonly privateArea: Uint8Array; readonly publicArea: Uint8Array },
  ): Promise<number> {
    const { handles } = await this.#run({
      name: 'Load',
      handles: [parent],
      authorizations: [NO_PASSWORD],
      parameters: concat(
        sized(readSized(object.privateArea, 'private area')),
        sized(readSized(object.publicArea, 'public area')),
      ),
      handleCount: 1,
    })
    return handles[0] ?? 0
  }

  /** Gives the data that was sealed in an object. */
  async unseal(handle: number, authorization: Authorization): Promise<Uint8Array> {
    const { parameters } = await this.#run({ name: 'Unseal', handles: [handle], authorizations: [authorization] })
    return parameters.sized()
  }

  /** Starts a policy session without a key: nothing in it is secret. */
  async startPolicySession(hash: TpmHash): Promise<number> {
    const { handles } = await this.#run({
      name: 'StartAuthSession',
      handles: [HIERARCHY.NULL, HIERARCHY.NULL],
      parameters: concat(
        sized(new Uint8Array(NONCE_BYTES)),
        sized(EMPTY),
        Uint8Array.of(POLICY_SESSION),
        uint16s(ALG.NULL, hashId(hash)),
      ),
      handleCount: 1,
    })
    return handles[0] ?? 0
  }

  /** Says in a policy session that the caller may use `hierarchy`. */
  async policySecret(hierarchy: number, session: number, authorization: Authorization): Promise<void> {
    await this.#run({
      name: 'PolicySecret',
      handles: [hierarchy, session],
      authorizations: [authorization],
      parameters: concat(sized(EMPTY), sized(EMPTY), sized(EMPTY), uint32(0)),
    })
  }

  /** Opens a credential: gives the secret when it was made for this endorsement key and the object's name. */
  async activateCredential(request: ActivateRequest): Promise<Uint8Array> {
    const { parameters } = await this.#run({
      name: 'ActivateCredential',
      handles: [request.object, request.endorsementKey],
      authorizations: [NO_PASSWORD, request.authorization],
      parameters: concat(sized(request.blob), sized(request.encryptedSeed)),
    })
    return parameters.sized()
  }

  /** Lets `signer` say what it knows of `object`: a TPMS_ATTEST and a TPMT_SIGNATURE. */
  async certify(request: CertifyRequest): Promise<{ readonly attest: Uint8Array; readonly signature: Uint8Array }> {
    const { parameters } = await this.#run({
      name: 'Certify',
      handles: [request.object, request.signer],
      authorizations: [request.authorization, NO_PASSWORD],
      parameters: concat(sized(request.nonce), uint16s(ALG.NULL)),
    })
    const attest = parameters.sized()
    return { attest, signature: parameters.take(parameters.left) }
  }

  /** Removes a loaded object or a session from the TPM. */
  async flush(handle: number): Promise<void> {
    await this.#run({ name: 'FlushContext', parameters: uint32(handle) })
  }

  async #capability(capability: number, first: number, count: number): Promise<TpmReader> {
    const parameters = concat(uint32(capability), uint32(first), uint32(count))
    const { parameters: answer } = await this.#run({ name: 'GetCapability', parameters })
    answer.uint8()
    if (answer.uint32() !== capability) throw answer.invalid('it is about something else')
    return answer
  }

  async #run(command: TpmCommand & { readonly handleCount?: number }): Promise<ReturnType<typeof decodeResponse>> {
    const bytes = encodeCommand(command)
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#transport.send(bytes)
      if (tries < TRIES_MAX && AGAIN.has(responseCode(answer) ?? 0)) continue
      return decodeResponse(answer, command)
    }
  }
}

/** A credential, and the keys that open it. */
export interface ActivateRequest {
  /** The object that the credential names. */
  readonly object: number
  readonly endorsementKey: number
  readonly authorization: Authorization
  readonly blob: Uint8Array
  readonly encryptedSeed: Uint8Array
}

/** Which object is to be certified, by which key. */
export interface CertifyRequest {
  readonly object: number
  /** Of the object. */
  readonly authorization: Authorization
  readonly signer: number
  /** At most as long as the largest hash of the TPM: 32 bytes are always right. */
  readonly nonce: Uint8Array
}

/** Gives the characters of a property that holds text, without what fills it up. */
function letters(value: number): string {
  return [...uint32(value)]
    .filter((octet) => octet > 0x20 && octet < 0x7f)
    .map((octet) => String.fromCharCode(octet))
    .join('')
}

const EMPTY = new Uint8Array(0)

const CAPABILITY_HANDLES = 1
const CAPABILITY_PROPERTIES = 6
/** TPM_PT_FIXED (Part 2, §6.13). */
const PROPERTY = { first: 0x100, count: 48, manufacturer: 0x105, vendor: [0x106, 0x107, 0x108, 0x109], firmware: 0x10b }

/** Handles that are asked for at once; TPMs hold some tens of persistent keys and indices. */
const HANDLES_COUNT_MAX = 254
/** TPMs give at least this much of their memory at once (TPM_PT_NV_BUFFER_MAX), in bytes. */
const MEMORY_CHUNK_BYTES = 512
/** A policy session without a key needs a nonce and does not use it; 16 bytes is the shortest that is allowed. */
const NONCE_BYTES = 16
const POLICY_SESSION = 1

/** RETRY, YIELDED and TESTING: the same command is to be sent again (Part 2, §6.6.3). */
const AGAIN: ReadonlySet<number> = new Set([0x922, 0x908, 0x90a])
/** A TPM that still says so after this many times is not going to stop. */
const TRIES_MAX = 16
