/** A CA proves to our own server that it is its owner's, by the unmodified AWS SDK. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DescribeCACertificateCommand } from '@aws-sdk/client-iot'
import { parseCertificate } from '@birthmark/foundation/x509'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
const { endpoint, region, accessKeyId, secretAccessKey } = cloud.access
const env = {
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_REGION: region,
  AWS_EC2_METADATA_DISABLED: 'true',
}
const file = (name: string): string => join(cloud.folder, name)
writeFileSync(file('ca.pass'), 'a passphrase for tests\n')

test('one step: the code is asked for, proven, and the CA registered', async () => {
  const on = await newCa('one')
  const registered = await succeed(['ca', 'prove', ...on, '--cloud', endpoint, '--auto-registration', '--json'], env)
  const described = await cloud.iot.send(
    new DescribeCACertificateCommand({ certificateId: String(registered['certificateId']) }),
  )
  const ca = parseCertificate(readFileSync(file('one/issuing.pem'), 'utf8'))
  assert.equal(registered['certificateId'], ca.fingerprint)
  assert.equal(described.certificateDescription?.status, 'ACTIVE')
  assert.equal(described.certificateDescription.autoRegistrationStatus, 'ENABLE')
})

test('two files: the code’s holder has no key, and the key’s holder no access to the cloud', async () => {
  const on = await newCa('two')
  await succeed(['ca', 'register', 'ask', '--cloud', endpoint, '--out', file('request.json'), '--json'], env)
  const nothing = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }
  const prove = ['ca', 'prove', ...on, '--request', file('request.json'), '--out', file('proof.json'), '--json']
  await succeed(prove, nothing)
  const complete = ['ca', 'register', 'complete', '--cloud', endpoint, '--request', file('request.json')]
  const registered = await succeed([...complete, '--proof', file('proof.json'), '--inactive', '--json'], env)
  const described = await cloud.iot.send(
    new DescribeCACertificateCommand({ certificateId: String(registered['certificateId']) }),
  )
  assert.equal(described.certificateDescription?.status, 'INACTIVE')

  const request = JSON.parse(readFileSync(file('request.json'), 'utf8'))
  writeFileSync(file('other.json'), JSON.stringify({ ...request, registrationCode: 'ab'.repeat(32) }))
  const other = ['ca', 'register', 'complete', '--cloud', endpoint, '--request', file('other.json')]
  const wrong = { code: 'PROOF_FILE_INVALID', says: /another registration code/ }
  await failsPlainly([...other, '--proof', file('proof.json')], wrong, { env })
  const twice = { code: 'CLOUD_REFUSED', says: /RegisterCACertificate: Resource/ }
  await failsPlainly([...complete, '--proof', file('proof.json')], twice, { env })
})

test('what is missing is said plainly', async () => {
  const on = await newCa('three')
  await failsPlainly(['ca', 'prove', ...on], { code: 'CA_PROOF_NOT_NAMED', says: /nowhere to go/ })
  const bare = { ...env, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', HOME: cloud.folder }
  await failsPlainly(
    ['ca', 'prove', ...on, '--cloud', endpoint],
    { code: 'CLOUD_ACCESS_MISSING', says: /no credentials/ },
    { env: bare },
  )
  const nobody = 'http://127.0.0.1:1'
  await failsPlainly(
    ['ca', 'prove', ...on, '--cloud', nobody],
    { code: 'CLOUD_UNREACHABLE', says: /does not answer/ },
    { env },
  )
  writeFileSync(file('bad.json'), '{"format":"birthmark-proof-request/1"}')
  await failsPlainly(['ca', 'prove', ...on, '--request', file('bad.json'), '--out', file('x')], {
    code: 'PROOF_FILE_INVALID',
    says: /registrationCode is missing/,
  })
})

async function newCa(name: string): Promise<readonly string[]> {
  const on = ['--data', file(name), '--passphrase-file', file('ca.pass')]
  await succeed(['ca', 'new', ...on, '--name', name, '--json'])
  return on
}

async function succeed(words: readonly string[], environment = {}): Promise<Readonly<Record<string, unknown>>> {
  const { status, stdout, stderr } = await runBirthmark(words, { env: environment })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}
