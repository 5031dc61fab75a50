import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { CreateThingCommand, DescribeThingCommand } from '@aws-sdk/client-iot'
import { iotClient, startCloud } from 'birthmark/parts'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** `birthmark backup` and `restore`, with the server at work. */

test('a backup made under load is a whole server, and neither command overwrites', async (context) => {
  const folder = await scratchFolder(context)
  const data = join(folder, 'cloud')
  const file = join(folder, 'cloud.backup')
  const cloud = await startCloud(data)
  context.after(() => cloud.process.kill())
  const client = iotClient(cloud.access)
  await client.send(new CreateThingCommand({ thingName: 'before' }))
  let isWriting = true
  const writing = (async () => {
    for (let n = 0; isWriting; n += 1) await client.send(new CreateThingCommand({ thingName: `during-${n}` }))
  })()
  const made = await runBirthmark(['backup', '--data', data, '--to', file, '--json'])
  isWriting = false
  await writing
  assert.equal(made.status, 0, made.stderr)
  assert.ok(JSON.parse(made.stdout).things >= 1)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  await failsPlainly(['backup', '--data', data, '--to', file], { code: 'BACKUP_EXISTS', says: /is there already/ })
  await failsPlainly(['restore', '--from', file, '--data', data], {
    code: 'RESTORE_WOULD_OVERWRITE',
    says: /is not empty/,
  })
  client.destroy()
  await cloud.process.stop()

  const copy = join(folder, 'copy')
  assert.equal((await runBirthmark(['restore', '--from', file, '--data', copy])).status, 0)
  assert.deepEqual(readFileSync(join(copy, 'root.pem')), readFileSync(join(data, 'root.pem')))
  const restored = await startCloud(copy, undefined, cloud.access.secretAccessKey)
  context.after(() => restored.process.kill())
  assert.equal(restored.account, cloud.account)
  const again = iotClient(restored.access)
  await again.send(new DescribeThingCommand({ thingName: 'before' }))
  await again.send(new CreateThingCommand({ thingName: 'after' }))
  again.destroy()
  await restored.process.stop()
})

test('what is no backup, or a spoilt one, restores nothing', async (context) => {
  const folder = await scratchFolder(context)
  const data = join(folder, 'cloud')
  const file = join(folder, 'cloud.backup')
  const cloud = await startCloud(data)
  await cloud.process.stop()
  assert.equal((await runBirthmark(['backup', '--data', data, '--to', file])).status, 0)
  const copy = join(folder, 'copy')
  const restoring = ['restore', '--data', copy, '--from']
  const damaged = { code: 'BACKUP_DAMAGED', says: /is no backup that can be used/ }
  await failsPlainly([...restoring, join(folder, 'absent')], damaged)
  const noise = join(folder, 'noise')
  writeFileSync(noise, 'noise')
  await failsPlainly([...restoring, noise], damaged)
  const database = new DatabaseSync(file)
  database.exec("UPDATE backup_part SET content = x'00' WHERE path = 'account.json'")
  database.close()
  await failsPlainly([...restoring, file], { ...damaged, says: /account\.json in it is not what was put in/ })
  await failsPlainly(['backup', '--data', copy, '--to', join(folder, 'x')], {
    code: 'DATA_FOLDER_EMPTY',
    says: /is no data directory/,
  })
})
