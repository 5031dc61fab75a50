import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startTestControlPlane } from '../testkit/control-plane.ts'

/** Debian's AWS command line and botocore (package awscli), and openssl, unmodified, against our control plane. */
const { url, credentials, scope } = await startTestControlPlane()

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'birthmark-aws-'))
})
after(() => rm(folder, { recursive: true, force: true }))

interface Done {
  readonly status: number
  readonly output: string
  readonly complaint: string
}

/** Runs a program to its end; it sees no AWS configuration but ours. */
function run(program: string, words: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Done> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_DEFAULT_REGION: scope.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
    ...more,
  }
  return new Promise((resolve, reject) => {
    execFile(program, words, { env, cwd: folder }, (error, output, complaint) => {
      if (error !== null && typeof error.code !== 'number')
        reject(new Error(`${program} does not run: ${error.message}`))
      else resolve({ status: typeof error?.code === 'number' ? error.code : 0, output, complaint })
    })
  })
}

async function aws(...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { status, output, complaint } = await run('aws', ['--endpoint-url', url, '--output', 'json', 'iot', ...words])
  assert.equal(status, 0, complaint)
  return output === '' ? {} : JSON.parse(output)
}

async function openssl(...words: readonly string[]): Promise<void> {
  const { status, complaint } = await run('openssl', words)
  assert.equal(status, 0, complaint)
}

test('things are created and listed', async () => {
  const created = await aws(
    'create-thing',
    '--thing-name',
    'press-7',
    '--attribute-payload',
    '{"attributes":{"hall":"3"}}',
  )
  assert.equal(created['thingArn'], `arn:aws:iot:${scope.region}:${scope.account}:thing/press-7`)
  await aws('create-thing', '--thing-name', 'press-8')
  const listed = await aws('list-things', '--page-size', '1')
  assert.deepEqual(
    (listed['things'] as { thingName: string }[]).map(({ thingName }) => thingName),
    ['press-7', 'press-8'],
  )
})

test('things are typed, grouped, billed, tagged and searched', async () => {
  await aws('create-thing-type', '--thing-type-name', 'lamp')
  await aws('create-billing-group', '--billing-group-name', 'street', '--tags', 'Key=cost,Value=7')
  const thing = ['--thing-name', 'lamp-1'] as const
  await aws('create-thing', ...thing, '--thing-type-name', 'lamp', '--billing-group-name', 'street')
  await aws('create-thing-group', '--thing-group-name', 'city')
  await aws('create-thing-group', '--thing-group-name', 'harbour', '--parent-group-name', 'city')
  await aws('add-thing-to-thing-group', ...thing, '--thing-group-name', 'harbour')
  const inCity = await aws('list-things-in-thing-group', '--thing-group-name', 'city', '--recursive')
  assert.deepEqual(inCity['things'], ['lamp-1'])
  await aws('update-indexing-configuration', '--thing-indexing-configuration', 'thingIndexingMode=REGISTRY')
  const found = await aws('search-index', '--query-string', 'thingTypeName:lamp AND thingGroupNames:harbour')
  assert.deepEqual(
    (found['things'] as { thingName: string }[]).map(({ thingName }) => thingName),
    ['lamp-1'],
  )
  const refused = await run('aws', ['--endpoint-url', url, 'iot', 'delete-thing-group', '--thing-group-name', 'city'])
  assert.notEqual(refused.status, 0)
  assert.match(refused.complaint, /InvalidRequestException.*still child groups attached to it/)
})

test('a broken policy is refused in words that help', async () => {
  const document = '{"Version":"2012-10-17","Statement":[{"Effect":"Permit","Action":"iot:*","Resource":"*"}]}'
  const words = ['--endpoint-url', url, 'iot', 'create-policy', '--policy-name', 'press', '--policy-document', document]
  const { status, complaint } = await run('aws', words)
  assert.notEqual(status, 0)
  assert.match(
    complaint,
    /\(MalformedPolicyException\) when calling the CreatePolicy operation: Policy document is Malformed: .*Allow/,
  )
  assert.match(complaint, /\$\.Statement\[0\]\.Effect/)
})

test('another secret is refused', async () => {
  const words = ['--endpoint-url', url, 'iot', 'list-things']
  const { complaint } = await run('aws', words, { AWS_SECRET_ACCESS_KEY: 'wrong' })
  assert.match(complaint, /\(InvalidSignatureException\).*signature we calculated does not match/)
})

test('the endpoint is described', async () => {
  assert.deepEqual(await aws('describe-endpoint', '--endpoint-type', 'iot:Data-ATS'), {
    endpointAddress: 'iot.example.test',
  })
})

test('a CA is registered with a proof that openssl made', async () => {
  const { registrationCode } = await aws('get-registration-code')
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl(
    'req',
    '-x509',
    '-new',
    ...newKey,
    '-keyout',
    'ca.key',
    '-subj',
    '/CN=Press CA',
    '-days',
    '30',
    '-out',
    'ca.pem',
  )
  await openssl(
    'req',
    '-new',
    ...newKey,
    '-keyout',
    'proof.key',
    '-subj',
    `/CN=${String(registrationCode)}`,
    '-out',
    'proof.csr',
  )
  await openssl(
    'x509',
    '-req',
    '-in',
    'proof.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '30',
    '-out',
    'proof.pem',
  )
  const files = ['--ca-certificate', 'file://ca.pem', '--verification-certificate', 'file://proof.pem']
  const registered = await aws('register-ca-certificate', ...files, '--set-as-active')
  const described = await aws('describe-ca-certificate', '--certificate-id', String(registered['certificateId']))
  const { status, certificateMode } = described['certificateDescription'] as Record<string, unknown>
  assert.deepEqual([status, certificateMode], ['ACTIVE', 'DEFAULT'])
})

test('botocore finds every answer to be what its own model says', async () => {
  const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
  await writeFile(join(folder, 'policy.json'), JSON.stringify(policy))
  const script = fileURLToPath(new URL('botocore-answers.py', import.meta.url))
  // Debian's own Python: another one in PATH has no botocore.
  const { status, output, complaint } = await run('/usr/bin/python3', [script, url, 'policy.json'])
  assert.equal(status, 0, complaint)
  assert.match(output, /^[1-9]\d answers, 0 problems\n$/)
})
