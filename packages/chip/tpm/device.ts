import { concat, isFault, toHex } from '@birthmark/foundation/kernel'
import { ATTRIBUTE } from './attributes.ts'
import { certificatesIn, namesKey } from './certificates.ts'
import type { Authorization } from './command.ts'
import { bytesOf, type TpmChallenge, type TpmOffer, type TpmProof } from './documents.ts'
import { tpmFault } from './faults.ts'
import { parsePublic, spkiOf, type TpmPublic } from './public-area.ts'
import {
  ATTESTATION_TEMPLATE,
  CHAIN_INDICES,
  ENDORSEMENT_HANDLES,
  ENDORSEMENT_KEYS,
  type EndorsementKind,
} from './templates.ts'
import { HIERARCHY, NO_PASSWORD, type Tpm } from './tpm.ts'
import { readSized } from './wire.ts'

/** An endorsement certificate as it lies in the TPM. */
export interface Endorsement {
  readonly kind: EndorsementKind
  readonly certificate: Uint8Array
}

/** How the device's TPM is set up; every part has a default. */
export interface EndorsementOptions {
  /** Which endorsement key; default is the first that has a certificate, RSA before P-256 before P-384. */
  readonly kind?: EndorsementKind
  /** The password of the endorsement hierarchy; default is none. */
  readonly hierarchyPassword?: Uint8Array
}

/** A key of the device as its TPM wrapped it, and what the TPM needs to load it and to speak about it. */
export interface WrappedKey {
  /** Handle of the persistent key that wrapped it. */
  readonly parent: number
  /** Both areas as whole TPM2B structures. */
  readonly publicArea: Uint8Array
  readonly privateArea: Uint8Array
  /** The key's own password. */
  readonly password: Uint8Array
}

/** Reads the endorsement certificates of the kinds that are known here, best first. None is no fault. */
export async function readEndorsements(tpm: Tpm): Promise<readonly Endorsement[]> {
  const first = Math.min(...ENDORSEMENT_KEYS.map(({ certificateIndex }) => certificateIndex))
  const last = Math.max(...ENDORSEMENT_KEYS.map(({ certificateIndex }) => certificateIndex))
  const indices = await tpm.handles({ first, last })
  const found: Endorsement[] = []
  for (const { kind, certificateIndex } of ENDORSEMENT_KEYS) {
    if (!indices.includes(certificateIndex)) continue
    const [certificate] = certificatesIn(await tpm.readMemory(certificateIndex))
    if (certificate !== undefined) found.push({ kind, certificate })
  }
  return found
}

/**
 * Makes the offer with which a device begins its attestation.
 *
 * @throws `TPM_EK_CERTIFICATE_ABSENT`, `TPM_EK_ABSENT` (operator), and what {@link Tpm} throws
 */
export async function makeOffer(tpm: Tpm, options: EndorsementOptions = {}): Promise<TpmOffer> {
  const chosen = await chooseEndorsement(tpm, options)
  const endorsementKey = await withEndorsementKey(tpm, chosen, options, ({ area }) => Promise.resolve(area.raw))
  const attestationKey = await withAttestationKey(tpm, options, ({ publicArea }) => Promise.resolve(publicArea))
  return {
    document: 'birthmark-tpm-offer-1',
    endorsementCertificate: toHex(chosen.certificate),
    intermediates: (await readChain(tpm)).map(toHex),
    endorsementKey: toHex(endorsementKey),
    attestationKey: toHex(attestationKey),
  }
}

/**
 * Answers a challenge: opens its secret, and lets the TPM say that the key is one of its own. Pass the options of the
 * offer again.
 *
 * @throws `TPM_CREDENTIAL_REFUSED` (peer) when the challenge is for another TPM, and what {@link makeOffer} throws
 */
export async function answerChallenge(
  tpm: Tpm,
  challenge: TpmChallenge,
  key: WrappedKey,
  options: EndorsementOptions = {},
): Promise<TpmProof> {
  return withAttestationKey(tpm, options, async (attestation) => {
    const secret = await openSecret(tpm, attestation.handle, challenge, options)
    const object = await tpm.load(key.parent, key)
    return flushing(tpm, object, async () => {
      const said = await tpm.certify({
        object,
        authorization: { password: key.password },
        signer: attestation.handle,
        nonce: bytesOf(challenge.nonce),
      })
      return {
        document: 'birthmark-tpm-proof-1',
        nonce: challenge.nonce,
        secret: toHex(secret),
        key: toHex(readSized(key.publicArea, 'public area')),
        attest: toHex(said.attest),
        signature: toHex(said.signature),
      }
    })
  })
}

async function chooseEndorsement(tpm: Tpm, { kind: wanted }: EndorsementOptions): Promise<Endorsement> {
  const endorsements = await readEndorsements(tpm)
  const chosen = endorsements.find(({ kind }) => wanted === undefined || wanted === kind)
  if (chosen === undefined) throw tpmFault('TPM_EK_CERTIFICATE_ABSENT')
  return chosen
}

async function openSecret(
  tpm: Tpm,
  object: number,
  challenge: TpmChallenge,
  options: EndorsementOptions,
): Promise<Uint8Array> {
  const chosen = await chooseEndorsement(tpm, options)
  return withEndorsementKey(tpm, chosen, options, async ({ handle, area }) => {
    const { authorization, release } = await authorizeEndorsementKey(tpm, area, options)
    try {
      return await tpm.activateCredential({
        object,
        endorsementKey: handle,
        authorization,
        blob: bytesOf(challenge.credentialBlob),
        encryptedSeed: bytesOf(challenge.encryptedSeed),
      })
    } catch (error) {
      // A session that authorised something ends with it; when the command fails, it stays.
      await release()
      throw isForAnother(error) ? tpmFault('TPM_CREDENTIAL_REFUSED', {}, error) : error
    }
  })
}

/** Keys of the high range take their password, which is empty; those of the low range want the hierarchy's. */
async function authorizeEndorsementKey(
  tpm: Tpm,
  area: TpmPublic,
  options: EndorsementOptions,
): Promise<{ readonly authorization: Authorization; readonly release: () => Promise<void> }> {
  if ((area.attributes & ATTRIBUTE.userWithAuth) !== 0) {
    return { authorization: NO_PASSWORD, release: () => Promise.resolve() }
  }
  const policySession = await tpm.startPolicySession(area.nameHash)
  const release = (): Promise<void> => tpm.flush(policySession)
  try {
    await tpm.policySecret(HIERARCHY.ENDORSEMENT, policySession, hierarchyPassword(options))
  } catch (error) {
    await release()
    throw error
  }
  return { authorization: { policySession }, release }
}

/** Lets `use` have the endorsement key of a certificate: a persistent one, or one that is made from its template. */
async function withEndorsementKey<Value>(
  tpm: Tpm,
  { kind, certificate }: Endorsement,
  options: EndorsementOptions,
  use: (key: { readonly handle: number; readonly area: TpmPublic }) => Promise<Value>,
): Promise<Value> {
  const isCertified = (area: TpmPublic): boolean => namesKey(certificate, spkiOf(area.key))
  for (const handle of await tpm.handles(ENDORSEMENT_HANDLES)) {
    const area = readablePublic(await tpm.readPublic(handle))
    if (area !== undefined && isCertified(area)) return use({ handle, area })
  }
  const row = ENDORSEMENT_KEYS.find((candidate) => candidate.kind === kind)
  if (row === undefined) throw tpmFault('TPM_EK_ABSENT', { kind })
  const made = await tpm.createPrimary(HIERARCHY.ENDORSEMENT, row.template, hierarchyPassword(options))
  return flushing(tpm, made.handle, () => {
    const area = parsePublic(made.publicArea)
    if (!isCertified(area)) throw tpmFault('TPM_EK_ABSENT', { kind })
    return use({ handle: made.handle, area })
  })
}

function withAttestationKey<Value>(
  tpm: Tpm,
  options: EndorsementOptions,
  use: (key: { readonly handle: number; readonly publicArea: Uint8Array }) => Promise<Value>,
): Promise<Value> {
  const made = tpm.createPrimary(HIERARCHY.ENDORSEMENT, ATTESTATION_TEMPLATE, hierarchyPassword(options))
  return made.then((key) => flushing(tpm, key.handle, () => use(key)))
}

async function flushing<Value>(tpm: Tpm, handle: number, use: () => Promise<Value>): Promise<Value> {
  try {
    return await use()
  } finally {
    await tpm.flush(handle)
  }
}

/** The certificates above the endorsement certificate, which may run on from one index into the next. */
async function readChain(tpm: Tpm): Promise<Uint8Array[]> {
  let memory = new Uint8Array(0)
  for (const index of await tpm.handles(CHAIN_INDICES)) {
    memory = Uint8Array.from(concat(memory, await tpm.readMemory(index)))
  }
  return certificatesIn(memory)
}

/** Persistent keys of other kinds are none of ours. */
function readablePublic(publicArea: Uint8Array): TpmPublic | undefined {
  try {
    return parsePublic(publicArea)
  } catch (error) {
    if (isFault(error, 'TPM_STRUCTURE_INVALID')) return undefined
    throw error
  }
}

function hierarchyPassword({ hierarchyPassword: password }: EndorsementOptions): Authorization {
  return password === undefined ? NO_PASSWORD : { password }
}

/**
 * What TPM2_ActivateCredential says of a credential that was made for another key or another name. FAILURE is what
 * libtpms says when RSA does not decrypt; a TPM that failed itself would have refused the commands before this one.
 */
function isForAnother(error: unknown): boolean {
  return isFault(error, 'TPM_COMMAND_REFUSED') && FOR_ANOTHER.has(error.context['name'])
}

const FOR_ANOTHER: ReadonlySet<unknown> = new Set(['INTEGRITY', 'VALUE', 'SIZE', 'FAILURE'])
