import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  CreateDomainConfigurationCommand,
  DeleteDomainConfigurationCommand,
  InvalidRequestException,
  UpdateDomainConfigurationCommand,
} from '@aws-sdk/client-iot'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { runProgram } from '../testkit/run-program.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

/** What the devices' ports show to OpenSSL (Debian package openssl), and how domain configurations change it. */
const cloud = await startRunningCloud()
after(() => cloud.close())

interface Met {
  readonly ok: boolean
  readonly output: string
}

/** Goes through a handshake and gives what OpenSSL says of it. */
async function meet(serverName: string, ...words: readonly string[]): Promise<Met> {
  const at = `localhost:${cloud.httpsPort}`
  const options = ['-connect', at, '-servername', serverName, '-CAfile', cloud.rootPath, '-brief']
  const { status, output } = await runProgram('openssl', ['s_client', ...options, ...words])
  return { ok: status === 0, output }
}

test('P-256 by default, and RSA for clients that verify nothing else, on one port', async () => {
  const modern = await meet('localhost')
  assert.match(modern.output, /Protocol version: TLSv1\.3/)
  assert.match(modern.output, /Signature type: ECDSA/)
  const tls12 = await meet('localhost', '-tls1_2')
  assert.match(tls12.output, /Ciphersuite: ECDHE-ECDSA-AES128-GCM-SHA256/)
  const old = await meet('localhost', '-tls1_2', '-sigalgs', 'RSA+SHA256')
  assert.match(old.output, /Ciphersuite: ECDHE-RSA-AES128-GCM-SHA256/)
  assert.match(old.output, /Verification: OK/)
})

test('TLS 1.1 is refused, and the attempt says what was offered', async () => {
  const { ok } = await meet('localhost', '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0')
  assert.equal(ok, false)
  const attempt = await cloud.refusal({}, 'TLS_VERSION_UNSUPPORTED')
  assert.match(attempt.cause?.reason ?? '', /offers TLS 1\.1/)
})

test('a domain configuration brings its name, certificate and security policy to the running listeners', async () => {
  const domain = { domainConfigurationName: 'field', domainName: 'field.localhost' }
  await cloud.iot.send(
    new CreateDomainConfigurationCommand({
      ...domain,
      tlsConfig: { securityPolicy: 'IoTSecurityPolicy_TLS13_1_3_2022_10' },
    }),
  )
  await until(async () => /Peer certificate: CN = field\.localhost/.test((await meet(domain.domainName)).output))
  const shown = await meet(domain.domainName)
  assert.match(shown.output, /Verification: OK/)
  assert.equal((await meet(domain.domainName, '-tls1_2')).ok, false)
  assert.equal((await meet('localhost', '-tls1_2')).ok, true)

  const tlsConfig = { securityPolicy: 'IoTSecurityPolicy_TLS12_1_2_2022_10' }
  await cloud.iot.send(new UpdateDomainConfigurationCommand({ domainConfigurationName: 'field', tlsConfig }))
  await until(async () => (await meet(domain.domainName, '-tls1_2')).ok)
  assert.equal((await meet(domain.domainName, '-tls1_3')).ok, false)

  const disabled = { domainConfigurationName: 'field', domainConfigurationStatus: 'DISABLED' } as const
  await cloud.iot.send(new UpdateDomainConfigurationCommand(disabled))
  await until(async () => (await meet(domain.domainName, '-tls1_3')).ok)
  await cloud.iot.send(new DeleteDomainConfigurationCommand({ domainConfigurationName: 'field' }))
})

test('an operator brings the certificate of a domain name that the authority does not certify', async () => {
  const folder = join(cloud.folder, 'cloud', 'domains')
  mkdirSync(folder, { recursive: true })
  const files = [join(folder, 'devices.example.pem'), join(folder, 'devices.example.key')] as const
  const made = await runProgram('openssl', [
    ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=brought'.split(' '),
    '-addext',
    'subjectAltName=DNS:devices.example',
    '-out',
    files[0],
    '-keyout',
    files[1],
  ])
  assert.equal(made.status, 0, made.output)
  const domain = { domainConfigurationName: 'brought', domainName: 'devices.example' }
  await cloud.iot.send(new CreateDomainConfigurationCommand(domain))
  await until(async () => /CN = brought/.test((await meet('devices.example')).output))
  // A name whose certificate cannot be had is served under the endpoint's own.
  writeFileSync(join(folder, 'broken.example.pem'), 'nothing')
  const other = { domainConfigurationName: 'other', domainName: 'elsewhere.example' }
  await cloud.iot.send(new CreateDomainConfigurationCommand(other))
  assert.match((await meet('elsewhere.example')).output, /Peer certificate: CN = localhost/)
})

test('policies that allow TLS 1.0 are refused by name, by the API and by the command', async () => {
  const tlsConfig = { securityPolicy: 'IoTSecurityPolicy_TLS12_1_0_2016_01' }
  const domain = { domainConfigurationName: 'old', domainName: 'old.localhost', tlsConfig }
  await assert.rejects(cloud.iot.send(new CreateDomainConfigurationCommand(domain)), {
    name: 'NotImplementedException',
    message: /allows TLS 1\.0/,
  })
  const unknown = { ...domain, tlsConfig: { securityPolicy: 'Mine' } }
  await assert.rejects(cloud.iot.send(new CreateDomainConfigurationCommand(unknown)), InvalidRequestException)
  const words = ['server', '--data', join(cloud.folder, 'other'), '--security-policy', tlsConfig.securityPolicy]
  const { status, stderr } = await runBirthmark(words)
  assert.equal(status, 2)
  assert.match(stderr, /allows TLS 1\.0 and 1\.1, which are not spoken here/)
})

/** Waits until it holds; the test's time limit ends it. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(LOOK_AGAIN)
}

const LOOK_AGAIN = millis(20)
