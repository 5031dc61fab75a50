import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change, Registry } from '@birthmark/cloud/registry'
import { instant } from '@birthmark/foundation/kernel'
import { startTestControlPlane } from '../../../../testing/testkit/control-plane.ts'
import { KnownKeys } from './known-keys.ts'

const { registry, scope } = await startTestControlPlane()
const key = {
  id: 'AKIAKNOWN',
  secret: 'secret',
  name: 'known',
  createdAt: instant(0),
  role: 'administrator',
  permissions: '{}',
  session: undefined,
}
const create: Change = { do: 'create-access-key', key }
const revoke: Change = { do: 'revoke-access-key', id: key.id }

/** Counts the queries, and lets `meanwhile` happen during each. */
function counted(meanwhile: () => Promise<unknown> = async () => undefined): { asked: number; registry: Registry } {
  const counter = {
    asked: 0,
    registry: {
      ...registry,
      onCommit: registry.onCommit.bind(registry),
      accessKey: async (id: string) => {
        counter.asked += 1
        const found = await registry.accessKey(id)
        await meanwhile()
        return found
      },
    } as Registry,
  }
  return counter
}

test('a key is read once, until a key is made or revoked', async () => {
  const counter = counted()
  const keys = new KnownKeys(counter.registry)
  await registry.in(scope).commit([create])
  const found = await keys.find(key.id)
  assert.deepEqual([found?.key.secret, found?.scope], ['secret', scope])
  assert.equal(await keys.find(key.id), found)
  const day = { day: '20260304', region: 'r', service: 'iot' }
  assert.equal(found?.signingKey(day), found?.signingKey(day), 'made once')
  assert.notDeepEqual(found?.signingKey(day), found?.signingKey({ ...day, day: '20260305' }))
  assert.equal(counter.asked, 1)
  await registry.in(scope).commit([revoke])
  assert.equal(await keys.find(key.id), undefined)
  assert.equal(await keys.find(key.id), undefined, 'what is not there is not remembered')
  assert.equal(counter.asked, 3)
})

test('a key that is revoked while it is read is not remembered', async () => {
  await registry.in(scope).commit([create])
  const counter = counted(() => registry.in(scope).commit([revoke]))
  const keys = new KnownKeys(counter.registry)
  assert.ok((await keys.find(key.id)) !== undefined, 'it was there when it was asked for')
  assert.equal(await keys.find(key.id), undefined)
})
