import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateId } from '@birthmark/cloud/registry'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import type { Admission, AdmissionPorts } from './admission-step.ts'
import { attemptCause } from './attempt-causes.ts'
import { ClientCertificate } from './client-certificate.ts'
import { findIssuer } from './judge-certificate.ts'
import { makeCa, makeDevice, makeRoot } from './testing/pki.ts'

const ID = certificateId('ab'.repeat(32))!
const { certificate } = await makeDevice(await makeCa(await makeRoot()), 'press-7')

/** Curves of the same length in DER: prime256v1, and prime239v1 of ANSI X9.62, which nobody here uses. */
const [P256, P239] = ['06082a8648ce3d030107', '06082a8648ce3d030104']

const UNUSABLE: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['no DER', Uint8Array.of(1, 2, 3), /cannot be used: the certificate cannot be read/],
  ['a certificate that is cut off', certificate.der.subarray(0, -1), /cannot be read/],
  ['a key on a curve of another age', fromHex(toHex(certificate.der).replace(P256!, P239!)), /unsupported kind, other/],
]

for (const [what, der, says] of UNUSABLE) {
  test(`refuses ${what} before it asks for an issuer`, async () => {
    const admission = { certificate: new ClientCertificate(ID, der) } as unknown as Admission
    const refusal = await findIssuer(admission, {} as AdmissionPorts)
    assert.equal(refusal?.cause.code, attemptCause('CLIENT_CERTIFICATE_UNREADABLE').code)
    assert.match(refusal?.cause.reason ?? '', says)
  })
}
