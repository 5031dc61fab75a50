import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

/** `birthmark export`, `diff` and `import`: one account's devices in another. */

test('what one account has is made in another, once', async (context) => {
  const cloud = await startRunningCloud()
  context.after(() => cloud.close())
  await cloud.createPolicy('DevicePolicy', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
  const device = await cloud.newDevice('press-7', 'DevicePolicy')
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.access
  const from = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  }
  const run = async (words: readonly string[], env: Readonly<Record<string, string>>): Promise<string> => {
    const { status, stdout, stderr } = await runBirthmark([...words, '--json'], { env })
    assert.equal(status, 0, stderr)
    return stdout
  }
  const file = join(cloud.folder, 'account.jsonl')
  await run(['export', '--to', file], from)
  assert.equal(await run(['diff', file], from), '')
  assert.doesNotMatch(readFileSync(file, 'utf8'), /PRIVATE|secret/i)

  const { accessKey } = JSON.parse(await run(['accounts', 'create'], from))
  const to = {
    ...from,
    AWS_ACCESS_KEY_ID: accessKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: accessKey.secretAccessKey,
  }
  const made = (await run(['import', file], to)).trimEnd().split('\n')
  assert.deepEqual(
    made.map((line) => JSON.parse(line)),
    [
      { kind: 'policy', name: 'DevicePolicy', made: true },
      { kind: 'certificate', name: device.certificateId, made: true },
      { kind: 'thing', name: 'press-7', made: true },
    ],
  )
  assert.equal(await run(['import', file], to), '')
  await run(['certs', 'deactivate', device.certificateId], to)
  await run(['things', 'create', 'more'], to)
  const differences = (await run(['diff', file], to)).trimEnd().split('\n')
  assert.deepEqual(
    differences.map((line) => JSON.parse(line)),
    [
      { how: 'different', kind: 'certificate', name: device.certificateId, members: ['status'] },
      { how: 'more', kind: 'thing', name: 'more' },
    ],
  )

  const wanting = JSON.stringify({ kind: 'thing', name: 'lone', content: { certificates: ['0'.repeat(64)] } })
  writeFileSync(file, `${wanting}\n`)
  await failsPlainly(
    ['diff', join(cloud.folder, 'absent')],
    { code: 'FILE_UNUSABLE', says: /no such file/ },
    { env: to },
  )
  const refused = await runBirthmark(['import', file, '--json'], { env: to })
  assert.equal(refused.status, 1)
  assert.match(refused.stdout, /"why":.*\n.*IMPORT_INCOMPLETE/)
  writeFileSync(file, '{"kind":"king"}\n')
  await failsPlainly(['import', file], { code: 'EXPORT_DAMAGED', says: /line 1 cannot be read/ }, { env: to })
})
