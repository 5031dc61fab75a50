import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { FleetIssuer } from '@birthmark/cloud/provisioning'
import type { Scope } from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { isFault, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, SoftwareSigner, toPem, verifyCsr } from '@birthmark/foundation/x509'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { newTestAuthority } from '../../../testing/testkit/test-authority.ts'
import { type FleetIssuerParts, fleetIssuer } from './fleet-issuer.ts'

const SCOPE: Scope = { account: '123456789012', region: 'eu-central-1' }
const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:sign'
const client = { connectionId: 'c', certificateId: undefined, clientId: 'press-1', remoteAddress: '127.0.0.1' }
const own = await newTestAuthority('Authority')
const hsm = await newTestAuthority('HSM')
const csr = await newCsr('press-1')

async function newCsr(name: string): Promise<Uint8Array> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  return createCsr({ subject: [{ type: 'CN', value: name }], signer })
}

/** An issuer for an account with a certificate provider whose function is `invoke`. */
async function issuerWith(context: TestContext, invoke: FleetIssuerParts['invoke']): Promise<FleetIssuer> {
  const folder = await scratchFolder(context)
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  context.after(() => registry.close())
  const content = { lambdaFunctionArn: ARN, accountDefaultForOperations: ['CreateCertificateFromCsr'] }
  const body = JSON.stringify({ content, modifiedAt: 0 })
  const document = { kind: 'certificate-provider', name: 'hsm', body, createdAt: systemClock.now() } as const
  await registry.in(SCOPE).commit([{ do: 'create-document', document }])
  return fleetIssuer({ registry, provider: own, invoke })
}

test('the function of the account signs what is requested by CSR, and nothing else', async (context) => {
  const asked: unknown[] = []
  const issue = await issuerWith(context, async (_scope, arn, event) => {
    asked.push(arn, event)
    const certificate = await hsm.issueDevice({ commonName: 'press-1', publicKey: verifyCsr(csr).publicKey })
    return { outcome: 'answered', answer: { certificatePem: certificate.toPem() } }
  })
  const signed = await issue(csr, { scope: SCOPE, client, origin: 'csr' })
  assert.ok(parseCertificate(signed.certificate).isSignedBy(hsm.certificate))
  const certificateSigningRequest = toPem('CERTIFICATE REQUEST', csr)
  assert.deepEqual(asked, [ARN, { certificateSigningRequest, principalId: undefined, clientId: 'press-1' }])
  const elsewhere = { ...SCOPE, account: '444455556666' }
  for (const request of [
    { scope: SCOPE, client, origin: 'keys' as const },
    { scope: elsewhere, client, origin: 'csr' as const },
  ]) {
    const { certificate } = await issue(csr, request)
    assert.ok(parseCertificate(certificate).isSignedBy(own.certificate))
  }
})

test('a function is not asked to sign a request that its key did not make', async (context) => {
  const asked: string[] = []
  const issue = await issuerWith(context, async (_scope, arn) => {
    asked.push(arn)
    return { outcome: 'slow' }
  })
  const forged = csr.slice()
  forged.set([(csr.at(-1) ?? 0) ^ 1], csr.length - 1)
  await assert.rejects(issue(forged, { scope: SCOPE, client, origin: 'csr' }), (error) =>
    isFault(error, 'CSR_SIGNATURE_INVALID'),
  )
  assert.deepEqual(asked, [])
})

const renamed = (await hsm.issueDevice({ commonName: 'press-2', publicKey: verifyCsr(csr).publicKey })).toPem()
const ANSWERS: readonly (readonly [why: string, result: Awaited<ReturnType<FleetIssuerParts['invoke']>>, RegExp])[] = [
  ['it is slow', { outcome: 'slow' }, /within 5 s/],
  ['it fails', { outcome: 'failed', why: 'boom' }, /boom/],
  ['it gives nothing', { outcome: 'answered', answer: null }, /no certificatePem/],
  ['it changes the name', { outcome: 'answered', answer: { certificatePem: renamed } }, /changed the subject/],
  ['it gives no certificate', { outcome: 'answered', answer: { certificatePem: 'x' } }, /certificate/],
  [
    'it signs another key',
    { outcome: 'answered', answer: { certificatePem: (await hsm.issueDevice()).toPem() } },
    /another key/,
  ],
]
for (const [why, result, message] of ANSWERS) {
  test(`nothing is issued when ${why}`, async (context) => {
    const issue = await issuerWith(context, async () => result)
    await assert.rejects(issue(csr, { scope: SCOPE, client, origin: 'csr' }), (error) => {
      assert.ok(isFault(error, 'CERTIFICATE_PROVIDER_REFUSED'))
      return message.test(error.message)
    })
  })
}
