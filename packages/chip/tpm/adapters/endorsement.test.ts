import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spkiOf, type TpmOffer } from '@birthmark/chip/tpm'
import { fromHex, isFault, later, seconds, toHex } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { DEVICE } from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { newTestAuthority, type TestAuthority } from '../../../../testing/testkit/test-authority.ts'
import { parsePublic } from '../public-area.ts'
import { AK, EK, softwareKey } from '../testing/software-keys.ts'
import { challengeTpm } from './endorsement.ts'

const NOW = later(systemClock.now(), seconds(1))

/** An offer with the certificate that a TPM's maker could have issued. */
async function offerOf(maker: TestAuthority, change: object = {}): Promise<TpmOffer> {
  const ek = softwareKey(EK)
  const publicKey = spkiOf(parsePublic(ek.publicArea).key)
  const profile = { ...DEVICE, keyUsage: ['keyAgreement'] as const, extendedKeyUsage: ['tpmEndorsement'], ...change }
  return {
    document: 'birthmark-tpm-offer-1',
    endorsementCertificate: toHex((await maker.issueDevice({ publicKey, profile })).der),
    intermediates: [],
    endorsementKey: toHex(ek.publicArea),
    attestationKey: toHex(softwareKey(AK).publicArea),
  }
}

test('an endorsement certificate with any octet changed, cut or added is refused with a declared fault', async () => {
  const maker = await newTestAuthority()
  const offer = await offerOf(maker)
  const trust = { anchors: [maker.certificate] }
  challengeTpm(offer, trust, NOW)
  const original = fromHex(offer.endorsementCertificate)
  const edit = fc.record({
    at: fc.nat({ max: original.length - 1 }),
    value: fc.nat({ max: 255 }),
    length: fc.nat({ max: original.length + 3 }),
    isCut: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.oneof(edit, fc.uint8Array({ maxLength: 200 })), (change) => {
      const bytes = change instanceof Uint8Array ? change : changed(original, change)
      if (toHex(bytes) === offer.endorsementCertificate) return
      const endorsementCertificate = toHex(bytes)
      assert.throws(
        () => challengeTpm({ ...offer, endorsementCertificate }, trust, NOW),
        (error) => isFault(error),
      )
    }),
    { numRuns: 300 },
  )
})

interface Edit {
  readonly at: number
  readonly value: number
  readonly length: number
  readonly isCut: boolean
}

function changed(original: Uint8Array, { at, value, length, isCut }: Edit): Uint8Array {
  const bytes = new Uint8Array(isCut ? length : original.length)
  bytes.set(original.subarray(0, bytes.length))
  if (!isCut) bytes[at] = value
  return bytes
}

test('a certificate for another purpose does not endorse a TPM, one that names none may', async () => {
  const maker = await newTestAuthority()
  const trust = { anchors: [maker.certificate] }
  for (const wrong of [{ extendedKeyUsage: ['codeSigning'] }, { keyUsage: ['digitalSignature'] }]) {
    const offer = await offerOf(maker, wrong)
    assert.throws(
      () => challengeTpm(offer, trust, NOW),
      (error) => isFault(error, 'CERTIFICATE_WRONG_PURPOSE'),
    )
  }
  // Some makers leave the extension out, and the subject as well.
  const { identity, certificate } = challengeTpm(await offerOf(maker, { extendedKeyUsage: [] }), trust, NOW)
  assert.deepEqual(identity, { manufacturer: undefined, model: undefined, version: undefined })
  assert.equal(certificate.extendedKeyUsage, undefined)
})
