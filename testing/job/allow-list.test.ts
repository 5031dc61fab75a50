/** An allow-list made from a vendor's manifest by one command: only the elements of the batch come online by claim. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import mqtt, { type MqttClient } from 'mqtt'
import { awsEnvironment, prepareClaims } from '../testkit/agent-cloud.ts'
import { newCsrPem } from '../testkit/new-csr.ts'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'
import { microchipElement, newVendor } from '../testkit/vendor-manifests.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
const claim = await prepareClaims(cloud)
const env = { ...awsEnvironment(cloud), AWS_ENDPOINT_URL: cloud.controlHttp, AWS_REGION: cloud.region }

async function birthmark(...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'], { env })
  assert.equal(status, 0, stderr + stdout)
  return stdout
}

/** Asks for a certificate and for the thing of a serial number; gives the last level of the answer's topic. */
async function provision(client: MqttClient, SerialNumber: string): Promise<string> {
  const ask = async (topic: string, request: object): Promise<{ at: string; members: { [name: string]: unknown } }> => {
    const answer = new Promise<{ at: string; members: { [name: string]: unknown } }>((resolve) => {
      client.once('message', (at, bytes) =>
        resolve({ at: at.split('/').at(-1) ?? '', members: JSON.parse(bytes.toString()) }),
      )
    })
    await client.publishAsync(topic, JSON.stringify(request), { qos: 1 })
    return answer
  }
  const made = await ask('$aws/certificates/create-from-csr/json', { certificateSigningRequest: await newCsrPem() })
  const { certificateOwnershipToken } = made.members
  const topic = '$aws/provisioning-templates/meters/provision/json'
  return (await ask(topic, { certificateOwnershipToken, parameters: { SerialNumber } })).at
}

test('the elements of a manifest may claim, each once, and no other', async () => {
  const vendor = await newVendor()
  const chips = [await vendor.chip('a0b1c2d3e4f5'), await vendor.chip('a0b1c2d3e4f6')]
  const manifest = join(cloud.folder, 'chips.json')
  const signer = join(cloud.folder, 'signer.pem')
  const ca = join(cloud.folder, 'ca.pem')
  writeFileSync(manifest, JSON.stringify(chips.map((chip) => microchipElement(vendor, chip))))
  writeFileSync(signer, vendor.manifestSigner.certificate.toPem())
  writeFileSync(ca, vendor.issuing.toPem())
  await birthmark('allow-list', 'create', 'batch-7', '--template', 'meters')
  const trust = ['--format', 'microchip', '--signer', signer, '--ca', ca]
  await birthmark('allow-list', 'import', 'batch-7', manifest, ...trust)
  const client = await mqtt.connectAsync({
    protocol: 'mqtts',
    ...cloud.mqtt,
    ca: readFileSync(cloud.rootPath),
    cert: readFileSync(claim.certificate),
    key: readFileSync(claim.key),
    clientId: 'batch-7',
    reconnectPeriod: 0,
  })
  const answers = ['$aws/certificates/create-from-csr/json/+', '$aws/provisioning-templates/meters/provision/json/+']
  await client.subscribeAsync(answers, { qos: 1 })
  const came: string[] = []
  for (const serial of ['a0b1c2d3e4f5', 'a0b1c2d3e4f6', 'a0b1c2d3e4f6', 'a0b1c2d3e4f7']) {
    came.push(await provision(client, serial))
  }
  await client.endAsync()
  assert.deepEqual(came, ['accepted', 'accepted', 'rejected', 'rejected'])
  assert.match(await birthmark('allow-list', 'list'), /"values":2,"used":2/)
})
