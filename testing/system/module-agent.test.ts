/** The device's agent with its key behind modules that we did not write, at our own server. */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { AttachPolicyCommand, CreateCertificateFromCsrCommand } from '@aws-sdk/client-iot'
import { elementSigner } from '@birthmark/chip'
import { CryptokiModule } from '@birthmark/chip/cryptoki/adapters'
import { comeOnline, FIELD_BACKOFF, loadIdentity } from '@birthmark/device/agent'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, toPem } from '@birthmark/foundation/x509'
import { startForeignServer } from '../testkit/foreign-server.ts'
import { HSM_PIN, newHsmTokens } from '../testkit/hsm-tokens.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'
import { makePkcs11Key, newSwtpm, tpm2Pkcs11Module } from '../testkit/swtpm.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
await cloud.createPolicy('everything', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
const watcher = await cloud.newDevice('watcher', 'everything')

async function softHsm(context: TestContext): Promise<CryptokiModule> {
  const { path, environment } = await newHsmTokens(context, 'device')
  return CryptokiModule.open(path, { label: 'device', pin: HSM_PIN, environment })
}

async function softwareTpm(context: TestContext): Promise<CryptokiModule> {
  const tpm = await newSwtpm(context)
  const { token, pin } = makePkcs11Key(tpm)
  const environment = Object.fromEntries(Object.entries(tpm.env).map(([name, value]) => [name, value ?? '']))
  return CryptokiModule.open(tpm2Pkcs11Module(), { label: token, pin, environment })
}

for (const [name, open] of [
  ['SoftHSM', softHsm],
  ['tpm2-pkcs11', softwareTpm],
] as const) {
  test(`the agent comes online and publishes with its key in ${name}`, async (context) => {
    const element = await open(context)
    context.after(() => element.close())
    const { key, certificate, trustAnchor } = element.defaultSlots
    const publicKey = await element.generateKey(key)
    const signer = elementSigner(element, key, publicKey)
    const csr = await createCsr({ subject: [{ type: 'CN', value: name }], signer })
    const request = { certificateSigningRequest: toPem('CERTIFICATE REQUEST', csr), setAsActive: true }
    const { certificateArn, certificatePem = '' } = await cloud.iot.send(new CreateCertificateFromCsrCommand(request))
    await cloud.iot.send(new AttachPolicyCommand({ policyName: 'everything', target: certificateArn }))
    await element.writeCertificate(certificate, parseCertificate(certificatePem).der)
    await element.writeCertificate(trustAnchor, cloud.root.der)

    const topic = `modules/${name}`
    const where = ['-h', 'localhost', '-p', String(cloud.mqtt.port), '--cafile', cloud.rootPath]
    const own = ['--cert', watcher.certificate, '--key', watcher.key, '-i', `watcher-${name}`, '-t', topic]
    const words = ['-oL', 'mosquitto_sub', '-d', '-F', '%p', ...where, ...own]
    const listening = startForeignServer(context, 'stdbuf', words)
    await listening.says(/^Subscribed \(/m)
    const { connection, attempts } = await comeOnline({
      identity: await loadIdentity(element),
      endpoint: cloud.mqtt,
      clientId: name,
      backoff: FIELD_BACKOFF,
      attemptsMax: 1,
      clock: systemClock,
      entropy: systemEntropy,
      timers: systemTimers,
      log: silentLog,
    })
    assert.equal(attempts, 1)
    await connection.publish(topic, `from ${name}`)
    await connection.close()
    await listening.says(new RegExp(`^from ${name}$`, 'm'))
  })
}
