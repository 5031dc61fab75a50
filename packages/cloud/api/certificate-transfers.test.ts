import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { IoT, paginateListOutgoingCertificates } from '@aws-sdk/client-iot'
import { systemClock } from '@birthmark/foundation/system'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { refuses } from '../../../testing/testkit/refuses.ts'
import { newTestAuthority } from '../../../testing/testkit/test-authority.ts'

const TARGET = '444455556666'
const SERVED: readonly string[] = ['123456789012', TARGET]
const plane = await startTestControlPlane({
  endpointAddress: ({ account }) => (SERVED.includes(account) ? 'iot.example.test' : undefined),
})
const { client: sender, authority, scope, registry, url } = plane
const receiver = await clientOf(TARGET)

/** Gives the SDK with an administrator's key of another account. */
async function clientOf(account: string): Promise<IoT> {
  const found = await registry.accessKey(plane.credentials.accessKeyId)
  assert.ok(found !== undefined)
  const key = { ...found.key, id: `AKIA${account}`, createdAt: systemClock.now() }
  await registry.in({ ...scope, account }).commit([{ do: 'create-access-key', key }])
  const credentials = { accessKeyId: key.id, secretAccessKey: key.secret }
  const client = new IoT({ endpoint: url, region: scope.region, credentials, maxAttempts: 1 })
  after(() => client.destroy())
  return client
}

async function certificate(status: 'ACTIVE' | 'INACTIVE' = 'INACTIVE'): Promise<string> {
  const certificatePem = (await authority.issueDevice()).toPem()
  return (await sender.registerCertificateWithoutCA({ certificatePem, status })).certificateId!
}

async function describe(client: IoT, certificateId: string) {
  return (await client.describeCertificate({ certificateId })).certificateDescription!
}

test('a certificate is transferred, seen by both, and accepted', async () => {
  const certificateId = await certificate()
  const { transferredCertificateArn } = await sender.transferCertificate({
    certificateId,
    targetAwsAccount: TARGET,
    transferMessage: 'yours now',
  })
  assert.equal(transferredCertificateArn, `arn:aws:iot:${scope.region}:${TARGET}:cert/${certificateId}`)
  for (const client of [sender, receiver]) {
    const seen = await describe(client, certificateId)
    assert.deepEqual([seen.status, seen.ownedBy, seen.previousOwnedBy], ['PENDING_TRANSFER', scope.account, undefined])
    assert.deepEqual(Object.keys(seen.transferData!).sort(), ['transferDate', 'transferMessage'])
    assert.equal(seen.transferData?.transferMessage, 'yours now')
  }
  const listed = (await receiver.listCertificates({})).certificates!
  assert.deepEqual(
    listed.map((row) => [row.certificateId, row.status]),
    [[certificateId, 'PENDING_TRANSFER']],
  )
  await receiver.acceptCertificateTransfer({ certificateId, setAsActive: true })
  const taken = await describe(receiver, certificateId)
  assert.deepEqual([taken.status, taken.ownedBy, taken.previousOwnedBy], ['ACTIVE', TARGET, scope.account])
  assert.ok(taken.transferData?.acceptDate instanceof Date)
  await refuses(sender.describeCertificate({ certificateId }), 'ResourceNotFoundException', 404, /does not exist/)
  const again = receiver.acceptCertificateTransfer({ certificateId })
  await refuses(again, 'TransferAlreadyCompletedException', 410, /accepted, rejected or cancelled/)
  const late = sender.cancelCertificateTransfer({ certificateId })
  await refuses(late, 'ResourceNotFoundException', 404, /does not exist/)
})

test('a rejected certificate is its owner’s again, with the reason', async () => {
  const certificateId = await certificate()
  await sender.transferCertificate({ certificateId, targetAwsAccount: TARGET })
  await receiver.rejectCertificateTransfer({ certificateId, rejectReason: 'not ours' })
  const back = await describe(sender, certificateId)
  assert.deepEqual([back.status, back.transferData?.rejectReason], ['INACTIVE', 'not ours'])
  assert.ok(back.transferData?.rejectDate instanceof Date)
  await refuses(receiver.describeCertificate({ certificateId }), 'ResourceNotFoundException', 404, /does not exist/)
  await refuses(
    sender.cancelCertificateTransfer({ certificateId }),
    'TransferAlreadyCompletedException',
    410,
    /accepted, rejected or cancelled/,
  )
  await sender.updateCertificate({ certificateId, newStatus: 'ACTIVE' })
})

test('a cancelled transfer leaves nothing behind, and the certificate may be sent anew', async () => {
  const certificateId = await certificate()
  await sender.transferCertificate({ certificateId, targetAwsAccount: TARGET })
  await sender.cancelCertificateTransfer({ certificateId })
  const back = await describe(sender, certificateId)
  assert.deepEqual([back.status, back.transferData], ['INACTIVE', {}])
  const accept = receiver.acceptCertificateTransfer({ certificateId })
  await refuses(accept, 'ResourceNotFoundException', 404, /does not exist/)
  await sender.transferCertificate({ certificateId, targetAwsAccount: TARGET })
  await receiver.acceptCertificateTransfer({ certificateId })
  assert.equal((await describe(receiver, certificateId)).status, 'INACTIVE')
})

test('outgoing certificates are listed in pages', async () => {
  const ids = [await certificate(), await certificate(), await certificate()]
  for (const certificateId of ids) {
    await sender.transferCertificate({ certificateId, targetAwsAccount: TARGET, transferMessage: certificateId })
  }
  const listed: (readonly unknown[])[] = []
  for await (const page of paginateListOutgoingCertificates({ client: sender, pageSize: 2 }, {})) {
    for (const row of page.outgoingCertificates!) {
      assert.ok(row.creationDate instanceof Date && row.transferDate instanceof Date)
      listed.push([row.certificateId, row.transferredTo, row.transferMessage])
    }
  }
  assert.deepEqual(
    listed,
    ids.map((id) => [id, TARGET, id]),
  )
  assert.deepEqual((await receiver.listOutgoingCertificates({})).outgoingCertificates, [])
  for (const certificateId of ids) await sender.cancelCertificateTransfer({ certificateId })
})

test('what may not be transferred is refused', async () => {
  const targetAwsAccount = TARGET
  const active = await certificate('ACTIVE')
  await refuses(
    sender.transferCertificate({ certificateId: active, targetAwsAccount }),
    'CertificateStateException',
    406,
    /ACTIVE or PENDING_TRANSFER/,
  )
  const pending = await certificate()
  await sender.transferCertificate({ certificateId: pending, targetAwsAccount })
  await refuses(
    sender.transferCertificate({ certificateId: pending, targetAwsAccount }),
    'CertificateStateException',
    406,
    /ACTIVE or PENDING_TRANSFER/,
  )
  for (const client of [sender, receiver]) {
    const update = client.updateCertificate({ certificateId: pending, newStatus: 'ACTIVE' })
    await refuses(update, 'CertificateStateException', 406, /status does not allow/)
    const removal = client.deleteCertificate({ certificateId: pending, forceDelete: true })
    await refuses(removal, 'CertificateStateException', 406, /being transferred/)
  }
  const mine = sender.acceptCertificateTransfer({ certificateId: pending })
  await refuses(mine, 'InvalidRequestException', 400, /Only the account that the certificate is transferred to/)
  const theirs = receiver.cancelCertificateTransfer({ certificateId: pending })
  await refuses(theirs, 'InvalidRequestException', 400, /Only the account that transfers/)
  const used = await certificate()
  await sender.createPolicy({
    policyName: 'p',
    policyDocument: '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
  })
  await sender.attachPolicy({
    policyName: 'p',
    target: `arn:aws:iot:${scope.region}:${scope.account}:cert/${used}`,
  })
  await refuses(
    sender.transferCertificate({ certificateId: used, targetAwsAccount }),
    'TransferConflictException',
    409,
    /must be detached/,
  )
})

test('a target that cannot take it is refused', async () => {
  const certificatePem = (await authority.issueDevice()).toPem()
  const { certificateId } = await sender.registerCertificateWithoutCA({ certificatePem })
  await receiver.registerCertificateWithoutCA({ certificatePem })
  const there = sender.transferCertificate({ certificateId, targetAwsAccount: TARGET })
  await refuses(there, 'TransferConflictException', 409, /already registered in the target account/)
  assert.equal((await describe(sender, certificateId!)).status, 'INACTIVE')
  const self = sender.transferCertificate({ certificateId, targetAwsAccount: scope.account })
  await refuses(self, 'InvalidRequestException', 400, /account of the certificate/)
  const unknown = sender.transferCertificate({ certificateId, targetAwsAccount: '999999999999' })
  await refuses(unknown, 'InvalidRequestException', 400, /not served/)
  const absent = sender.transferCertificate({ certificateId: '0'.repeat(64), targetAwsAccount: TARGET })
  await refuses(absent, 'ResourceNotFoundException', 404, /does not exist/)
})

test('of an acceptance and a cancellation at the same time one wins, and both accounts agree', async () => {
  for (let round = 0; round < 5; round += 1) {
    const certificateId = await certificate()
    await sender.transferCertificate({ certificateId, targetAwsAccount: TARGET })
    const [accepted, cancelled] = await Promise.allSettled([
      receiver.acceptCertificateTransfer({ certificateId }),
      sender.cancelCertificateTransfer({ certificateId }),
    ])
    assert.notEqual(accepted.status, cancelled.status)
    const [owner, other] = accepted.status === 'fulfilled' ? [receiver, sender] : [sender, receiver]
    assert.equal((await describe(owner, certificateId)).status, 'INACTIVE')
    await refuses(other.describeCertificate({ certificateId }), 'ResourceNotFoundException', 404, /does not exist/)
  }
})

test('a CA in mode DEFAULT is one account’s in a region; in mode SNI_ONLY it may be anybody’s', async () => {
  const ca = await newTestAuthority('Contested CA')
  const register = async (client: IoT) => {
    const { registrationCode } = await client.getRegistrationCode({})
    const verificationCertificate = (await ca.proof(registrationCode!)).toPem()
    return client.registerCACertificate({ caCertificate: ca.certificate.toPem(), verificationCertificate })
  }
  await register(sender)
  const second = await refuses(register(receiver), 'ResourceAlreadyExistsException', 409, /Another account/)
  assert.equal(second.resourceArn, undefined, 'nothing is told of the other account')
  await receiver.registerCACertificate({ caCertificate: ca.certificate.toPem(), certificateMode: 'SNI_ONLY' })
})
