import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@birthmark/foundation/system'
import { startTestControlPlane } from '../testkit/control-plane.ts'

/** Debian's AWS command line and botocore, unmodified, on certificates that move, templates, and what policies say. */
const { url, credentials, scope, registry } = await startTestControlPlane()
const OTHER_ACCOUNT = '444455556666'
const OTHER_KEY = { id: 'AKIAOTHER', secret: 'other secret' }

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'birthmark-aws-'))
  const mine = await registry.accessKey(credentials.accessKeyId)
  assert.ok(mine !== undefined)
  const key = { ...mine.key, ...OTHER_KEY, createdAt: systemClock.now() }
  await registry.in({ ...scope, account: OTHER_ACCOUNT }).commit([{ do: 'create-access-key', key }])
})
after(() => rm(folder, { recursive: true, force: true }))

interface Done {
  readonly status: number
  readonly output: string
  readonly complaint: string
}

/** Runs a program to its end; it sees no AWS configuration but ours. */
function run(program: string, words: readonly string[], key = credentials): Promise<Done> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_DEFAULT_REGION: scope.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
  }
  return new Promise((resolve, reject) => {
    execFile(program, words, { env, cwd: folder }, (error, output, complaint) => {
      if (error !== null && typeof error.code !== 'number')
        reject(new Error(`${program} does not run: ${error.message}`))
      else resolve({ status: typeof error?.code === 'number' ? error.code : 0, output, complaint })
    })
  })
}

function aws(words: string, key = credentials): Promise<Done> {
  return run('aws', ['--endpoint-url', url, '--output', 'json', 'iot', ...words.split(' ')], key)
}

async function answer(words: string, key = credentials): Promise<Readonly<Record<string, string>>> {
  const { status, output, complaint } = await aws(words, key)
  assert.equal(status, 0, complaint)
  return output === '' ? {} : JSON.parse(output)
}

test('a certificate goes from one account to another by the command line', async () => {
  const other = { accessKeyId: OTHER_KEY.id, secretAccessKey: OTHER_KEY.secret }
  const { certificateId } = await answer('create-keys-and-certificate')
  const sent = await answer(
    `transfer-certificate --certificate-id ${certificateId} --target-aws-account ${OTHER_ACCOUNT}`,
  )
  assert.equal(sent['transferredCertificateArn'], `arn:aws:iot:${scope.region}:${OTHER_ACCOUNT}:cert/${certificateId}`)
  await answer(`accept-certificate-transfer --certificate-id ${certificateId} --set-as-active`, other)
  const again = await aws(`accept-certificate-transfer --certificate-id ${certificateId}`, other)
  assert.match(again.complaint, /\(TransferAlreadyCompletedException\)/)
})

test('botocore walks through both accounts and finds its own model in every answer', async () => {
  const script = fileURLToPath(new URL('botocore-identity.py', import.meta.url))
  // Debian's own Python: another one in PATH has no botocore.
  const words = [script, url, OTHER_KEY.id, OTHER_KEY.secret, OTHER_ACCOUNT]
  const { status, output, complaint } = await run('/usr/bin/python3', words)
  assert.equal(status, 0, complaint)
  assert.match(output, /^[1-9]\d answers, 0 problems\n$/)
})
