import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { isFault, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import type { Page } from '../pages.ts'
import type { CertificateRecord } from '../records.ts'
import type { Registry, ScopedRegistry } from '../registry.ts'
import { DEVICE_POLICY } from '../testing/device-changes.ts'
import { idNumber, SCOPE } from '../testing/records.ts'
import { openSqliteRegistry } from './index.ts'

test('a process killed at any moment leaves every acknowledged list whole and no list in part', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-crash-'))
  let registry = await open(folder)
  await registry.in(SCOPE).commit([DEVICE_POLICY])
  let last = 0
  for (let round = 0; round < KILLS; round += 1) {
    await registry.close()
    const acknowledged = await killedAfter(folder, last + 1, 1 + Math.floor(Math.random() * 400))
    registry = await open(folder)
    last = await expectWholeDevices(registry.in(SCOPE), acknowledged)
  }
  await registry.close()
  await rm(folder, { recursive: true })
})

test('the lock of a killed process is gone with it, and holds until then', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-lock-'))
  await (await open(folder)).close()
  const child = startChild(folder, 1)
  await once(lines(child), 'line')
  await assert.rejects(open(folder), (error) => isFault(error, 'DATA_FOLDER_IN_USE'))
  await kill(child)
  await (await open(folder)).close()
  await rm(folder, { recursive: true })
})

/** Lets a process commit until it has acknowledged `count` devices, kills it, and gives all that it acknowledged. */
async function killedAfter(folder: string, first: number, count: number): Promise<readonly number[]> {
  const acknowledged: number[] = []
  const child = startChild(folder, first)
  const reader = lines(child)
  const enough = new Promise<void>((resolve) => {
    reader.on('line', (line) => {
      acknowledged.push(Number(line))
      if (acknowledged.length >= count) resolve()
    })
  })
  const drained = once(reader, 'close')
  await Promise.race([enough, drained])
  await kill(child)
  await drained
  assert.ok(acknowledged.length >= count && acknowledged.every(Number.isInteger), 'the process did its work')
  return acknowledged
}

/** @returns the number of the last device found, acknowledged or not */
async function expectWholeDevices(scoped: ScopedRegistry, acknowledged: readonly number[]): Promise<number> {
  const found: number[] = []
  for await (const { id, status } of everyCertificate(scoped)) {
    const n = Number.parseInt(id, 16)
    found.push(n)
    assert.equal(status, 'ACTIVE')
    const [policy, things] = await Promise.all([scoped.attachedPolicies(id), scoped.thingsOfPrincipal(id)])
    assert.deepEqual([policy.length, things.map(({ thingName }) => thingName)], [1, [`meter-${n}`]])
  }
  const things = await scoped.things({ limit: 1, ascending: false })
  assert.equal(things.rows[0]?.name, `meter-${Math.max(...found)}`, 'no thing without its certificate')
  for (const n of acknowledged) assert.ok(await scoped.certificate(idNumber(n)), `device ${n} was acknowledged`)
  return Math.max(...found)
}

async function* everyCertificate(scoped: ScopedRegistry): AsyncGenerator<CertificateRecord> {
  let page: Page<CertificateRecord> = await scoped.certificates({ limit: 250 })
  for (;;) {
    yield* page.rows
    if (page.next === undefined) return
    page = await scoped.certificates({ limit: 250, after: page.next })
  }
}

function open(folder: string): Promise<Registry> {
  return openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
}

function startChild(folder: string, first: number): ChildProcess {
  return spawn(process.execPath, [CHILD, folder, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] })
}

function lines(child: ChildProcess): ReturnType<typeof createInterface> {
  assert.ok(child.stdout)
  return createInterface({ input: child.stdout })
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

const CHILD = join(import.meta.dirname, '../testing/committing-process.ts')
/** How often the process is killed; each costs some 0.15 s. */
const KILLS = 8
