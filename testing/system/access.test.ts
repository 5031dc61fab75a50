import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startCloud } from 'birthmark/parts'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { runProgram } from '../testkit/run-program.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** Keys, roles and accounts through the command, and the AWS CLI behind it, unmodified (package awscli). */

test('a key for every hand, denied as AWS denies', async (context) => {
  const folder = await scratchFolder(context)
  const cloud = await startCloud(join(folder, 'cloud'))
  context.after(() => cloud.process.kill())
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.access
  const common = { HOME: folder, AWS_ENDPOINT_URL: endpoint, AWS_REGION: region, AWS_PAGER: '' }
  const administrator = { ...common, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
  const run = async (words: readonly string[], env: Readonly<Record<string, string>> = administrator) => {
    const { status, stdout, stderr } = await runBirthmark(words, { env })
    return { status, stdout, stderr }
  }
  const json = async (...words: readonly string[]): Promise<Record<string, string>> => {
    const { status, stdout, stderr } = await run([...words, '--json'])
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout)
  }

  const made = await json('access', 'create', '--name', 'van-3', '--role', 'installer', '--template', 'Meters')
  const installer = {
    ...common,
    AWS_ACCESS_KEY_ID: made['accessKeyId'] ?? '',
    AWS_SECRET_ACCESS_KEY: made['secretAccessKey'] ?? '',
  }
  const denied = await run(['aws', 'iot', 'create-thing', '--thing-name', 'press-7'], installer)
  assert.notEqual(denied.status, 0)
  assert.match(denied.stderr, /AccessDeniedException.*user\/van-3 is not authorized to perform: iot:CreateThing/)
  const endpointAnswer = await run(['aws', 'iot', 'describe-endpoint'], installer)
  assert.equal(JSON.parse(endpointAnswer.stdout).endpointAddress, 'localhost')
  assert.equal((await run(['things', 'create', 'press-7'])).status, 0)
  assert.match((await run(['things', 'list'])).stderr, /^Thing +Type +Version +Attributes\npress-7/)
  await failsPlainly(['things', 'list'], { code: 'CLOUD_REFUSED', says: /is not authorized/ }, { env: installer })

  // What was kept by a login is used when the environment says nothing.
  assert.equal((await run(['access', 'login'])).status, 0)
  const home = { HOME: folder, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_ENDPOINT_URL: '' }
  assert.match((await run(['access', 'list'], home)).stderr, /van-3 +installer/)

  assert.equal((await run(['access', 'revoke', made['accessKeyId'] ?? ''])).status, 0)
  const gone = await run(['aws', 'iot', 'describe-endpoint'], installer)
  assert.match(gone.stderr, /UnrecognizedClientException/)

  const account = await json('accounts', 'create', '--account', '210987654321', '--region', 'eu-west-1')
  assert.match(account['endpoint'] ?? '', /^a[a-z2-7]{13}-ats\.iot\.eu-west-1\.localhost$/)
  const { accessKey } = JSON.parse(JSON.stringify(account))
  const other = {
    ...common,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: accessKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: accessKey.secretAccessKey,
  }
  assert.match((await run(['things', 'list'], other)).stderr, /None\./, 'nothing crosses accounts')
  await failsPlainly(['accounts', 'list'], { code: 'CLOUD_REFUSED', says: /Only the default account/ }, { env: other })
  assert.equal((await run(['accounts', 'open-region', '210987654321', 'eu-west-2'])).status, 0)
  assert.match((await run(['things', 'list'], { ...other, AWS_REGION: 'eu-west-2' })).stderr, /None\./)

  // A data directory that no server has open.
  const offline = ['access', 'list', '--data', join(folder, 'cloud')]
  await failsPlainly(offline, { code: 'DATA_FOLDER_IN_USE', says: /has opened/ })
  await cloud.process.stop()
  assert.match((await run(offline)).stderr, /first +administrator/)
  await failsPlainly([...offline.slice(0, 3), folder], { code: 'DATA_FOLDER_EMPTY', says: /is no data directory/ })
})

test('bash completes commands and options', async () => {
  const { stdout } = await runBirthmark(['completion', 'bash'])
  const ask = 'COMP_WORDS=(birthmark access create --r); COMP_CWORD=3; _birthmark; echo "${COMPREPLY[*]}"'
  assert.equal((await runProgram('bash', ['-c', `${stdout}\n${ask}`])).output, '--role\n')
  const first = 'COMP_WORDS=(birthmark acc); COMP_CWORD=1; _birthmark; echo "${COMPREPLY[*]}"'
  assert.equal((await runProgram('bash', ['-c', `${stdout}\n${first}`])).output, 'access accounts\n')
})
