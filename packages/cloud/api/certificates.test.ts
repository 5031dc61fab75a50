import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { paginateListCertificates, paginateListCertificatesByCA } from '@aws-sdk/client-iot'
import { later, seconds } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { createCsr, DEVICE, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { type RefusalRow, refuses } from '../../../testing/testkit/refuses.ts'
import { newTestAuthority, type TestAuthority } from '../../../testing/testkit/test-authority.ts'
import { CERTIFICATE_TRANSITIONS } from './operations/certificates.ts'

const { client, authority, scope } = await startTestControlPlane()

/** Registers a CA in SNI_ONLY mode, where nothing has to be proved. */
async function registerCa(ca: TestAuthority): Promise<string> {
  const caCertificate = ca.certificate.toPem()
  const registered = await client.registerCACertificate({
    caCertificate,
    certificateMode: 'SNI_ONLY',
    setAsActive: true,
  })
  return registered.certificateId!
}

async function registered(status?: 'ACTIVE'): Promise<{ certificateId: string; certificateArn: string }> {
  const certificatePem = (await authority.issueDevice()).toPem()
  const { certificateId, certificateArn } = await client.registerCertificateWithoutCA({
    certificatePem,
    ...(status && { status }),
  })
  return { certificateId: certificateId!, certificateArn: certificateArn! }
}

test('a certificate without CA is registered, described and listed', async () => {
  const certificate = await authority.issueDevice()
  const certificatePem = certificate.toPem()
  const before = systemClock.now()
  const { certificateArn, certificateId } = await client.registerCertificateWithoutCA({ certificatePem })
  assert.deepEqual(
    [certificateId, certificateArn],
    [certificate.fingerprint, `arn:aws:iot:${scope.region}:${scope.account}:cert/${certificateId}`],
  )
  const { certificateDescription: described } = await client.describeCertificate({ certificateId })
  assert.deepEqual(
    [
      described?.status,
      described?.certificateMode,
      described?.caCertificateId,
      described?.certificatePem,
      described?.customerVersion,
    ],
    ['INACTIVE', 'SNI_ONLY', undefined, certificatePem, 1],
  )
  assert.deepEqual(described?.validity, {
    notBefore: new Date(certificate.notBefore),
    notAfter: new Date(certificate.notAfter),
  })
  assert.deepEqual([described?.ownedBy, described?.transferData], [scope.account, {}])
  assert.ok(described?.creationDate !== undefined && described.creationDate.getTime() >= before)
  const again = await refuses(
    client.registerCertificateWithoutCA({ certificatePem }),
    'ResourceAlreadyExistsException',
    409,
    /already registered/,
  )
  assert.deepEqual([again.resourceId, again.resourceArn], [certificateId, certificateArn])
})

test('a certificate of a registered CA takes over its mode and is listed under it', async () => {
  const ca = await newTestAuthority('Listed CA')
  const caCertificateId = await registerCa(ca)
  const ids: string[] = []
  for (const status of ['ACTIVE', 'INACTIVE', 'REVOKED'] as const) {
    const certificatePem = (await ca.issueDevice()).toPem()
    const { certificateId } = await client.registerCertificate({ certificatePem, status })
    const { certificateDescription } = await client.describeCertificate({ certificateId })
    assert.deepEqual(
      [
        certificateDescription?.status,
        certificateDescription?.certificateMode,
        certificateDescription?.caCertificateId,
      ],
      [status, 'SNI_ONLY', caCertificateId],
    )
    ids.push(certificateId!)
  }
  const listed: string[] = []
  for await (const page of paginateListCertificatesByCA({ client, pageSize: 2 }, { caCertificateId })) {
    listed.push(...page.certificates!.map(({ certificateId }) => certificateId!))
  }
  assert.deepEqual(listed, ids)
  const all: string[] = []
  for await (const page of paginateListCertificates({ client, pageSize: 2 }, { ascendingOrder: false })) {
    all.push(...page.certificates!.map(({ certificateId }) => certificateId!))
  }
  assert.deepEqual(all.slice(0, 3), ids.toReversed())
})

test('the deprecated setAsActive still activates', async () => {
  const ca = await newTestAuthority('Deprecated CA')
  await registerCa(ca)
  const certificatePem = (await ca.issueDevice()).toPem()
  const { certificateId } = await client.registerCertificate({ certificatePem, setAsActive: true })
  assert.equal((await client.describeCertificate({ certificateId })).certificateDescription?.status, 'ACTIVE')
})

test('of several CAs with one subject and key the caller must name one', async () => {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const first = await newTestAuthority('Twin CA', signer)
  const second = await newTestAuthority('Twin CA', signer)
  await registerCa(first)
  const caId = await registerCa(second)
  const certificatePem = (await first.issueDevice()).toPem()
  await refuses(client.registerCertificate({ certificatePem }), 'CertificateConflictException', 409, /caCertificatePem/)
  const { certificateId } = await client.registerCertificate({
    certificatePem,
    caCertificatePem: second.certificate.toPem(),
  })
  const { certificateDescription } = await client.describeCertificate({ certificateId })
  assert.equal(certificateDescription?.caCertificateId, caId)
})

test('a certificate of an inactive CA cannot be registered', async () => {
  const ca = await newTestAuthority('Inactive CA')
  const certificateId = await registerCa(ca)
  await client.updateCACertificate({ certificateId, newStatus: 'INACTIVE' })
  const certificatePem = (await ca.issueDevice()).toPem()
  await refuses(
    client.registerCertificate({ certificatePem }),
    'CertificateStateException',
    406,
    /CA certificate is not ACTIVE/,
  )
})

test('a status changes as the table says, and setting it again changes nothing', async () => {
  const { certificateId } = await registered('ACTIVE')
  const set = (newStatus: 'ACTIVE' | 'INACTIVE' | 'REVOKED' | 'PENDING_ACTIVATION'): Promise<unknown> =>
    client.updateCertificate({ certificateId, newStatus })
  await set('ACTIVE')
  assert.equal((await client.describeCertificate({ certificateId })).certificateDescription?.customerVersion, 1)
  await set('INACTIVE')
  await set('ACTIVE')
  assert.equal((await client.describeCertificate({ certificateId })).certificateDescription?.customerVersion, 3)
  await refuses(set('PENDING_ACTIVATION'), 'InvalidRequestException', 400, /can not be set to PENDING_ACTIVATION/)
  await set('REVOKED')
  await refuses(set('ACTIVE'), 'CertificateStateException', 406, /status does not allow/)
  assert.equal((await client.describeCertificate({ certificateId })).certificateDescription?.status, 'REVOKED')
})

test('every status that can be asked for is reachable, and REVOKED is final', () => {
  const targets = new Set(Object.values(CERTIFICATE_TRANSITIONS).flat())
  assert.deepEqual([...targets].toSorted(), ['ACTIVE', 'INACTIVE', 'REVOKED'])
  assert.deepEqual(CERTIFICATE_TRANSITIONS.REVOKED, ['REVOKED'])
})

test('a certificate is deleted when nothing holds it', async () => {
  const { certificateId, certificateArn } = await registered('ACTIVE')
  await refuses(
    client.deleteCertificate({ certificateId }),
    'CertificateStateException',
    406,
    /must be deactivated \(not ACTIVE\) before deletion/,
  )
  await client.updateCertificate({ certificateId, newStatus: 'INACTIVE' })
  const policyDocument = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
  await client.createPolicy({ policyName: 'holds', policyDocument })
  await client.attachPolicy({ policyName: 'holds', target: certificateArn })
  await refuses(
    client.deleteCertificate({ certificateId }),
    'DeleteConflictException',
    409,
    /must be detached before deletion/,
  )
  await client.createThing({ thingName: 'holds' })
  await client.attachThingPrincipal({ thingName: 'holds', principal: certificateArn })
  await refuses(
    client.deleteCertificate({ certificateId, forceDelete: true }),
    'DeleteConflictException',
    409,
    /detached/,
  )
  await client.detachThingPrincipal({ thingName: 'holds', principal: certificateArn })
  await client.deleteCertificate({ certificateId, forceDelete: true })
  await refuses(client.describeCertificate({ certificateId }), 'ResourceNotFoundException', 404, /does not exist/)
})

test('a certificate is made for the key of a CSR', async () => {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'press-8' }], signer })
  const request = { certificateSigningRequest: toPem('CERTIFICATE REQUEST', csr), setAsActive: true }
  const made = await client.createCertificateFromCsr(request)
  const certificate = new X509Certificate(made.certificatePem!)
  assert.deepEqual(certificate.publicKey.export({ type: 'spki', format: 'der' }), Buffer.from(signer.publicKey))
  const { certificateDescription } = await client.describeCertificate({ certificateId: made.certificateId })
  assert.deepEqual(
    [certificateDescription?.status, certificateDescription?.certificateMode, certificateDescription?.caCertificateId],
    ['ACTIVE', 'DEFAULT', undefined],
  )
  const again = await client.createCertificateFromCsr(request)
  assert.notEqual(again.certificateId, made.certificateId)
})

test('a key pair is made for a caller who has none, and belongs to its certificate', async () => {
  const made = await client.createKeysAndCertificate({})
  const { PrivateKey = '', PublicKey = '' } = made.keyPair ?? {}
  assert.match(PrivateKey, /^-----BEGIN RSA PRIVATE KEY-----/)
  assert.match(PublicKey, /^-----BEGIN PUBLIC KEY-----/)
  const certificate = new X509Certificate(made.certificatePem!)
  assert.ok(certificate.checkPrivateKey(createPrivateKey(PrivateKey)))
  assert.ok(certificate.publicKey.equals(createPublicKey(PublicKey)))
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.modulusLength, 2048)
  const { certificateDescription } = await client.describeCertificate({ certificateId: made.certificateId })
  assert.equal(certificateDescription?.status, 'INACTIVE')
})

const absent = 'a'.repeat(64)
const now = systemClock.now()
const expired = (
  await authority.issueDevice({
    profile: { ...DEVICE, validity: { lasts: seconds(60) } },
    now: later(now, seconds(-120)),
  })
).toPem()
const future = (await authority.issueDevice({ now: later(now, seconds(86_400)) })).toPem()
const stranger = (await authority.issueDevice()).toPem()
const { certificateId } = await registered()

const REFUSALS: readonly RefusalRow[] = [
  [
    'no certificate',
    () => client.registerCertificateWithoutCA({ certificatePem: 'x' }),
    'CertificateValidationException',
    400,
    /cannot be read/,
  ],
  [
    'two certificates',
    () => client.registerCertificateWithoutCA({ certificatePem: stranger + stranger }),
    'CertificateValidationException',
    400,
    /more than one/,
  ],
  [
    'an expired certificate',
    () => client.registerCertificateWithoutCA({ certificatePem: expired }),
    'CertificateValidationException',
    400,
    /has expired/,
  ],
  [
    'a certificate of the future',
    () => client.registerCertificateWithoutCA({ certificatePem: future }),
    'CertificateValidationException',
    400,
    /not yet valid/,
  ],
  [
    'a status that only the service gives',
    () => client.registerCertificateWithoutCA({ certificatePem: stranger, status: 'PENDING_ACTIVATION' }),
    'InvalidRequestException',
    400,
    /can not be registered as PENDING_ACTIVATION/,
  ],
  [
    'a certificate of a CA that is not registered',
    () => client.registerCertificate({ certificatePem: stranger }),
    'CertificateValidationException',
    400,
    /not signed by a registered CA/,
  ],
  [
    'a named CA that is not registered',
    () => client.registerCertificate({ certificatePem: stranger, caCertificatePem: authority.certificate.toPem() }),
    'CertificateValidationException',
    400,
    /not signed by a registered CA/,
  ],
  [
    'a named CA that is none',
    () => client.registerCertificate({ certificatePem: stranger, caCertificatePem: 'x' }),
    'CertificateValidationException',
    400,
    /cannot be read/,
  ],
  [
    'a CSR that is none',
    () => client.createCertificateFromCsr({ certificateSigningRequest: 'x' }),
    'InvalidRequestException',
    400,
    /certificate request cannot be read/,
  ],
  [
    'a CSR that is too long',
    () => client.createCertificateFromCsr({ certificateSigningRequest: 'x'.repeat(4097) }),
    'InvalidRequestException',
    400,
    /length less than or equal to 4096/,
  ],
  [
    'the description of nothing',
    () => client.describeCertificate({ certificateId: absent }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'an id that is none',
    () => client.describeCertificate({ certificateId: `0x${absent.slice(2)}` }),
    'InvalidRequestException',
    400,
    /64 hex digits/,
  ],
  [
    'a short id',
    () => client.describeCertificate({ certificateId: 'aa' }),
    'InvalidRequestException',
    400,
    /length greater than or equal to 64/,
  ],
  [
    'the update of nothing',
    () => client.updateCertificate({ certificateId: absent, newStatus: 'ACTIVE' }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'a status that is none',
    () => client.updateCertificate({ certificateId, newStatus: 'LOST' as 'ACTIVE' }),
    'InvalidRequestException',
    400,
    /enum value set/,
  ],
  [
    'a deprecated status',
    () => client.updateCertificate({ certificateId, newStatus: 'REGISTER_INACTIVE' }),
    'InvalidRequestException',
    400,
    /can not be set to REGISTER_INACTIVE/,
  ],
  [
    'the deletion of nothing',
    () => client.deleteCertificate({ certificateId: absent }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
]

for (const [why, send, ...refusal] of REFUSALS) {
  test(`refuses ${why}`, async () => void (await refuses(send(), ...refusal)))
}
