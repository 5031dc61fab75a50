import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CreateThingCommand, DescribeThingCommand, IoTServiceException } from '@aws-sdk/client-iot'
import { iotClient } from 'birthmark/parts'
import { ANY_PORTS, failsPlainly, startServerCommand, stopsInOrder } from '../testkit/run-birthmark.ts'
import { untilNoProcessNames } from '../testkit/running.ts'
import { NO_SMALL_DISK, smallDisk } from '../testkit/small-disk.ts'

/** A disk that is really full: a small one of memory, which only root may mount. */

const skip = NO_SMALL_DISK
const SAYS =
  /^birthmark: No space is left to write \S+\. Free some space on that disk and run the command again; what was /

test('a server that finds no space says so, and starts once there is some', { skip }, async (context) => {
  const disk = smallDisk(context)
  const words = ['server', '--data', join(disk, 'cloud'), ...ANY_PORTS]
  for (const free of [4096, 40_960, 106_496]) {
    fill(disk, free)
    await failsPlainly(words, { code: 'DISK_FULL', says: SAYS })
    await untilNoProcessNames(disk)
    assert.deepEqual(drafts(disk), [])
    rmSync(join(disk, 'filler'))
  }
  const server = await startServerCommand(join(disk, 'cloud'))
  assert.ok(server.ready['secretAccessKey'])
  await stopsInOrder(server)
})

test('a demo that finds no space says so and leaves nothing', { skip }, async (context) => {
  const disk = smallDisk(context)
  for (const free of [0, 40_960, 204_800]) {
    fill(disk, free)
    await failsPlainly(['demo', '--devices', '5'], { code: 'DISK_FULL', says: SAYS }, { env: { TMPDIR: disk } })
    await untilNoProcessNames(disk)
    assert.deepEqual(readdirSync(disk), ['filler'])
    rmSync(join(disk, 'filler'))
  }
})

test('a disk that fills up while the server runs loses nothing that was acknowledged', { skip }, async (context) => {
  const disk = smallDisk(context)
  const folder = join(disk, 'cloud')
  let server = await startServerCommand(folder)
  const secretAccessKey = server.ready['secretAccessKey'] ?? ''
  const clientOf = (ready: Readonly<Record<string, string>>) =>
    iotClient({
      endpoint: ready['controlHttp'] ?? '',
      region: ready['region'] ?? '',
      accessKeyId: ready['accessKeyId'] ?? '',
      secretAccessKey,
    })
  const client = clientOf(server.ready)
  const acknowledged: string[] = []
  fill(disk, 40_960)
  let refusal: unknown
  while (refusal === undefined) {
    const thingName = `meter-${acknowledged.length}`
    try {
      await client.send(new CreateThingCommand({ thingName }))
      acknowledged.push(thingName)
    } catch (error) {
      refusal = error
    }
  }
  assert.ok(refusal instanceof IoTServiceException && refusal.$fault === 'server')
  assert.ok(acknowledged.length > 0)
  context.diagnostic(`${acknowledged.length} things before the disk was full; then ${refusal.name}`)
  rmSync(join(disk, 'filler'))
  await client.send(new CreateThingCommand({ thingName: 'after' }))
  const stopped = await stopsInOrder(server)
  assert.match(stopped.stderr, /no space is left to write/)

  server = await startServerCommand(folder)
  for (const thingName of [...acknowledged, 'after']) {
    assert.ok((await clientOf(server.ready).send(new DescribeThingCommand({ thingName }))).thingId)
  }
  await stopsInOrder(server)
  await untilNoProcessNames(disk)
})

/** Fills a disk until `free` bytes are left. */
function fill(disk: string, free: number): void {
  const filler = openSync(join(disk, 'filler'), 'w')
  const page = Buffer.alloc(4096)
  const pages: number[] = []
  try {
    for (;;) pages.push(writeSync(filler, page))
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'ENOSPC')
  } finally {
    closeSync(filler)
  }
  const { status } = spawnSync('truncate', ['-s', `-${free}`, join(disk, 'filler')])
  assert.equal(status, 0)
  assert.ok(existsSync(join(disk, 'filler')))
}

/** Gives the files that somebody began and did not finish. */
function drafts(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.new'))
}
