/** Just-in-time registration: a rule has a handler that was written for AWS Lambda decide about certificates. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  CreateTopicRuleCommand,
  DescribeCertificateCommand,
  GetRegistrationCodeCommand,
  GetTopicRuleCommand,
  ListTopicRulesCommand,
  RegisterCACertificateCommand,
} from '@aws-sdk/client-iot'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { parseCertificate } from '@birthmark/foundation/x509'
import mqtt from 'mqtt'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { runProgram } from '../testkit/run-program.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
const EXAMPLES = join(import.meta.dirname, '../../docs/examples/functions')
const env = {
  AWS_ENDPOINT_URL: cloud.controlHttp,
  AWS_REGION: cloud.region,
  AWS_ACCESS_KEY_ID: cloud.access.accessKeyId,
  AWS_SECRET_ACCESS_KEY: cloud.access.secretAccessKey,
}

function inFolder(name: string): string {
  return join(cloud.folder, name)
}

async function openssl(...words: readonly string[]): Promise<void> {
  const { status, output } = await runProgram('openssl', words)
  assert.equal(status, 0, output)
}

/** Makes a key and has the CA sign a certificate for it. */
async function signed(name: string, file: string): Promise<{ certificate: string; key: string }> {
  const [key, csr, certificate] = [inFolder(`${file}.key`), inFolder(`${file}.csr`), inFolder(`${file}.pem`)]
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl('req', '-new', ...ec, '-keyout', key, '-out', csr, '-subj', `/CN=${name}`)
  const ca = ['-CA', inFolder('ca.pem'), '-CAkey', inFolder('ca.key'), '-CAcreateserial']
  await openssl('x509', '-req', '-in', csr, ...ca, '-days', '30', '-out', certificate)
  return { certificate, key }
}

await cloud.createPolicy('device', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const ca = ['-keyout', inFolder('ca.key'), '-out', inFolder('ca.pem'), '-subj', '/CN=Maker CA', '-days', '30']
await openssl('req', '-x509', ...ec, ...ca)
const { registrationCode = '' } = await cloud.iot.send(new GetRegistrationCodeCommand({}))
const proof = await signed(registrationCode, 'proof')
await cloud.iot.send(
  new RegisterCACertificateCommand({
    caCertificate: readFileSync(inFolder('ca.pem'), 'utf8'),
    verificationCertificate: readFileSync(proof.certificate, 'utf8'),
    setAsActive: true,
    allowAutoRegistration: true,
  }),
)
const added = await runBirthmark(
  [
    'functions',
    'add',
    'activate',
    '--module',
    join(EXAMPLES, 'activate-listed.mjs'),
    '--role',
    'operator',
    '--timeout',
    '30',
    '--json',
  ],
  { env },
)
assert.equal(added.status, 0, added.stderr)
const { arn: functionArn }: { arn: string } = JSON.parse(added.stdout)
await cloud.iot.send(
  new CreateTopicRuleCommand({
    ruleName: 'registered',
    topicRulePayload: {
      sql: `SELECT *, clientid() AS clientid FROM '$aws/events/certificates/registered/#'
        WHERE certificateStatus = 'PENDING_ACTIVATION'`,
      actions: [
        { lambda: { functionArn } },
        { republish: { roleArn: 'arn:aws:iam::1:role/r', topic: 'seen/${topic(5)}' } },
      ],
    },
  }),
)

/** Connects until the certificate has a status, as devices do, and gives that. */
async function connectUntil(name: string, wanted: string): Promise<string | undefined> {
  const device = await signed(name, name)
  const certificateId = parseCertificate(readFileSync(device.certificate, 'utf8')).fingerprint
  const where = ['-h', 'localhost', '-p', String(cloud.mqtt.port), '--cafile', cloud.rootPath, '-i', name]
  const publish = ['--cert', device.certificate, '--key', device.key, '-q', '1', '-t', 'dt', '-m', 'here']
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { status } = await runProgram('mosquitto_pub', [...where, ...publish])
    const { certificateDescription } = await cloud.iot.send(new DescribeCertificateCommand({ certificateId }))
    if (certificateDescription?.status === wanted && (status === 0 || wanted !== 'ACTIVE')) return wanted
    await pause(millis(300))
  }
  return undefined
}

test('a listed device is activated by the function; the event says which client it was', async (context) => {
  const { certificate, key } = await cloud.newDevice('watcher', 'device')
  const watcher = await mqtt.connectAsync({
    protocol: 'mqtts',
    ...cloud.mqtt,
    ca: readFileSync(cloud.rootPath),
    cert: readFileSync(certificate),
    key: readFileSync(key),
    clientId: 'watcher',
  })
  context.after(() => watcher.end(true))
  const seen = new Promise<string>((resolve) => {
    watcher.once('message', (_topic, payload) => resolve(payload.toString()))
  })
  await watcher.subscribeAsync('seen/#')
  assert.equal(await connectUntil('meter-1', 'ACTIVE'), 'ACTIVE')
  const { clientid, certificateStatus }: { clientid: string; certificateStatus: string } = JSON.parse(await seen)
  assert.deepEqual([clientid, certificateStatus], ['meter-1', 'PENDING_ACTIVATION'])
})

test('a device that is not listed is revoked', async () => {
  assert.equal(await connectUntil('stranger', 'REVOKED'), 'REVOKED')
})

test('rules are described and listed as AWS does', async () => {
  const { rule } = await cloud.iot.send(new GetTopicRuleCommand({ ruleName: 'registered' }))
  assert.equal(rule?.actions?.[0]?.lambda?.functionArn, functionArn)
  assert.equal(rule.ruleDisabled, false)
  const { rules } = await cloud.iot.send(new ListTopicRulesCommand({}))
  assert.deepEqual(
    rules?.map(({ ruleName, topicPattern }) => [ruleName, topicPattern]),
    [['registered', '$aws/events/certificates/registered/#']],
  )
})

test('an allow-list is filled from a text file', async () => {
  const serials = inFolder('serials.txt')
  writeFileSync(serials, 'm1\nm2\n')
  const wrong = await runBirthmark(['allow-list', 'create', 'batch', '--template', 'none'], { env })
  assert.equal(wrong.status, 1)
  assert.match(wrong.stderr, /template does not exist/)
})

const TRIES_MAX = 40
