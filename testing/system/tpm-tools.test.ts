/** Our half of TPM 2.0 against tpm2-tools and swtpm: credentials in both directions, and what their keys attest. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type AttestedKey,
  makeCredential,
  nameOf,
  type PendingChallenge,
  parsePublic,
  type SignedAttest,
  spkiOf,
  type TpmProof,
  type TpmPublic,
  verifyProof,
  verifyQuote,
} from '@birthmark/chip/tpm'
import { nodeTpmCrypto } from '@birthmark/chip/tpm/adapters'
import { concat, fromHex, isFault, toHex } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { newSwtpm, type TestTpm } from '../testkit/swtpm.ts'

/** How tpm2-tools frames a credential in a file: a magic number, a version, and the two TPM2B. */
const FILE_HEAD = fromHex('badcc0de 00000001')

function read(device: TestTpm, name: string): Uint8Array {
  return Uint8Array.from(readFileSync(join(device.folder, name)))
}

/** Reads a file with a TPM2B_PUBLIC. */
function readPublic(device: TestTpm, name: string): TpmPublic {
  return parsePublic(read(device, name).subarray(2))
}

function sized(bytes: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes)
}

interface EndorsementCase {
  readonly kind: string
  /** A handle, or the file of a context. */
  readonly ek: string
  readonly create?: readonly string[]
}

const ENDORSEMENT_KEYS: readonly EndorsementCase[] = [
  { kind: 'RSA-2048', ek: '0x81010001' },
  { kind: 'P-256', ek: 'ek.ctx', create: ['-G', 'ecc', '-c', 'ek.ctx'] },
  { kind: 'P-384', ek: '0x81010016' },
]

async function withEndorsementKey(t: TestContext, { ek, create }: EndorsementCase): Promise<TestTpm> {
  const device = await newSwtpm(t)
  if (create !== undefined) device.run('tpm2_createek', ...create)
  device.run('tpm2_readpublic', '-c', ek, '-o', 'ek.pub')
  device.run('tpm2_readpublic', '-c', ek, '-f', 'pem', '-o', 'ek.pem')
  return device
}

for (const one of ENDORSEMENT_KEYS) {
  test(`tpm2_activatecredential opens our credential for an endorsement key of ${one.kind}`, async (t) => {
    const device = await withEndorsementKey(t, one)
    // A key of the owner's, whose use needs no policy.
    device.run('tpm2_createprimary', '-C', 'o', '-G', 'ecc', '-c', 'ak.ctx')
    device.run('tpm2_readpublic', '-c', 'ak.ctx', '-o', 'ak.pub', '-n', 'ak.name')
    assert.deepEqual(nameOf(readPublic(device, 'ak.pub'), nodeTpmCrypto), read(device, 'ak.name'))
    const endorsementKey = readPublic(device, 'ek.pub')
    for (let round = 0; round < ROUNDS; round += 1) {
      const secret = Uint8Array.from(randomBytes(1 + round))
      const made = makeCredential({ endorsementKey, name: read(device, 'ak.name'), secret }, nodeTpmCrypto)
      const file = concat(FILE_HEAD, sized(made.blob), sized(made.encryptedSeed))
      writeFileSync(join(device.folder, 'credential'), file)
      assert.deepEqual(activate(device, one.ek), secret)
    }
  })

  test(`our activation opens what tpm2_makecredential made for an endorsement key of ${one.kind}`, async (t) => {
    const device = await withEndorsementKey(t, one)
    device.run('tpm2_createprimary', '-C', 'o', '-G', 'ecc', '-c', 'ak.ctx')
    device.run('tpm2_evictcontrol', '-C', 'o', '-c', 'ak.ctx', '0x81000009')
    if (one.create !== undefined) device.run('tpm2_evictcontrol', '-C', 'o', '-c', one.ek, '0x81010002')
    device.run('tpm2_readpublic', '-c', '0x81000009', '-n', 'ak.name')
    writeFileSync(join(device.folder, 'secret'), 'what the enroller knows')
    const name = toHex(read(device, 'ak.name'))
    device.run('tpm2_makecredential', '-e', 'ek.pub', '-s', 'secret', '-n', name, '-o', 'credential')
    const file = read(device, 'credential')
    assert.deepEqual(file.subarray(0, 8), FILE_HEAD)
    const blobBytes = (file[8] ?? 0) * 256 + (file[9] ?? 0)
    const blob = file.slice(10, 10 + blobBytes)
    const encryptedSeed = file.slice(12 + blobBytes)
    const endorsementKey = one.create === undefined ? Number(one.ek) : 0x8101_0002
    const secret = await device.use(async (tpm) => {
      const isHighRange = one.kind === 'P-384'
      const policySession = isHighRange ? 0 : await tpm.startPolicySession('sha256')
      const password = new Uint8Array(0)
      if (!isHighRange) await tpm.policySecret(0x4000_000b, policySession, { password })
      const authorization = isHighRange ? { password } : { policySession }
      return tpm.activateCredential({ object: 0x8100_0009, endorsementKey, authorization, blob, encryptedSeed })
    })
    assert.equal(Buffer.from(secret).toString(), 'what the enroller knows')
  })
}

/** Enough for numbers with a leading zero to come up now and then; each needs three runs of a program. */
const ROUNDS = 3

function activate(device: TestTpm, ek: string): Uint8Array {
  // Keys of the high range take their own empty password.
  const authorization = ek === '0x81010016' ? [] : ['-P', 'session:s.ctx']
  const session = 'tpm2_startauthsession --policy-session -S s.ctx && tpm2_policysecret -S s.ctx -c e'
  const words = ['tpm2_activatecredential', '-c', 'ak.ctx', '-C', ek, '-i', 'credential', '-o', 'recovered']
  const line = [...words, ...authorization].join(' ')
  device.run('sh', '-ec', `${session} && ${line}`)
  return read(device, 'recovered')
}

const ATTESTERS: readonly { readonly how: readonly string[]; readonly kind: string; readonly scheme: string }[] = [
  { kind: 'ECDSA', scheme: 'ecdsa', how: ['-G', 'ecc', '-g', 'sha256', '-s', 'ecdsa'] },
  { kind: 'RSASSA', scheme: 'rsassa', how: ['-G', 'rsa', '-g', 'sha256', '-s', 'rsassa'] },
  { kind: 'RSAPSS', scheme: 'rsapss', how: ['-G', 'rsa', '-g', 'sha256', '-s', 'rsapss'] },
]
for (const { how, kind, scheme } of ATTESTERS) {
  test(`what tpm2_quote signed with ${kind} is verified, and nothing else`, async (t) => {
    const device = await newSwtpm(t)
    const { signed } = quote(device, how, scheme)
    const { selections, digest } = verifyQuote(signed, nodeTpmCrypto)
    assert.deepEqual(selections, [{ bank: 0x000b, registers: [0, 1, 16] }])
    assert.deepEqual(digest, nodeTpmCrypto.hash('sha256', new Uint8Array(3 * 32)))
    refusesQuote({ ...signed, nonce: randomBytes(32) }, 'TPM_ATTEST_NONCE_WRONG')
    const altered = signed.attest.with(-1, (signed.attest.at(-1) ?? 0) ^ 1)
    refusesQuote({ ...signed, attest: altered }, 'TPM_ATTEST_SIGNATURE_WRONG')
  })

  test(`what tpm2_certify signed with ${kind} is verified, and is no quote`, async (t) => {
    const device = await newSwtpm(t)
    const { signed } = quote(device, how, scheme)
    device.run('tpm2_createprimary', '-C', 'o', '-G', 'ecc', '-c', 'key.ctx', ...SIGNING_KEY)
    device.run('tpm2_readpublic', '-c', 'key.ctx', '-o', 'key.pub')
    const keys = ['-c', 'key.ctx', '-C', 'ak.ctx', '-g', 'sha256', '--scheme', scheme]
    device.run('tpm2_certify', ...keys, '-o', 'attest', '-s', 'attest.sig')
    const key = readPublic(device, 'key.pub')
    const certified = {
      ...signed,
      attest: read(device, 'attest'),
      signature: read(device, 'attest.sig'),
      nonce: TOOLS_NONCE,
    }
    assert.deepEqual(judge(certified, key).publicKey, spkiOf(key.key))
    refusesQuote(certified, 'TPM_ATTEST_KIND_WRONG')
    assert.throws(
      () => judge(signed, key),
      (error) => isFault(error, 'TPM_ATTEST_KIND_WRONG'),
    )
  })
}

/** Makes an attestation key and a quote. */
function quote(device: TestTpm, how: readonly string[], scheme: string): { readonly signed: SignedAttest } {
  device.run('tpm2_createak', '-C', '0x81010001', '-c', 'ak.ctx', ...how, '-u', 'ak.pub', '-n', 'ak.name')
  const nonce = Uint8Array.from(randomBytes(32))
  const asked = ['-c', 'ak.ctx', '-l', 'sha256:0,1,16', '-q', toHex(nonce), '-g', 'sha256', '--scheme', scheme]
  device.run('tpm2_quote', ...asked, '-m', 'quote', '-s', 'quote.sig', '-o', 'pcrs')
  const attestationKey = readPublic(device, 'ak.pub').raw
  return { signed: { attest: read(device, 'quote'), signature: read(device, 'quote.sig'), attestationKey, nonce } }
}

function refusesQuote(signed: SignedAttest, code: string): void {
  assert.throws(
    () => verifyQuote(signed, nodeTpmCrypto),
    (error) => isFault(error, code),
  )
}

/** Judges an attestation about `key` as if it were the answer to a challenge. */
function judge({ attest, signature, attestationKey, nonce }: SignedAttest, key: TpmPublic): AttestedKey {
  const now = systemClock.now()
  const pending: PendingChallenge = {
    document: 'birthmark-tpm-pending-1',
    nonce: toHex(nonce),
    secret: '00',
    attestationKey: toHex(attestationKey),
    endorsement: '00',
    validUntil: now,
  }
  const proof: TpmProof = {
    document: 'birthmark-tpm-proof-1',
    nonce: toHex(nonce),
    secret: '00',
    key: toHex(key.raw),
    attest: toHex(attest),
    signature: toHex(signature),
  }
  return verifyProof({ pending, proof, now }, nodeTpmCrypto)
}

const SIGNING_KEY = ['-a', 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign']
/** What tpm2_certify passes as qualifying data, always. */
const TOOLS_NONCE = fromHex('00ff55aa')
