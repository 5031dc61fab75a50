/** Fleet provisioning by claim, asked for by clients that we did not write. */
import assert from 'node:assert/strict'
import { createSign, generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  CreateProvisioningClaimCommand,
  CreateProvisioningTemplateCommand,
  DescribeCertificateCommand,
  DescribeThingCommand,
  ListThingPrincipalsCommand,
} from '@aws-sdk/client-iot'
import { createCsr, toPem } from '@birthmark/foundation/x509'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { runProgram } from '../testkit/run-program.ts'
import { type FileDevice, startRunningCloud } from '../testkit/running-cloud.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
const ARN = `arn:aws:iot:${cloud.region}:${cloud.account}`
const SDK_DEVICE = join(import.meta.dirname, '../clients/fleet.js')

await cloud.createPolicy('everything', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
const CLAIM_TOPICS = ['$aws/certificates/create*', '$aws/provisioning-templates/meters/provision/*']
await cloud.createPolicy('claim', [
  { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
  {
    Effect: 'Allow',
    Action: ['iot:Publish', 'iot:Receive'],
    Resource: CLAIM_TOPICS.map((topic) => `${ARN}:topic/${topic}`),
  },
  { Effect: 'Allow', Action: 'iot:Subscribe', Resource: CLAIM_TOPICS.map((topic) => `${ARN}:topicfilter/${topic}`) },
])
await cloud.iot.send(
  new CreateProvisioningTemplateCommand({
    templateName: 'meters',
    provisioningRoleArn: 'arn:aws:iam::123456789012:role/provisioning',
    enabled: true,
    templateBody: JSON.stringify({
      Parameters: { SerialNumber: { Type: 'String' } },
      Resources: {
        thing: {
          Type: 'AWS::IoT::Thing',
          Properties: { ThingName: { 'Fn::Join': ['-', ['meter', { Ref: 'SerialNumber' }]] } },
        },
        certificate: {
          Type: 'AWS::IoT::Certificate',
          Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
        },
        policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'everything' } },
      },
      DeviceConfiguration: { site: 'north' },
    }),
  }),
)
const claim = await cloud.newDevice('claim', 'claim')

/** Gives the words by which Mosquitto's clients connect as a device. */
function mosquitto({ certificate, key }: Pick<FileDevice, 'certificate' | 'key'>, clientId: string): string[] {
  const where = ['-h', 'localhost', '-p', String(cloud.mqtt.port), '--cafile', cloud.rootPath]
  return [...where, '--cert', certificate, '--key', key, '-i', clientId]
}

async function newRequest(): Promise<{ readonly csr: string; readonly key: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const csr = await createCsr({
    subject: [{ type: 'CN', value: 'meter' }],
    signer: {
      algorithm: 'ecdsa-p256-sha256',
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      sign: (message) => Promise.resolve(createSign('sha256').update(message).sign(privateKey)),
    },
  })
  return {
    csr: toPem('CERTIFICATE REQUEST', csr),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

test('a claim of a trusted user brings one device online, and may do nothing else', async () => {
  const made = await cloud.iot.send(new CreateProvisioningClaimCommand({ templateName: 'meters' }))
  const files = { certificate: join(cloud.folder, 'trusted.pem'), key: join(cloud.folder, 'trusted.key') }
  writeFileSync(files.certificate, made.certificatePem ?? '')
  writeFileSync(files.key, made.keyPair?.PrivateKey ?? '')
  const { csr } = await newRequest()
  const parameters = { SerialNumber: 'trusted' }
  const { status, said } = await runDevice({
    ...files,
    version: 5,
    clientId: 'installer',
    template: 'meters',
    parameters,
    csr,
  })
  assert.equal(status, 0, said)
  const { registered }: Given = JSON.parse(said)
  assert.equal(registered.thingName, 'meter-trusted')
  const stray = await runProgram('mosquitto_sub', [...mosquitto(files, 'stray'), '-t', 'dt/#', '-W', '5', '-E'])
  assert.notEqual(stray.status, 0, stray.output)
})

test('with an allow-list only its serial numbers come online', async () => {
  const env = {
    AWS_ENDPOINT_URL: cloud.controlHttp,
    AWS_REGION: cloud.region,
    AWS_ACCESS_KEY_ID: cloud.access.accessKeyId,
    AWS_SECRET_ACCESS_KEY: cloud.access.secretAccessKey,
  }
  const serials = join(cloud.folder, 'serials.txt')
  writeFileSync(serials, 'listed\n')
  for (const words of [
    ['create', 'batch', '--template', 'meters'],
    ['add', 'batch', serials],
  ]) {
    const { status, stderr } = await runBirthmark(['allow-list', ...words], { env })
    assert.equal(status, 0, stderr)
  }
  const device = { version: 5, clientId: 'lister', template: 'meters' }
  const stranger = await runDevice({
    ...device,
    parameters: { SerialNumber: 'invented' },
    csr: (await newRequest()).csr,
  })
  assert.equal(JSON.parse(stranger.said).error.errorCode, 'ACCESS_DENIED', stranger.said)
  const listed = await runDevice({ ...device, parameters: { SerialNumber: 'listed' }, csr: (await newRequest()).csr })
  assert.equal(listed.status, 0, listed.said)
  const shown = await runBirthmark(['allow-list', 'list', '--json'], { env })
  const { values, used }: { values: number; used: number } = JSON.parse(shown.stdout)
  assert.deepEqual([values, used], [1, 1])
  const deleted = await runBirthmark(['allow-list', 'delete', 'batch'], { env })
  assert.equal(deleted.status, 0, deleted.stderr)
})

interface Given {
  readonly made: { readonly certificateId: string; readonly certificatePem: string; readonly privateKey?: string }
  readonly registered: { readonly thingName: string; readonly deviceConfiguration: Readonly<Record<string, string>> }
}

async function runDevice(options: Readonly<Record<string, unknown>>): Promise<{ status: number | null; said: string }> {
  const { certificate, key } = claim
  const where = { host: 'localhost', port: cloud.mqtt.port, root: cloud.rootPath, certificate, key }
  const { status, output } = await runProgram(process.execPath, [SDK_DEVICE, JSON.stringify({ ...where, ...options })])
  return { status, said: output }
}

for (const [version, how] of [
  [5, 'with its own key'],
  [3, 'with a key from the cloud'],
] as const) {
  test(`AWS's device SDK v2 comes online by claim over MQTT ${version} ${how}`, async () => {
    const request = version === 5 ? await newRequest() : undefined
    const SerialNumber = `sdk${version}`
    const clientId = `fleet-${version}`
    const device = { version, clientId, template: 'meters', parameters: { SerialNumber }, csr: request?.csr }
    const { status, said } = await runDevice(device)
    assert.equal(status, 0, said)
    const { made, registered }: Given = JSON.parse(said)
    assert.deepEqual(registered, { deviceConfiguration: { site: 'north' }, thingName: `meter-${SerialNumber}` })

    const { certificateId } = made
    const { certificateDescription } = await cloud.iot.send(new DescribeCertificateCommand({ certificateId }))
    assert.equal(certificateDescription?.status, 'ACTIVE')
    const { thingName } = registered
    await cloud.iot.send(new DescribeThingCommand({ thingName }))
    const { principals } = await cloud.iot.send(new ListThingPrincipalsCommand({ thingName }))
    assert.deepEqual(principals, [`${ARN}:cert/${certificateId}`])

    const files = { certificate: join(cloud.folder, `${clientId}.pem`), key: join(cloud.folder, `${clientId}.key`) }
    writeFileSync(files.certificate, made.certificatePem)
    writeFileSync(files.key, made.privateKey ?? request?.key ?? '')
    const words = [...mosquitto(files, thingName), '-q', '1', '-t', 'dt', '-m', 'here']
    const published = await runProgram('mosquitto_pub', words)
    assert.equal(published.status, 0, published.output)
  })
}

test('a missing parameter is told as a modelled error', async () => {
  const { status, said } = await runDevice({ version: 5, clientId: 'mute', template: 'meters', parameters: {} })
  assert.equal(status, 1, said)
  assert.deepEqual(JSON.parse(said).error, {
    statusCode: 400,
    errorCode: 'InvalidParameters',
    errorMessage: 'parameter "SerialNumber" was not sent and has no Default.',
  })
})

test('mosquitto hears on the documented topics why it was rejected', async () => {
  const topic = '$aws/provisioning-templates/meters/provision/json'
  const words = ['-e', `${topic}/rejected`, '-t', topic, '-m', '{"parameters":{}}', '-W', '20']
  const asked = await runProgram('mosquitto_rr', [...mosquitto(claim, 'rr'), '-q', '1', ...words])
  assert.deepEqual(JSON.parse(asked.output), {
    statusCode: 400,
    errorCode: 'InvalidCertificateOwnershipToken',
    errorMessage: 'Certificate ownership token cannot be empty.',
  })
})
