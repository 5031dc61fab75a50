import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as iot from '@aws-sdk/client-iot'
import { createCsr, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

/** An account moves whose CA is of mode DEFAULT: only the proof of the CA's owner registers it in the other account. */

test('a CA of mode DEFAULT, its certificate and its thing come after the proof, whole', async (context) => {
  const cloud = await startRunningCloud()
  context.after(() => cloud.close())
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.access
  const from = environment(endpoint, region, accessKeyId, secretAccessKey)
  const file = (name: string): string => join(cloud.folder, name)
  const run = async (words: readonly string[], env = {}): Promise<readonly Line[]> => linesOf(await asked(words, env))
  writeFileSync(file('ca.pass'), 'a passphrase for tests\n')
  const on = ['--data', file('ca'), '--passphrase-file', file('ca.pass')]
  await run(['ca', 'new', ...on, '--name', 'Mover'])
  await run(['ca', 'prove', ...on, '--cloud', endpoint], from)
  const caCertificatePem = readFileSync(file('ca/issuing.pem'), 'utf8')
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'press' }], signer })
  writeFileSync(file('press.csr'), toPem('CERTIFICATE REQUEST', csr))
  await run(['ca', 'issue', ...on, '--csr', file('press.csr'), '--out', file('press.pem')])
  const certificatePem = readFileSync(file('press.pem'), 'utf8')
  const { certificateArn, certificateId = '' } = await cloud.iot.send(
    new iot.RegisterCertificateCommand({ certificatePem, caCertificatePem, status: 'ACTIVE' }),
  )
  await cloud.iot.send(new iot.CreateThingCommand({ thingName: 'press' }))
  await cloud.iot.send(new iot.AttachThingPrincipalCommand({ thingName: 'press', principal: certificateArn }))
  await run(['export', '--to', file('account.jsonl')], from)

  // Of a region, one account may have a CA of mode DEFAULT.
  const [opened] = await run(['accounts', 'create', '--region', 'eu-west-9'], from)
  const key: Readonly<Record<string, string>> = { ...Object(opened?.['accessKey']) }
  const to = environment(endpoint, 'eu-west-9', key['accessKeyId'], key['secretAccessKey'])
  const first = await asked(['import', file('account.jsonl')], to, 1)
  const [ca, certificate, thing, ...others] = linesOf(first)
  assert.match(
    String(ca?.['why']),
    /owner must prove possession first: 'birthmark ca prove', then run the command again/,
  )
  assert.deepEqual([ca?.['kind'], certificate?.['name'], thing?.['name']], ['ca', certificateId, 'press'])
  assert.equal(certificate?.['why'], `its CA ${String(ca?.['name'])} must be registered first`)
  assert.match(String(thing?.['why']), /certificate/i)
  assert.match(JSON.stringify(others), /IMPORT_INCOMPLETE/)

  await run(['ca', 'prove', ...on, '--cloud', endpoint], to)
  assert.deepEqual(await run(['import', file('account.jsonl')], to), [
    { kind: 'certificate', name: certificateId, made: true },
    { kind: 'thing', name: 'press', made: true },
  ])
  assert.deepEqual(await run(['diff', file('account.jsonl')], to), [])
})

type Line = Readonly<Record<string, unknown>>

function environment(endpoint: string, region: string, id = '', secret = ''): Readonly<Record<string, string>> {
  return { AWS_ENDPOINT_URL: endpoint, AWS_REGION: region, AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret }
}

async function asked(words: readonly string[], env: Readonly<Record<string, string>>, expected = 0): Promise<string> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'], { env })
  assert.equal(status, expected, `${stderr}${stdout}`)
  return stdout
}

function linesOf(text: string): readonly Line[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line): Line => JSON.parse(line))
}
