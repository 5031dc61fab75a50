/** `birthmark device` against a real server: every way online that a device can take by itself. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  CreateProvisioningClaimCommand,
  RegisterCACertificateCommand,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import mqtt from 'mqtt'
import { activeCertificates, awsEnvironment, prepareClaims, writeAgent } from '../testkit/agent-cloud.ts'
import { failsPlainly, runBirthmark, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'
import { newTlsAuthority } from '../testkit/tls-identities.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
const claim = await prepareClaims(cloud)
const env = awsEnvironment(cloud)

interface Status {
  readonly thingName?: string
  readonly certificates: readonly { readonly certificateId: string; readonly isInUse: boolean }[]
  readonly pending?: string
  readonly closing: readonly string[]
}

async function statusOf(config: string): Promise<Status> {
  const { stdout, status, stderr } = await runBirthmark(['device', 'status', '--config', config, '--json'])
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}

test('a claim becomes an identity, which rotates, is used again, and begins anew after a reset', async () => {
  const config = writeAgent(cloud, 'A1', claim)
  const run = ['device', 'run', '--config', config, '--tries', '10', '--messages', '2']
  const first = await runBirthmark([...run, '--json'], { env })
  assert.equal(first.status, 0, first.stderr + first.stdout)
  assert.match(first.stdout, /"event":"published","topic":"dt\/meter-A1","count":2/)
  const born = await statusOf(config)
  assert.equal(born.thingName, 'meter-A1')
  const [used] = await activeCertificates(cloud.iot, 'meter-A1')
  assert.equal(born.certificates.find(({ isInUse }) => isInUse)?.certificateId, used)

  const rotated = await runBirthmark(['device', 'rotate', '--config', config, '--tries', '10'], { env })
  assert.equal(rotated.status, 0, rotated.stderr)
  const now = await activeCertificates(cloud.iot, 'meter-A1')
  assert.equal(now.length, 1)
  assert.notEqual(now[0], used)
  assert.deepEqual((await statusOf(config)).closing, [])

  const again = await runBirthmark(run, { env })
  assert.equal(again.status, 0, again.stderr)
  assert.doesNotMatch(again.stderr, /Got certificate/)

  const reset = await runBirthmark(['device', 'reset', '--config', config], { env })
  assert.match(reset.stderr, new RegExp(String(now[0])))
  const anew = await runBirthmark(run, { env })
  assert.match(anew.stderr, /Got certificate/)
})

test('a device that holds nothing takes the claim of a trusted user, after wrong codes too', async (context) => {
  const config = writeAgent(cloud, 'B1', undefined, { receiver: {} })
  const agent = startBirthmark(['device', 'run', '--config', config], { env })
  context.after(() => agent.child.kill('SIGKILL'))
  const [, url = '', code = ''] = await agent.said(/POST it to (\S+) with the code (\w+)/)
  // What AWS answers: an RSA key, in the form that it has had since 2015.
  const { certificatePem, keyPair } = await cloud.iot.send(
    new CreateProvisioningClaimCommand({ templateName: 'meters' }),
  )
  assert.match(keyPair?.PrivateKey ?? '', /BEGIN RSA PRIVATE KEY/)
  const body = JSON.stringify({ certificatePem, keyPair })
  const post = (bearer: string, text = body): Promise<Response> =>
    fetch(url, { method: 'POST', headers: { authorization: `Bearer ${bearer}` }, body: text })
  assert.equal((await post('WRONGONE')).status, 403)
  assert.equal((await post(code, '{}')).status, 400)
  assert.equal((await post(code)).status, 200)
  await agent.said(/Published message 1 to dt\/meter-B1/)
  await stopsInOrder(agent)
  assert.equal((await activeCertificates(cloud.iot, 'meter-B1')).length, 1)
})

test('two agents of one device: the second one is refused', async (context) => {
  const config = writeAgent(cloud, 'C1', undefined, { receiver: {} })
  const agent = startBirthmark(['device', 'run', '--config', config])
  context.after(() => agent.child.kill('SIGKILL'))
  await agent.said(/with the code/)
  const { status, stdout } = await runBirthmark(['device', 'run', '--config', config, '--json'])
  assert.equal(status, 1)
  assert.match(stdout, /DEVICE_AGENT_RUNS/)
  await stopsInOrder(agent)
})

test('a chip in a file gets an identity by claim, and rotates into its second place', async () => {
  const path = join(cloud.folder, 'meter.chip')
  const made = await runBirthmark(['chip', 'new', '--chip', path])
  assert.equal(made.status, 0, made.stderr)
  const config = writeAgent(cloud, 'E1', claim, { element: { chip: path } })
  const born = await runBirthmark(['device', 'run', '--config', config, '--tries', '10', '--messages', '1'], { env })
  assert.equal(born.status, 0, born.stderr)
  const [first] = await activeCertificates(cloud.iot, 'meter-E1')
  const rotated = await runBirthmark(['device', 'rotate', '--config', config, '--tries', '10'], { env })
  assert.equal(rotated.status, 0, rotated.stderr)
  const [second, ...others] = await activeCertificates(cloud.iot, 'meter-E1')
  assert.deepEqual(others, [])
  assert.notEqual(first, second)
  const { certificates } = await statusOf(config)
  assert.equal(certificates.find(({ isInUse }) => isInUse)?.certificateId, second)
})

test("a maker's certificate whose CA the cloud knows: provisioned, dropped, online at the next try", async () => {
  const path = join(cloud.folder, 'maker.chip')
  const maker = await newTlsAuthority()
  const chip = await TrustX.open(await openVirtualChip({ file: path }))
  const [leaf, issuing] = await maker.certify(await chip.generateKey(chip.defaultSlots.key))
  assert.ok(leaf !== undefined && issuing !== undefined)
  await chip.writeCertificate(chip.defaultSlots.certificate, leaf.der)
  await chip.writeCertificate(chip.defaultSlots.trustAnchor, cloud.root.der)
  await chip.close()
  const templateBody = JSON.stringify({
    Parameters: { 'AWS::IoT::Certificate::Id': { Type: 'String' } },
    Resources: {
      thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'AWS::IoT::Certificate::Id' } } },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
      },
      policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'meter' } },
    },
  })
  await cloud.iot.send(
    new RegisterCACertificateCommand({
      caCertificate: issuing.toPem(),
      certificateMode: 'SNI_ONLY',
      setAsActive: true,
      allowAutoRegistration: true,
      registrationConfig: { templateBody, roleArn: `arn:aws:iam::${cloud.account}:role/provisioning` },
    }),
  )
  const endpoint = { host: cloud.mqtt.host, port: cloud.mqtt.port }
  const config = writeAgent(cloud, 'F1', undefined, { element: { chip: path }, endpoint })
  const run = ['device', 'run', '--config', config, '--tries', '10', '--messages', '1']
  const first = await runBirthmark(run, { env })
  assert.equal(first.status, 0, first.stderr)
  assert.match(first.stderr, /CONNECTION_DROPPED[^]*Published message 1/)
  assert.deepEqual(await activeCertificates(cloud.iot, leaf.fingerprint), [leaf.fingerprint])
  const second = await runBirthmark(run, { env })
  assert.doesNotMatch(second.stderr, /CONNECTION_DROPPED/)
})

test('the old certificate is closed by what answers a topic, and asked for until it is', async (context) => {
  const config = writeAgent(cloud, 'G1', claim, { rotation: { close: { topic: 'cmd/{name}/close' } } })
  await runBirthmark(['device', 'run', '--config', config, '--tries', '10', '--messages', '1'], { env })
  const [first = ''] = await activeCertificates(cloud.iot, 'meter-G1')
  await cloud.createPolicy('closer', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
  const { certificate, key } = await cloud.newDevice('closer', 'closer')
  const closer = await mqtt.connectAsync({
    protocol: 'mqtts',
    ...cloud.mqtt,
    ca: readFileSync(cloud.rootPath),
    cert: readFileSync(certificate),
    key: readFileSync(key),
    clientId: 'closer',
  })
  context.after(() => closer.end(true))
  let asked = 0
  closer.on('message', (topic, payload) => {
    asked += 1
    const { certificateId }: { certificateId: string } = JSON.parse(payload.toString())
    if (asked === 1) return void closer.publish(`${topic}/rejected`, '{"errorMessage":"not yet"}')
    void cloud.iot
      .send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }))
      .then(() => closer.publish(`${topic}/accepted`, '{}'))
  })
  await closer.subscribeAsync('cmd/+/close')
  const rotated = await runBirthmark(['device', 'rotate', '--config', config, '--tries', '10'], { env })
  assert.equal(rotated.status, 0, rotated.stderr)
  assert.match(rotated.stderr, /CLOSING_REFUSED.*not yet/)
  assert.equal(asked, 2)
  const now = await activeCertificates(cloud.iot, 'meter-G1')
  assert.equal(now.length, 1)
  assert.notEqual(now[0], first)
})

test('wrong usage and what is not there are told plainly', async () => {
  const config = writeAgent(cloud, 'H1', undefined)
  await failsPlainly(['device', 'run', '--config', '/nowhere.yaml'], {
    code: 'CONFIGURATION_ABSENT',
    says: /no configuration at \/nowhere.yaml/,
  })
  await failsPlainly(['device', 'run', '--config', config], {
    code: 'DEVICE_HOLDS_NOTHING',
    says: /holds no certificate and is not told how to get one/,
  })
  await failsPlainly(['device', 'rotate', '--config', config], {
    code: 'ROTATION_WITHOUT_IDENTITY',
    says: /no permanent certificate yet/,
  })
})
