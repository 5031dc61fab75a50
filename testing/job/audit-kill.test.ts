import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { CreateThingCommand, paginateListThings } from '@aws-sdk/client-iot'
import { iotClient, startCloud } from 'birthmark/parts'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** The audit log while somebody pulls the plug: it tells of every change that is there, and of no other. */

/** Changes that are under way at a time, and acknowledged ones before the plug is pulled. */
const WRITERS = 8
const ACKNOWLEDGED = 200

test('after a kill under load, things and audit log agree to the last one', async (context) => {
  const folder = await scratchFolder(context)
  const first = await startCloud(join(folder, 'cloud'))
  context.after(() => first.process.kill())
  const client = iotClient(first.access)
  const acknowledged: string[] = []
  let next = 0
  const write = async (): Promise<void> => {
    for (;;) {
      const thingName = `thing-${next++}`
      await client.send(new CreateThingCommand({ thingName }))
      acknowledged.push(thingName)
      if (acknowledged.length === ACKNOWLEDGED) await first.process.kill()
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: WRITERS }, write))
  assert.ok(ends.every(({ status }) => status === 'rejected'))
  client.destroy()

  const second = await startCloud(join(folder, 'cloud'), undefined, first.access.secretAccessKey)
  context.after(() => second.process.kill())
  const again = iotClient(second.access)
  const things: string[] = []
  for await (const { things: page = [] } of paginateListThings({ client: again, pageSize: 250 }, {})) {
    things.push(...page.map(({ thingName = '' }) => thingName))
  }
  again.destroy()
  const log = await runBirthmark(['access', 'log', '--action', 'iot:CreateThing', '--limit', '1000', '--json'], {
    env: {
      AWS_ENDPOINT_URL: second.access.endpoint,
      AWS_REGION: second.access.region,
      AWS_ACCESS_KEY_ID: second.access.accessKeyId,
      AWS_SECRET_ACCESS_KEY: second.access.secretAccessKey,
    },
  })
  assert.equal(log.status, 0, log.stderr)
  const entries: readonly { readonly outcome: string; readonly resources: readonly [string] }[] = log.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const done = entries.filter(({ outcome }) => outcome === 'done').map(({ resources }) => resources[0].split('/')[1])
  assert.equal(done.length, things.length)
  assert.deepEqual(new Set(done), new Set(things))
  assert.ok(acknowledged.length >= ACKNOWLEDGED)
  for (const name of acknowledged) assert.ok(things.includes(name), name)
  await second.process.stop()
})
