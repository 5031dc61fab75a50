import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newEndpointPrefix } from '@birthmark/cloud/api'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { instant, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { Endpoints } from './endpoints.ts'

const DEFAULT = { account: '123456789012', region: 'eu-central-1' }
const OTHER = { account: '210987654321', region: 'us-east-1' }

test('every scope that is opened gets a name, at once and after a restart', async (context) => {
  const folder = await scratchFolder(context)
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  context.after(() => registry.close())
  const open = () =>
    Endpoints.open({
      registry,
      defaultScope: DEFAULT,
      host: 'iot.example.test',
      clock: systemClock,
      entropy: systemEntropy,
    })
  const endpoints = await open()
  let renewed = 0
  endpoints.whenNamed(() => renewed++)
  assert.equal(endpoints.addressOf(DEFAULT), 'iot.example.test')
  assert.deepEqual(endpoints.scopeOf('IOT.example.test'), DEFAULT)
  assert.deepEqual(endpoints.scopeOf('localhost'), DEFAULT)
  assert.equal(endpoints.scopeOf('elsewhere.test'), undefined)
  assert.equal(endpoints.addressOf(OTHER), undefined)

  await registry.in(OTHER).commit([{ do: 'open-scope', endpointPrefix: 'aother', at: instant(1) }])
  const name = 'aother-ats.iot.us-east-1.iot.example.test'
  assert.equal(endpoints.addressOf(OTHER), name)
  assert.deepEqual(endpoints.scopeOf(name), OTHER)
  assert.ok(endpoints.certificateNames().includes('*.iot.us-east-1.iot.example.test'))
  assert.equal(renewed, 1, 'the certificate was made before there was such a name')

  const again = await open()
  assert.deepEqual(again.scopeOf(name), OTHER)
  const [first] = await registry.openScopes()
  assert.equal(first?.scope.account, OTHER.account, 'ordered by the time of opening')
})

test('a prefix is a label of its own', () => {
  assert.match(newEndpointPrefix(systemEntropy), /^a[a-z2-7]{13}$/)
  assert.notEqual(newEndpointPrefix(systemEntropy), newEndpointPrefix(systemEntropy))
})
