/** A device's key shown to live in its TPM: swtpm and tpm2-pkcs11. Needs the Debian packages of both. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  answerChallenge,
  type EndorsementKind,
  makeOffer,
  PendingChallenges,
  parseChallenge,
  parseOffer,
  parsePending,
  parseProof,
  type TpmChallenge,
  type TpmProof,
  verifyProof,
  type WrappedKey,
} from '@birthmark/chip/tpm'
import {
  type ChallengedTpm,
  challengeTpm,
  type EndorsementTrust,
  nodeTpmCrypto,
  openTpm,
  readPkcs11Key,
} from '@birthmark/chip/tpm/adapters'
import {
  concat,
  days,
  encodeUtf8,
  fromHex,
  instant,
  isFault,
  later,
  seconds,
  toHex,
} from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { DEVICE } from '@birthmark/foundation/x509'
import { makePkcs11Key, newSwtpm, type TestTpm } from '../testkit/swtpm.ts'
import { newTestAuthority } from '../testkit/test-authority.ts'

/** Some minutes from now: the certificates are made in the course of the tests. */
const NOW = later(systemClock.now(), seconds(600))

/** Trusts the maker of this TPM. */
function trusting(device: TestTpm): EndorsementTrust {
  return { anchors: [device.root], intermediates: [device.issuer] }
}

/** Sends a document as a wire would. */
function sent<Document>(document: Document, parse: (value: unknown) => Document): Document {
  return parse(JSON.parse(JSON.stringify(document)))
}

async function challenge(device: TestTpm, kind?: EndorsementKind): Promise<ChallengedTpm> {
  const offer = await device.use((tpm) => makeOffer(tpm, kind === undefined ? {} : { kind }))
  return challengeTpm(sent(offer, parseOffer), trusting(device), NOW)
}

/** Lets the device prove its key of tpm2-pkcs11, or `key`. */
function prove(device: TestTpm, asked: TpmChallenge, key?: WrappedKey): Promise<TpmProof> {
  const named = { store: join(device.folder, 'store'), token: 'device', key: 'device key', pin: '471100' }
  return device.use(async (tpm) => answerChallenge(tpm, asked, key ?? (await readPkcs11Key(tpm, named))))
}

function isRefused(act: () => unknown, code: string): void {
  assert.throws(act, (error) => isFault(error, code) || assert.fail(`${code} expected, not ${String(error)}`))
}

test('a key of tpm2-pkcs11 is attested, under each endorsement key that its TPM has a certificate for', async (t) => {
  const device = await newSwtpm(t)
  const named = makePkcs11Key(device)
  const point = device.run('pkcs11-tool', '--module', device.module, '--list-objects', '--type', 'pubkey')
  for (const kind of ['rsa-2048', 'ec-p384'] as const) {
    const { challenge: asked, pending, certificate } = await challenge(device, kind)
    const proof = await device.use(async (tpm) =>
      answerChallenge(tpm, sent(asked, parseChallenge), await readPkcs11Key(tpm, named), { kind }),
    )
    const documents = { pending: sent(pending, parsePending), proof: sent(proof, parseProof) }
    const attested = verifyProof({ ...documents, now: NOW }, nodeTpmCrypto)
    assert.equal(attested.endorsement, certificate.fingerprint)
    assert.match(point, new RegExp(`EC_POINT: +0441${toHex(attested.publicKey.subarray(-65))}`))
    assert.equal(attested.verifiedAt, NOW)
  }
  // Nothing may be left: a TPM has room for three keys.
  assert.deepEqual(await device.use((tpm) => tpm.handles({ first: 0x8000_0000, last: 0x80ff_ffff })), [])
})

/** Writes a certificate of our own for the P-256 key that the TCG's template makes, and the CA's into the chain. */
async function certifyP256(device: TestTpm): Promise<Awaited<ReturnType<typeof newTestAuthority>>> {
  const maker = await newTestAuthority('TPM maker')
  device.run('tpm2_createek', '-G', 'ecc', '-c', 'ek.ctx', '-u', 'ek.pem', '-f', 'pem')
  device.run('openssl', 'pkey', '-pubin', '-in', 'ek.pem', '-outform', 'der', '-out', 'ek.der')
  const profile = {
    ...DEVICE,
    validity: { lasts: days(2) },
    keyUsage: ['keyAgreement'] as const,
    extendedKeyUsage: ['tpmEndorsement'],
  }
  const certificate = await maker.issueDevice({
    publicKey: Uint8Array.from(readFileSync(join(device.folder, 'ek.der'))),
    profile,
  })
  // An index that is longer than the certificate, and a chain that goes on in a second index.
  writeMemory(device, '0x1c0000a', concat(certificate.der, new Uint8Array(40).fill(0xff)))
  writeMemory(device, '0x1c00100', maker.certificate.der.subarray(0, 200))
  writeMemory(device, '0x1c00101', maker.certificate.der.subarray(200))
  return maker
}

function writeMemory(device: TestTpm, index: string, bytes: Uint8Array): void {
  writeFileSync(join(device.folder, 'content'), bytes)
  const attributes = 'ownerread|ownerwrite|authread'
  device.run('tpm2_nvdefine', index, '-C', 'o', '-s', String(bytes.length), '-a', attributes)
  device.run('tpm2_nvwrite', index, '-C', 'o', '-i', 'content')
}

test('an endorsement key on P-256 is made from its template when it is not kept, and its chain read', async (t) => {
  const device = await newSwtpm(t)
  makePkcs11Key(device)
  const maker = await certifyP256(device)
  const offer = await device.use((tpm) => makeOffer(tpm, { kind: 'ec-p256' }))
  assert.deepEqual(offer.intermediates, [toHex(maker.certificate.der)])
  const { challenge: asked, pending } = challengeTpm(offer, { anchors: [maker.certificate] }, NOW)
  const named = { store: join(device.folder, 'store'), token: 'device', key: 'device key', pin: '471100' }
  const proof = await device.use(async (tpm) =>
    answerChallenge(tpm, asked, await readPkcs11Key(tpm, named), { kind: 'ec-p256' }),
  )
  verifyProof({ pending, proof, now: NOW }, nodeTpmCrypto)
  const late = later(NOW, days(3))
  isRefused(() => challengeTpm(offer, { anchors: [maker.certificate] }, late), 'CERTIFICATE_EXPIRED')
  // A certificate for a key that this TPM does not have.
  device.run('tpm2_nvundefine', '0x1c0000a', '-C', 'o')
  writeMemory(device, '0x1c0000a', (await maker.issueDevice()).der)
  await assert.rejects(
    device.use((tpm) => makeOffer(tpm, { kind: 'ec-p256' })),
    (error) => isFault(error, 'TPM_EK_ABSENT'),
  )
})

test('endorsement keys that are not kept come again from the templates of the TCG', async (t) => {
  const device = await newSwtpm(t)
  for (const handle of ['0x81010001', '0x81010016']) device.run('tpm2_evictcontrol', '-C', 'o', '-c', handle)
  for (const kind of ['rsa-2048', 'ec-p384'] as const) await challenge(device, kind)
})

test('a TPM whose maker is not trusted, or that has no certificate, is refused', async (t) => {
  const device = await newSwtpm(t)
  const offer = await device.use((tpm) => makeOffer(tpm))
  const stranger = (await newTestAuthority('swtpm-localca-rootca')).certificate
  const { issuer } = device
  isRefused(() => challengeTpm(offer, { anchors: [stranger] }, NOW), 'CHAIN_INCOMPLETE')
  isRefused(() => challengeTpm(offer, { anchors: [stranger], intermediates: [issuer] }, NOW), 'CHAIN_INCOMPLETE')
  const withRoot = { anchors: [stranger], intermediates: [issuer, device.root] }
  isRefused(() => challengeTpm(offer, withRoot, NOW), 'CHAIN_UNTRUSTED')
  isRefused(() => challengeTpm(offer, trusting(device), instant(0)), 'CERTIFICATE_NOT_YET_VALID')
  const tls = await newTestAuthority('TPM maker')
  const endorsementCertificate = toHex((await tls.issueDevice()).der)
  const forTls = { ...offer, endorsementCertificate }
  isRefused(() => challengeTpm(forTls, { anchors: [tls.certificate] }, NOW), 'CERTIFICATE_WRONG_PURPOSE')
  await assert.rejects(
    device.use((tpm) => makeOffer(tpm, { kind: 'ec-p256' })),
    (error) => isFault(error, 'TPM_EK_CERTIFICATE_ABSENT'),
  )
})

test('what one TPM says does not serve another', async (t) => {
  const device = await newSwtpm(t)
  const other = await newSwtpm(t)
  for (const each of [device, other]) makePkcs11Key(each)
  const own = await device.use((tpm) => makeOffer(tpm))
  const foreign = await other.use((tpm) => makeOffer(tpm))
  const mixed = { ...own, endorsementKey: foreign.endorsementKey }
  isRefused(() => challengeTpm(mixed, trusting(device), NOW), 'TPM_EK_MISMATCH')
  // The certified TPM, and an attestation key of another: neither of the two can open the secret.
  const forged = { ...own, attestationKey: foreign.attestationKey }
  const { challenge: asked, pending } = challengeTpm(forged, trusting(device), NOW)
  for (const each of [device, other]) {
    await assert.rejects(prove(each, asked), (error) => isFault(error, 'TPM_CREDENTIAL_REFUSED'))
  }
  // The other TPM attests all the same, and makes the secret up.
  const right = await challenge(other)
  const proof = { ...(await prove(other, { ...right.challenge, nonce: asked.nonce })), nonce: asked.nonce }
  isRefused(() => verifyProof({ pending, proof, now: NOW }, nodeTpmCrypto), 'TPM_SECRET_WRONG')
  const stolen = { ...proof, secret: pending.secret }
  const about = { ...pending, attestationKey: own.attestationKey }
  isRefused(() => verifyProof({ pending: about, proof: stolen, now: NOW }, nodeTpmCrypto), 'TPM_ATTEST_SIGNATURE_WRONG')
})

test('an attestation serves its challenge, once, and only as it was made', async (t) => {
  const device = await newSwtpm(t)
  makePkcs11Key(device)
  const { challenge: asked, pending } = await challenge(device)
  const proof = await prove(device, asked)
  const judge = (change: Partial<TpmProof>): unknown =>
    verifyProof({ pending, proof: { ...proof, ...change }, now: NOW }, nodeTpmCrypto)
  judge({})

  const challenges = new PendingChallenges()
  challenges.add(pending, NOW)
  assert.equal(challenges.take(proof.nonce), pending)
  isRefused(() => challenges.take(proof.nonce), 'TPM_CHALLENGE_UNKNOWN')
  // Sent again as the answer to a later challenge of the same TPM.
  const again = await challenge(device)
  const { nonce, secret } = again.pending
  const replayed = { pending: again.pending, proof: { ...proof, nonce, secret }, now: NOW }
  isRefused(() => verifyProof(replayed, nodeTpmCrypto), 'TPM_ATTEST_NONCE_WRONG')

  for (const at of [0, 5, 20, 60, fromHex(proof.attest).length - 1]) {
    isRefused(() => judge({ attest: flipped(proof.attest, at) }), 'TPM_ATTEST_SIGNATURE_WRONG')
  }
  isRefused(() => judge({ signature: flipped(proof.signature, 40) }), 'TPM_ATTEST_SIGNATURE_WRONG')
  const point = fromHex(proof.key).length - 1
  isRefused(() => judge({ key: flipped(proof.key, point) }), 'TPM_ATTEST_NAME_WRONG')
  // fixedTPM taken away from the public area.
  isRefused(() => judge({ key: flipped(proof.key, 7) }), 'TPM_ATTEST_NAME_WRONG')
  isRefused(() => judge({ secret: flipped(proof.secret, 0) }), 'TPM_SECRET_WRONG')
  isRefused(() => judge({ secret: proof.secret.slice(2) }), 'TPM_SECRET_WRONG')
})

function flipped(hex: string, at: number): string {
  const bytes = fromHex(hex)
  bytes[at] = (bytes[at] ?? 0) ^ 0x02
  return toHex(bytes)
}

const UNSUITABLE: readonly { readonly why: RegExp; readonly attributes: string; readonly key?: string }[] = [
  { why: /lacks fixedTPM, fixedParent$/, attributes: 'sensitivedataorigin|userwithauth|sign' },
  { why: /lacks sign$/, attributes: 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt' },
  {
    why: /has restricted$/,
    attributes: 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|restricted',
    key: 'ecc256:ecdsa-sha256:null',
  },
]
for (const { why, attributes, key = 'ecc256' } of UNSUITABLE) {
  test(`a key that ${why.source.replace('$', '')} is refused, though the TPM vouches for it`, async (t) => {
    const device = await newSwtpm(t)
    device.run('tpm2_createprimary', '-C', 'o', '-c', 'parent.ctx')
    device.run('tpm2_evictcontrol', '-C', 'o', '-c', 'parent.ctx', '0x81000009')
    const files = ['-u', 'key.pub', '-r', 'key.priv']
    device.run('tpm2_create', '-C', '0x81000009', '-G', key, '-a', attributes, ...files)
    const { challenge: asked, pending } = await challenge(device)
    const proof = await prove(device, asked, keyFromFiles(device))
    assert.throws(
      () => verifyProof({ pending, proof, now: NOW }, nodeTpmCrypto),
      (error) => isFault(error, 'TPM_KEY_UNSUITABLE') && why.test(error.message),
    )
  })
}

test('a key that was made elsewhere and imported is refused', async (t) => {
  const device = await newSwtpm(t)
  device.run('tpm2_createprimary', '-C', 'o', '-c', 'parent.ctx')
  device.run('tpm2_evictcontrol', '-C', 'o', '-c', 'parent.ctx', '0x81000009')
  device.run('openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'made-elsewhere.pem')
  const source = ['-G', 'ecc', '-i', 'made-elsewhere.pem']
  device.run('tpm2_import', '-C', '0x81000009', ...source, '-u', 'key.pub', '-r', 'key.priv')
  const { challenge: asked, pending } = await challenge(device)
  const proof = await prove(device, asked, keyFromFiles(device))
  assert.throws(
    () => verifyProof({ pending, proof, now: NOW }, nodeTpmCrypto),
    (error) => isFault(error, 'TPM_KEY_UNSUITABLE') && /lacks fixedTPM, fixedParent, sens/.test(error.message),
  )
})

function keyFromFiles(device: TestTpm): WrappedKey {
  const read = (name: string): Uint8Array => Uint8Array.from(readFileSync(join(device.folder, name)))
  return {
    parent: 0x8100_0009,
    publicArea: read('key.pub'),
    privateArea: read('key.priv'),
    password: new Uint8Array(0),
  }
}

test('a key that tpm2_ptool made is read from the store as well', async (t) => {
  const device = await newSwtpm(t)
  const named = makePkcs11Key(device)
  // It runs tpm2-tools, each of which leaves keys behind, and expects a resource manager to take them away.
  const bin = join(device.folder, 'bin')
  mkdirSync(bin)
  for (const tool of ['tpm2_load', 'tpm2_create', 'tpm2_unseal', 'tpm2_readpublic']) {
    writeFileSync(join(bin, tool), `#!/bin/sh\ntpm2_flushcontext -t\nexec /usr/bin/${tool} "$@"\n`, { mode: 0o755 })
  }
  const words = ['--algorithm', 'ecc256', '--label', named.token, '--key-label', 'made by ptool']
  const ptool = ['tpm2_ptool', 'addkey', ...words, '--userpin', named.pin, '--path', named.store]
  device.run('env', `PATH=${bin}:${process.env['PATH'] ?? ''}`, ...ptool)
  const { challenge: asked, pending } = await challenge(device)
  const key = await device.use((tpm) => readPkcs11Key(tpm, { ...named, key: 'made by ptool' }))
  const proof = await prove(device, asked, key)
  verifyProof({ pending, proof, now: NOW }, nodeTpmCrypto)
})

test('the endorsement hierarchy may have a password', async (t) => {
  const device = await newSwtpm(t)
  makePkcs11Key(device)
  device.run('tpm2_changeauth', '-c', 'endorsement', 'of the hierarchy')
  await assert.rejects(
    device.use((tpm) => makeOffer(tpm)),
    (error) => isFault(error, 'TPM_COMMAND_REFUSED') && error.context['name'] === 'BAD_AUTH',
  )
  const options = { hierarchyPassword: encodeUtf8('of the hierarchy') }
  const offer = await device.use((tpm) => makeOffer(tpm, options))
  const { challenge: asked, pending } = challengeTpm(offer, trusting(device), NOW)
  const named = { store: join(device.folder, 'store'), token: 'device', key: 'device key', pin: '471100' }
  const proof = await device.use(async (tpm) => answerChallenge(tpm, asked, await readPkcs11Key(tpm, named), options))
  verifyProof({ pending, proof, now: NOW }, nodeTpmCrypto)
})

test('a TPM behind a device file attests as one behind a socket does', async (t) => {
  const device = await newSwtpm(t)
  makePkcs11Key(device)
  device.run('true')
  const script = fileURLToPath(new URL('../testkit/tpm-device-file.py', import.meta.url))
  const relay = spawn('/usr/bin/python3', [script, String(device.port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => relay.kill('SIGKILL'))
  const [line] = await once(relay.stdout, 'data')
  const named = { store: join(device.folder, 'store'), token: 'device', key: 'device key', pin: '471100' }
  const tpm = await openTpm(String(line).trim())
  const { challenge: asked, pending } = challengeTpm(await makeOffer(tpm), trusting(device), NOW)
  const proof = await answerChallenge(tpm, asked, await readPkcs11Key(tpm, named))
  await tpm.close()
  verifyProof({ pending, proof, now: NOW }, nodeTpmCrypto)
})
