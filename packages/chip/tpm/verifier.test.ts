import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeTpmCrypto } from '@birthmark/chip/tpm/adapters'
import { concat, fromHex, type Instant, instant, isFault, later, millis, toHex } from '@birthmark/foundation/kernel'
import { CHALLENGES_COUNT_MAX, PendingChallenges } from './challenges.ts'
import { kdfa, makeCredential } from './credential.ts'
import type { PendingChallenge, TpmProof } from './documents.ts'
import { nameOf, parsePublic } from './public-area.ts'
import { ENDORSEMENT_KEYS } from './templates.ts'
import { AK, attestOf, EK, KEY, type SoftwareKey, signAttest, softwareKey } from './testing/software-keys.ts'
import { CHALLENGE_LIFE, makeChallenge, verifyProof, verifyQuote } from './verifier.ts'
import { sized, uint16s } from './wire.ts'

const NOW: Instant = instant(Date.UTC(2026, 0, 15, 12))

const ek = softwareKey(EK)
const ak = softwareKey(AK)
const key = softwareKey(KEY)

function challenge(endorsementKey = ek, attestationKey = ak): ReturnType<typeof makeChallenge> {
  const keys = { endorsementKey: endorsementKey.publicArea, attestationKey: attestationKey.publicArea }
  return makeChallenge({ ...keys, endorsement: 'ab', now: NOW }, nodeTpmCrypto)
}

/** What a TPM would say of `certified`, if `signer` were a key of its own. */
function proofOf(pending: PendingChallenge, certified = key, signer: SoftwareKey = ak): TpmProof {
  const name = nameOf(parsePublic(certified.publicArea), nodeTpmCrypto)
  const attest = attestOf(0x8017, fromHex(pending.nonce), concat(sized(name), sized(name)))
  return {
    document: 'birthmark-tpm-proof-1',
    nonce: pending.nonce,
    secret: pending.secret,
    key: toHex(certified.publicArea),
    attest: toHex(attest),
    signature: toHex(signAttest(signer, attest)),
  }
}

function isRefused(act: () => unknown, code: string, says = /./): void {
  assert.throws(act, (error) => (isFault(error, code) && says.test(error.message)) || assert.fail(String(error)))
}

test('a proof for the challenge, in its time, is a verdict', () => {
  const { pending } = challenge()
  const verdict = verifyProof({ pending, proof: proofOf(pending), now: later(NOW, CHALLENGE_LIFE) }, nodeTpmCrypto)
  assert.equal(verdict.endorsement, 'ab')
  assert.equal(verdict.publicKey.length, 91)
})

test('a late proof, and one for another challenge, is refused', () => {
  const { pending } = challenge()
  const late = later(later(NOW, CHALLENGE_LIFE), millis(1))
  isRefused(() => verifyProof({ pending, proof: proofOf(pending), now: late }, nodeTpmCrypto), 'TPM_CHALLENGE_EXPIRED')
  const other = challenge().pending
  isRefused(() => verifyProof({ pending, proof: proofOf(other), now: NOW }, nodeTpmCrypto), 'TPM_CHALLENGE_UNKNOWN')
})

test('every attribute that a key of the device needs is demanded', () => {
  const { pending } = challenge()
  const judge = (certified: SoftwareKey): unknown =>
    verifyProof({ pending, proof: proofOf(pending, certified), now: NOW }, nodeTpmCrypto)
  for (const missing of KEY) {
    const certified = softwareKey(KEY.filter((name) => name !== missing))
    isRefused(() => judge(certified), 'TPM_KEY_UNSUITABLE', new RegExp(`lacks ${missing}$`))
  }
  isRefused(() => judge(softwareKey([...KEY, 'restricted'])), 'TPM_KEY_UNSUITABLE', /has restricted$/)
  // tpm2-pkcs11 sets it on every key.
  judge(softwareKey([...KEY, 'decrypt'], { cipher: uint16s(0x0010) }))
})

test('every attribute that makes an attestation key one is demanded, before a challenge and after', () => {
  for (const missing of AK) {
    const poor = softwareKey(AK.filter((name) => name !== missing))
    isRefused(() => challenge(ek, poor), 'TPM_AK_UNSUITABLE', new RegExp(`lacks ${missing}$`))
    const attest = attestOf(0x8018, new Uint8Array(1), fromHex('00000000 0000'))
    const signed = { attest, signature: signAttest(poor, attest), nonce: new Uint8Array(1) }
    isRefused(() => verifyQuote({ ...signed, attestationKey: poor.publicArea }, nodeTpmCrypto), 'TPM_AK_UNSUITABLE')
  }
  isRefused(() => challenge(ek, softwareKey([...AK, 'decrypt'])), 'TPM_AK_UNSUITABLE', /has decrypt$/)
})

test('an endorsement key that could not keep the secret to its TPM gets none', () => {
  for (const missing of EK) {
    const poor = softwareKey(EK.filter((name) => name !== missing))
    isRefused(() => challenge(poor), 'TPM_EK_UNSUITABLE', new RegExp(`lacks ${missing}$`))
  }
  isRefused(() => challenge(softwareKey([...EK, 'sign'])), 'TPM_EK_UNSUITABLE', /has sign$/)
  isRefused(() => challenge(softwareKey(EK, { cipher: uint16s(0x0010) })), 'TPM_EK_UNSUITABLE', /no cipher/)
  isRefused(() => challenge(softwareKey(EK, { x: Uint8Array.of(1) })), 'TPM_EK_UNSUITABLE', /not on the curve/)
  const [rsa] = ENDORSEMENT_KEYS
  const zeros = parsePublic(rsa?.template ?? new Uint8Array(0))
  const request = { endorsementKey: zeros, name: new Uint8Array(34), secret: new Uint8Array(32) }
  isRefused(() => makeCredential(request, nodeTpmCrypto), 'TPM_EK_UNSUITABLE', /modulus is unsound/)
})

test('a signature of another scheme, length or key is none', () => {
  const { pending } = challenge()
  const proof = proofOf(pending)
  const judge = (signature: Uint8Array, by = pending): unknown =>
    verifyProof({ pending: by, proof: { ...proof, signature: toHex(signature) }, now: NOW }, nodeTpmCrypto)
  const halves = fromHex(proof.signature).subarray(4)
  const code = 'TPM_ATTEST_SIGNATURE_WRONG'
  isRefused(() => judge(concat(uint16s(0x0018, 0x000c), halves)), code)
  isRefused(() => judge(concat(uint16s(0x0014, 0x000b), sized(new Uint8Array(256)))), code)
  isRefused(() => judge(concat(uint16s(0x0018, 0x000b), sized(new Uint8Array(33)), halves.subarray(34))), code)
  isRefused(() => judge(signAttest(softwareKey(AK), fromHex(proof.attest))), code)
  // A key that is no point of its curve.
  const broken = { ...pending, attestationKey: toHex(softwareKey(AK, { x: Uint8Array.of(1) }).publicArea) }
  isRefused(() => judge(fromHex(proof.signature), broken), code)
})

test('a challenge is taken once, old ones make room, and there is a limit', () => {
  const { pending } = challenge()
  const challenges = new PendingChallenges()
  const numbered = (n: number): PendingChallenge => ({ ...pending, nonce: String(n) })
  for (let n = 0; n < CHALLENGES_COUNT_MAX; n += 1) challenges.add(numbered(n), NOW)
  isRefused(() => challenges.add(numbered(-1), NOW), 'TPM_CHALLENGES_CROWDED')
  assert.equal(challenges.take('7').nonce, '7')
  isRefused(() => challenges.take('7'), 'TPM_CHALLENGE_UNKNOWN')
  challenges.add(numbered(7), NOW)
  isRefused(() => challenges.add(numbered(-1), NOW), 'TPM_CHALLENGES_CROWDED')
  challenges.add(numbered(-1), later(instant(pending.validUntil), millis(1)))
  isRefused(() => challenges.take('8'), 'TPM_CHALLENGE_UNKNOWN')
  assert.equal(challenges.take('-1').nonce, '-1')
})

test('secrets and nonces are fresh for every challenge', () => {
  const seen = new Set([1, 2, 3].flatMap(() => Object.values(challenge().challenge).slice(1)))
  assert.equal(seen.size, 9)
})

test('KDFa goes on into a second block, and begins as the shorter one does not: the length is in it', () => {
  const derive = (bits: number): Uint8Array =>
    kdfa('sha256', fromHex('0102'), 'STORAGE', fromHex('03'), bits, nodeTpmCrypto)
  assert.deepEqual([derive(128).length, derive(256).length, derive(512).length], [16, 32, 64])
  assert.notDeepEqual(derive(512).subarray(0, 32), derive(256))
})
