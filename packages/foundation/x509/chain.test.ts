import assert from 'node:assert/strict'
import { test } from 'node:test'
import { days, type Instant, instant, isFault, later } from '../kernel/index.ts'
import type { TbsDraft } from './build.ts'
import {
  type Certificate,
  type CertificateProfile,
  CHAIN_LENGTH_MAX,
  type ChainRequest,
  DEVICE,
  ENDPOINT,
  INTERMEDIATES_COUNT_MAX,
  ISSUING_CA,
  NO_EXPIRATION,
  ROOT_CA,
  VENDOR_DEVICE,
  verifyChain,
} from './index.ts'
import { forge, type Identity, makeCa, makeIdentity, makeRoot, NOW } from './testing/pki.ts'

const root = await makeRoot()
const upper = await makeCa(root, { profile: { ...ISSUING_CA, pathLength: 1 }, subject: named('Upper') })
const issuing = await makeCa(upper, { profile: { ...ISSUING_CA, validity: { lasts: days(3650) } } })
const device = await makeIdentity(issuing)
const other = await makeRoot({ subject: named('Other root') })

const GOOD: ChainRequest = {
  leaf: device.certificate,
  intermediates: [issuing.certificate, upper.certificate],
  anchors: [root.certificate],
  now: NOW,
  purpose: 'clientAuth',
}

/** What a CA says of itself, for certificates that are forged. */
const CA: Partial<TbsDraft> = { isCa: true, pathLength: 0, keyUsage: ['keyCertSign'], extendedKeyUsage: [] }
const UNBOUNDED_CA: Partial<TbsDraft> = { ...CA, pathLength: undefined }

function named(value: string): { type: string; value: string }[] {
  return [{ type: 'CN', value }]
}

function namesOf(certificates: readonly Certificate[]): (string | undefined)[] {
  return certificates.map(({ subject }) => subject[0]?.value)
}

function assertRefused(request: ChainRequest, code: string): void {
  assert.throws(
    () => verifyChain(request),
    (error) => {
      assert.ok(isFault(error, code), String(error))
      return error.blame === 'peer'
    },
  )
}

test('finds the path from leaf to anchor, whatever the order and whatever else is sent', () => {
  const stranger = other.certificate
  for (const intermediates of [
    [issuing.certificate, upper.certificate],
    [stranger, upper.certificate, issuing.certificate, root.certificate, issuing.certificate, device.certificate],
  ]) {
    const chain = verifyChain({ ...GOOD, intermediates, anchors: [stranger, root.certificate] })
    assert.deepEqual(namesOf(chain.certificates), ['press-7', 'Issuing', 'Upper', 'Root'])
    assert.equal(chain.anchor, root.certificate)
    assert.equal(chain.leaf, device.certificate)
    assert.equal(chain.verifiedAt, NOW)
  }
})

test('an intermediate may be the anchor, and so may the leaf', () => {
  const short = verifyChain({ ...GOOD, anchors: [issuing.certificate], intermediates: [] })
  assert.deepEqual(namesOf(short.certificates), ['press-7', 'Issuing'])
  const single = verifyChain({ ...GOOD, anchors: [device.certificate], intermediates: [] })
  assert.deepEqual(namesOf(single.certificates), ['press-7'])
})

test('a vendor’s certificate with an empty subject and no extended key usage is good for a client', async () => {
  const chip = await makeIdentity(issuing, {
    profile: { ...VENDOR_DEVICE, validity: { lasts: days(3000) } },
    subject: [],
  })
  assert.equal(verifyChain({ ...GOOD, leaf: chip.certificate }).certificates.length, 4)
})

test('of two issuers with the same name, the one that signed is found', async () => {
  const renewed = await makeCa(upper, { profile: { ...ISSUING_CA, validity: { lasts: days(3650) } } })
  assert.equal(renewed.certificate.subjectHash, issuing.certificate.subjectHash)
  const intermediates = [renewed.certificate, issuing.certificate, upper.certificate]
  assert.equal(verifyChain({ ...GOOD, intermediates }).certificates[1], issuing.certificate)
})

test('a cross-signed CA leads to the root that is trusted', async () => {
  const crossed = await makeCa(other, {
    profile: { ...ISSUING_CA, pathLength: 1 },
    subject: named('Upper'),
    signer: upper.signer,
  })
  const intermediates = [issuing.certificate, crossed.certificate, upper.certificate]
  for (const anchor of [root, other]) {
    const chain = verifyChain({ ...GOOD, intermediates, anchors: [anchor.certificate] })
    assert.equal(chain.anchor, anchor.certificate)
  }
})

test('a CA that renews its key signs itself, and that does not count for the path length', async () => {
  const first = await makeRoot({ profile: { ...ROOT_CA, pathLength: 1 }, subject: named('Self') })
  const second = await makeCa(first, { subject: named('Self') })
  const below = await makeIdentity(second)
  const chain = verifyChain({
    ...GOOD,
    leaf: below.certificate,
    intermediates: [second.certificate],
    anchors: [first.certificate],
  })
  assert.equal(chain.certificates.length, 3)
})

test('is refused where the path breaks', () => {
  assertRefused({ ...GOOD, intermediates: [issuing.certificate] }, 'CHAIN_INCOMPLETE')
  assertRefused({ ...GOOD, intermediates: [] }, 'CHAIN_INCOMPLETE')
  assertRefused({ ...GOOD, anchors: [] }, 'CHAIN_INCOMPLETE')
  assertRefused({ ...GOOD, anchors: [], intermediates: [issuing, upper, root].map(certificateOf) }, 'CHAIN_UNTRUSTED')
  assertRefused({ ...GOOD, anchors: [other.certificate] }, 'CHAIN_INCOMPLETE')
})

test('is refused outside the validity of any of its certificates, the anchor included', async () => {
  const at = (now: Instant): ChainRequest => ({ ...GOOD, now })
  assertRefused(at(instant(device.certificate.notBefore - 1)), 'CERTIFICATE_NOT_YET_VALID')
  verifyChain(at(device.certificate.notBefore))
  verifyChain(at(issuing.certificate.notAfter))
  assertRefused(at(later(issuing.certificate.notAfter, days(1))), 'CERTIFICATE_EXPIRED')
  assertRefused(
    { ...at(later(root.certificate.notAfter, days(1))), anchors: [issuing.certificate] },
    'CERTIFICATE_EXPIRED',
  )
  const brief = await makeIdentity(issuing, { profile: { ...DEVICE, validity: { lasts: days(1) } } })
  assertRefused({ ...GOOD, leaf: brief.certificate, now: later(NOW, days(2)) }, 'CERTIFICATE_EXPIRED')
})

const WRONG_PURPOSE: readonly { why: string; profile: CertificateProfile }[] = [
  { why: 'a server’s', profile: { ...ENDPOINT, subjectAlternativeNames: 'optional' } },
  {
    why: 'one for any purpose, which TLS libraries do not take for this one',
    profile: { ...DEVICE, extendedKeyUsage: ['any'] },
  },
  { why: 'one that only signs contracts', profile: { ...VENDOR_DEVICE, keyUsage: ['nonRepudiation'] } },
  { why: 'one of an own purpose', profile: { ...DEVICE, extendedKeyUsage: ['1.2.3'] } },
]
for (const { why, profile } of WRONG_PURPOSE) {
  test(`is refused for a client when the leaf is ${why}`, async () => {
    const validity = { until: NO_EXPIRATION }
    const { certificate } = await makeIdentity(issuing, { profile: { ...profile, validity } })
    assertRefused({ ...GOOD, leaf: certificate }, 'CERTIFICATE_WRONG_PURPOSE')
  })
}

test('a CA that names its purposes issues for these alone', async () => {
  const profile = {
    ...ISSUING_CA,
    extendedKeyUsage: ['clientAuth'],
    keyUsage: ['keyCertSign', 'digitalSignature'] as const,
  }
  const clients = await makeCa(root, { profile })
  const leaf = await makeIdentity(clients, { profile: { ...VENDOR_DEVICE, validity: { until: NO_EXPIRATION } } })
  const request = { ...GOOD, leaf: leaf.certificate, intermediates: [clients.certificate] }
  verifyChain(request)
  assertRefused({ ...request, purpose: 'serverAuth' }, 'CERTIFICATE_WRONG_PURPOSE')
})

test('a device that signs certificates is no CA, nor is a CA without keyCertSign', async () => {
  const below = await forge(device)
  assertRefused(
    { ...GOOD, leaf: below.certificate, intermediates: [device, issuing, upper].map(certificateOf) },
    'CERTIFICATE_NOT_A_CA',
  )
  const lister = await forge(root, { ...CA, keyUsage: ['cRLSign'] })
  const leaf = await forge(lister)
  assertRefused({ ...GOOD, leaf: leaf.certificate, intermediates: [lister.certificate] }, 'CERTIFICATE_NOT_A_CA')
})

test('a CA below one whose path length is 0 is refused', async () => {
  const lower = await forge(issuing, CA)
  const leaf = await forge(lower)
  assertRefused(
    { ...GOOD, leaf: leaf.certificate, intermediates: [lower, issuing, upper].map(certificateOf) },
    'PATH_TOO_LONG',
  )
})

test('an extension that must be understood and is not is refused, in the leaf and above', async () => {
  // A critical keyUsage becomes critical 2.5.29.127; a subject key identifier becomes name constraints.
  const leaf = await forge(issuing, {}, { from: '0603 551d0f', to: '0603 551d7f' })
  assertRefused({ ...GOOD, leaf: leaf.certificate }, 'CRITICAL_EXTENSION_UNKNOWN')
  const restricted = await forge(root, CA, { from: '0603 551d0e', to: '0603 551d1e' })
  const below = await forge(restricted)
  assertRefused(
    { ...GOOD, leaf: below.certificate, intermediates: [restricted.certificate] },
    'CRITICAL_EXTENSION_UNKNOWN',
  )
})

test('a certificate that claims an issuer which did not sign it is refused', async () => {
  const impostor = { certificate: issuing.certificate, signer: device.signer }
  const leaf = await forge(impostor)
  assertRefused({ ...GOOD, leaf: leaf.certificate }, 'SIGNATURE_INVALID')
})

test('a peer cannot make the search long', async () => {
  const many = (count: number): Certificate[] => Array.from({ length: count }, () => upper.certificate)
  assertRefused({ ...GOOD, intermediates: many(INTERMEDIATES_COUNT_MAX + 1) }, 'CHAIN_SEARCH_EXHAUSTED')
  // A web of CAs that all have one name and sign each other: without a limit, the paths through it are countless.
  const profile = { ...ROOT_CA, validity: { lasts: days(30) } }
  const knot = await makeRoot({ profile, subject: named('Knot') })
  const again = { ...UNBOUNDED_CA, subject: named('Knot'), publicKey: knot.signer.publicKey }
  const web = await Promise.all(Array.from({ length: 20 }, () => forge(knot, again)))
  const leaf = await forge(knot)
  assertRefused({ ...GOOD, leaf: leaf.certificate, intermediates: web.map(certificateOf) }, 'CHAIN_SEARCH_EXHAUSTED')
})

test('a path longer than the limit is refused', async () => {
  const path: Identity[] = [root]
  for (let step = 0; step < CHAIN_LENGTH_MAX; step += 1) {
    path.push(await forge(path.at(-1) ?? root, { ...UNBOUNDED_CA, subject: named(`CA ${step}`) }))
  }
  const verify = (cas: readonly Identity[], leaf: Identity): unknown =>
    verifyChain({ ...GOOD, leaf: leaf.certificate, intermediates: cas.map(certificateOf) })
  const longest = path.slice(0, CHAIN_LENGTH_MAX - 1)
  verify(longest, await forge(longest.at(-1) ?? root))
  const leaf = await forge(path.at(-1) ?? root)
  assertRefused({ ...GOOD, leaf: leaf.certificate, intermediates: path.map(certificateOf) }, 'CHAIN_SEARCH_EXHAUSTED')
})

test('names in messages are short', async () => {
  const long = Array.from({ length: 20 }, () => ({ type: 'CN', value: 'x'.repeat(64) }))
  const leaf = await forge(issuing, { subject: long, notAfter: later(NOW, days(1)) })
  assert.throws(
    () => verifyChain({ ...GOOD, leaf: leaf.certificate, now: later(NOW, days(2)) }),
    (error) => isFault(error, 'CERTIFICATE_EXPIRED') && error.message.length < 250,
  )
})

function certificateOf({ certificate }: Identity): Certificate {
  return certificate
}
