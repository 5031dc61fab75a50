/** RegisterThing, bulk registration and claims of trusted users, asked for by the unmodified SDK. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type DescribeThingRegistrationTaskResponse, ResourceRegistrationFailureException } from '@aws-sdk/client-iot'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { millis, silentLog } from '@birthmark/foundation/kernel'
import { pause, systemClock, systemEntropy } from '@birthmark/foundation/system'
import { createCsr, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { newTestAuthority } from '../../../testing/testkit/test-authority.ts'
import { RegistrationTasks } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'birthmark-tasks-'))
const registry = await openSqliteRegistry({ folder: join(folder, 'registry'), clock: systemClock, log: silentLog })
const authority = await newTestAuthority('Endpoint CA')
const tasks = new RegistrationTasks({
  registry,
  certificateProvider: authority,
  folder,
  clock: systemClock,
  entropy: systemEntropy,
  log: silentLog,
})
const plane = await startTestControlPlane({ registry, tasks, controlUrl: () => plane.url })
const iot = plane.client
after(async () => {
  await tasks.close()
  rmSync(folder, { recursive: true, force: true })
})

const TEMPLATE = JSON.stringify({
  Parameters: { SerialNumber: { Type: 'String' }, CSR: { Type: 'String' } },
  Resources: {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'SerialNumber' } } },
    certificate: { Type: 'AWS::IoT::Certificate', Properties: { CertificateSigningRequest: { Ref: 'CSR' } } },
    policy: {
      Type: 'AWS::IoT::Policy',
      Properties: {
        PolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }] },
      },
    },
  },
})

async function newCsr(): Promise<string> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  return toPem('CERTIFICATE REQUEST', await createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer }))
}

test('RegisterThing makes thing, certificate and policy, or says why not', async () => {
  const parameters = { SerialNumber: 'm1', CSR: await newCsr() }
  const { certificatePem, resourceArns } = await iot.registerThing({ templateBody: TEMPLATE, parameters })
  assert.match(certificatePem ?? '', /BEGIN CERTIFICATE/)
  assert.deepEqual(Object.keys(resourceArns ?? {}).sort(), ['certificate', 'policy', 'thing'])
  const { principals } = await iot.listThingPrincipals({ thingName: 'm1' })
  assert.deepEqual(principals, [resourceArns?.['certificate']])
  await assert.rejects(
    iot.registerThing({ templateBody: TEMPLATE, parameters: { CSR: parameters.CSR } }),
    ResourceRegistrationFailureException,
  )
})

test('a bulk task registers line by line and tells of each', async () => {
  mkdirSync(join(folder, 'buckets', 'batch'), { recursive: true })
  const lines = [
    JSON.stringify({ SerialNumber: 'b1', CSR: await newCsr() }),
    '{"SerialNumber":"b2"}',
    'no json',
    JSON.stringify({ SerialNumber: 'b4', CSR: await newCsr() }),
  ]
  writeFileSync(join(folder, 'buckets', 'batch', 'in.jsonl'), `${lines.join('\n')}\n`)
  const request = { templateBody: TEMPLATE, inputFileBucket: 'batch', roleArn: 'arn:aws:iam::123456789012:role/r' }
  const { taskId } = await iot.startThingRegistrationTask({ ...request, inputFileKey: 'in.jsonl' })
  const done = await untilOver(taskId)
  assert.deepEqual([done.status, done.successCount, done.failureCount], ['Completed', 2, 2])
  const results = await reportOf(taskId, 'RESULTS')
  assert.deepEqual(
    results.map((line) => line['lineNumber']),
    [1, 4],
  )
  const errors = await reportOf(taskId, 'ERRORS')
  assert.deepEqual(
    errors.map((line) => [line['lineNumber'], line['errorCode']]),
    [
      [2, 'ResourceRegistrationFailureException'],
      [3, 'InvalidRequestException'],
    ],
  )
  assert.deepEqual((await iot.listThingRegistrationTasks({ status: 'Completed' })).taskIds, [taskId])
  const { taskId: lost } = await iot.startThingRegistrationTask({
    ...request,
    inputFileKey: '../../registry/registry.db',
  })
  assert.equal((await untilOver(lost)).status, 'Failed')
  assert.equal((await fetch(`${plane.url}/v1/reports/${'0'.repeat(64)}`)).status, 404)
})

test('a claim of a trusted user lasts five minutes and is not listed', async () => {
  const templateBody = TEMPLATE.replace(
    '"CertificateSigningRequest":{"Ref":"CSR"}',
    '"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}',
  )
  const template = { templateName: 'fleet', provisioningRoleArn: 'arn:aws:iam::123456789012:role/r', templateBody }
  await iot.createProvisioningTemplate({ ...template, enabled: true })
  const claim = await iot.createProvisioningClaim({ templateName: 'fleet' })
  const left = (claim.expiration?.getTime() ?? 0) - Date.now()
  assert.ok(left > 200_000 && left <= 300_000, String(left))
  assert.match(claim.keyPair?.PrivateKey ?? '', /BEGIN RSA PRIVATE KEY/)
  const { certificates } = await iot.listCertificates({})
  assert.equal(
    certificates?.some(({ certificateId }) => certificateId === claim.certificateId),
    false,
  )
  await assert.rejects(iot.createProvisioningClaim({ templateName: 'none' }), { name: 'ResourceNotFoundException' })
  assert.equal((await fetch(`${plane.url}/v1/claim-page`)).headers.get('content-type'), 'text/html; charset=utf-8')
})

type Line = Readonly<Record<string, unknown>>

async function reportOf(taskId: string | undefined, reportType: 'RESULTS' | 'ERRORS'): Promise<readonly Line[]> {
  const { resourceLinks = [] } = await iot.listThingRegistrationTaskReports({ taskId, reportType })
  const texts = await Promise.all(resourceLinks.map(async (link) => (await fetch(link)).text()))
  return texts
    .join('')
    .trim()
    .split('\n')
    .map((line): Line => JSON.parse(line))
}

async function untilOver(taskId: string | undefined): Promise<DescribeThingRegistrationTaskResponse> {
  for (;;) {
    const task = await iot.describeThingRegistrationTask({ taskId })
    if (task.status !== 'InProgress') return task
    await pause(millis(20))
  }
}
