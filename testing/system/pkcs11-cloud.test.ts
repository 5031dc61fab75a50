/** Devices that we did not write, at our own server, with their key in a virtual chip. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { AttachPolicyCommand, CreateCertificateFromCsrCommand } from '@aws-sdk/client-iot'
import { createCsr, parseCertificate, toPem } from '@birthmark/foundation/x509'
import { readAttempts } from 'birthmark/parts'
import { type ForeignServer, startForeignServer } from '../testkit/foreign-server.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'
import { newServedToken, type ServedToken, TOKEN_KEY } from '../testkit/served-token.ts'
import type { TlsVersion } from '../testkit/tls-greeter.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
await cloud.createPolicy('everything', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
const watcher = await cloud.newDevice('watcher', 'everything')

const SDK_DEVICE = join(import.meta.dirname, '../clients/publish.js')

interface Device {
  readonly token: ServedToken
  readonly certificateFile: string
}

/** Has a chip sign a request, the control plane a certificate, and binds it to a policy. */
async function newChipDevice(context: TestContext): Promise<Device> {
  const token = await newServedToken(context)
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer: token.signer })
  const request = { certificateSigningRequest: toPem('CERTIFICATE REQUEST', csr), setAsActive: true }
  const made = await cloud.iot.send(new CreateCertificateFromCsrCommand(request))
  const { certificateArn = '', certificatePem = '' } = made
  await cloud.iot.send(new AttachPolicyCommand({ policyName: 'everything', target: certificateArn }))
  assert.deepEqual(parseCertificate(certificatePem).publicKey, token.signer.publicKey)
  const certificateFile = join(token.folder, 'device.pem')
  writeFileSync(certificateFile, certificatePem)
  return { token, certificateFile }
}

/** Starts a subscriber with a key in a file, and waits until it is subscribed. */
async function watch(context: TestContext, topic: string): Promise<ForeignServer> {
  const identity = ['--cert', watcher.certificate, '--key', watcher.key, '-i', `watcher-${topic.replace('/', '-')}`]
  const where = ['-h', 'localhost', '-p', String(cloud.mqtt.port), '--cafile', cloud.rootPath]
  const words = ['-oL', 'mosquitto_sub', '-d', '-F', '%t:%p', ...where, ...identity, '-t', topic]
  const client = startForeignServer(context, 'stdbuf', words)
  await client.says(/^Subscribed \(/m)
  return client
}

/** The version that the server saw a client connect with. */
async function tlsOf(clientId: string): Promise<string | undefined> {
  const [attempt] = await readAttempts(cloud.access, { clientId })
  return attempt?.tlsVersion
}

for (const version of ['1.2', '1.3'] as const satisfies readonly TlsVersion[]) {
  test(`AWS's device SDK v2 publishes over TLS ${version} with the key in a chip`, async (context) => {
    const { token, certificateFile } = await newChipDevice(context)
    const topic = `sdk/${version}`
    const listening = await watch(context, topic)
    const order = {
      host: 'localhost',
      port: cloud.mqtt.port,
      root: cloud.rootPath,
      certificate: certificateFile,
      module: token.module,
      label: token.label,
      key: TOKEN_KEY.label,
      clientId: `sdk-${version}`,
      topic,
      message: 'from the SDK',
      isTls13: version === '1.3',
    }
    // A process of its own: signing holds its threads up until the token has answered.
    const said = await token.use(process.execPath, SDK_DEVICE, JSON.stringify(order))
    assert.match(said, /published, reason code 0/)
    await listening.says(new RegExp(`^${topic}:from the SDK$`, 'm'))
    assert.equal(await tlsOf(`sdk-${version}`), `TLSv${version}`)
  })
}

test('mosquitto_pub publishes with the key in a chip', async (context) => {
  const { token, certificateFile } = await newChipDevice(context)
  const listening = await watch(context, 'mosquitto/1')
  const uri = `${token.keyUri};type=private`
  // Mosquitto 2.0.11 looks for a file of this name before it learns that the key is in an engine.
  writeFileSync(join(token.folder, uri), '')
  const where = ['-h', 'localhost', '-p', String(cloud.mqtt.port), '--cafile', cloud.rootPath, '-i', 'mosquitto-1']
  const identity = ['--cert', certificateFile, '--keyform', 'engine', '--tls-engine', 'pkcs11', '--key', uri]
  await token.use('mosquitto_pub', ...where, ...identity, '-q', '1', '-t', 'mosquitto/1', '-m', 'hello')
  await listening.says(/^mosquitto\/1:hello$/m)
})
