import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CertificateId, type Change, certificateId } from '@birthmark/cloud/registry'
import { instant } from '@birthmark/foundation/kernel'
import { type LiveConnection, LiveConnections, type Revocation } from './live-connections.ts'

const ONE = certificateId('1'.repeat(64)) as CertificateId
const TWO = certificateId('2'.repeat(64)) as CertificateId
const AT = instant(0)

/** A connection that writes down what is done to it. */
class Probe implements LiveConnection {
  readonly done: string[] = []
  readonly certificateId: CertificateId
  readonly clientId: string
  thingName: string | undefined
  bound = { policyNames: ['device'], groupNames: ['hall'] }
  onRebind: (() => void) | undefined

  constructor(id: CertificateId, clientId: string, thingName?: string) {
    this.certificateId = id
    this.clientId = clientId
    this.thingName = thingName
  }

  endRevoked({ status }: Revocation): void {
    this.done.push(`revoked ${status}`)
  }

  endTakenOver(): void {
    this.done.push('taken over')
  }

  endByOrder({ withoutWill }: { readonly withoutWill: boolean }): void {
    this.done.push(withoutWill ? 'ended without will' : 'ended')
  }

  hold(): void {
    this.done.push('hold')
  }

  async rebind(): Promise<void> {
    this.done.push('rebind')
    this.onRebind?.()
  }

  release(): void {
    this.done.push('release')
  }
}

const RELOADED = ['hold', 'rebind', 'release']

/** What each change does to a connection with certificate ONE, client id `a`, thing `b` and policy `device`. */
const CHANGES: readonly (readonly [Change, readonly string[]])[] = [
  [{ do: 'set-certificate-status', id: ONE, from: ['ACTIVE'], to: 'INACTIVE', at: AT }, ['revoked INACTIVE']],
  [{ do: 'set-certificate-status', id: ONE, from: ['INACTIVE'], to: 'ACTIVE', at: AT }, []],
  [{ do: 'set-certificate-status', id: TWO, from: ['ACTIVE'], to: 'REVOKED', at: AT }, []],
  [{ do: 'delete-certificate', id: ONE, force: true }, ['revoked deleted']],
  [{ do: 'attach-policy', policyName: 'other', certificateId: ONE }, RELOADED],
  [{ do: 'detach-policy', policyName: 'device', certificateId: ONE }, RELOADED],
  [{ do: 'detach-policy', policyName: 'device', certificateId: TWO }, []],
  [{ do: 'attach-thing-principal', thingName: 'c', certificateId: ONE, exclusive: true }, RELOADED],
  [{ do: 'detach-thing-principal', thingName: 'b', certificateId: ONE }, RELOADED],
  [{ do: 'delete-thing', name: 'a' }, RELOADED],
  [{ do: 'update-thing', name: 'b', attributes: {}, typeName: undefined }, RELOADED],
  [{ do: 'update-thing', name: 'c', attributes: {}, typeName: undefined }, []],
  [{ do: 'set-default-policy-version', policyName: 'device', versionId: '2', at: AT }, RELOADED],
  [{ do: 'set-default-policy-version', policyName: 'other', versionId: '2', at: AT }, []],
  [{ do: 'create-policy-version', policyName: 'device', document: '', setAsDefault: true, at: AT }, RELOADED],
  [{ do: 'delete-ca', id: ONE }, []],
]

for (const [change, expected] of CHANGES) {
  test(`${JSON.stringify(change)} does ${expected.join(', ') || 'nothing'}`, async () => {
    const live = new LiveConnections()
    const connection = new Probe(ONE, 'a', 'b')
    live.add(connection)
    live.apply([change])
    await settled()
    assert.deepEqual(connection.done, expected)
  })
}

test('a connection is held at once, also for a change that comes while it is loading', async () => {
  const live = new LiveConnections()
  const connection = new Probe(ONE, 'a')
  live.add(connection)
  connection.onRebind = () => {
    connection.onRebind = undefined
    live.apply([{ do: 'attach-policy', policyName: 'other', certificateId: ONE }])
  }
  live.apply([{ do: 'attach-policy', policyName: 'device', certificateId: ONE }])
  assert.equal(connection.done[0], 'hold')
  await settled()
  assert.deepEqual(connection.done, ['hold', 'rebind', 'hold', 'rebind', 'release'])
})

test('many connections with one policy are loaded in several turns', async () => {
  const live = new LiveConnections()
  const connections = Array.from({ length: 200 }, (_, index) => new Probe(TWO, `client-${index}`))
  for (const connection of connections) live.add(connection)
  live.apply([{ do: 'set-default-policy-version', policyName: 'device', versionId: '2', at: AT }])
  assert.ok(connections.every(({ done }) => done[0] === 'hold'))
  await settled()
  assert.ok(
    connections.some(({ done }) => done.length === 1),
    'the event loop had its turn in between',
  )
  for (let turn = 0; turn < 5; turn++) await settled()
  assert.ok(connections.every(({ done }) => done.length === 3))
})

test('a thing that gets another name is followed, and what was removed is left alone', async () => {
  const live = new LiveConnections()
  const connection = new Probe(ONE, 'a', 'b')
  live.add(connection)
  live.renameThing(connection, 'c')
  connection.thingName = 'c'
  const update = (name: string): Change => ({ do: 'update-thing', name, attributes: {}, typeName: undefined })
  live.apply([update('b')])
  assert.deepEqual(connection.done, [])
  live.apply([update('c')])
  await settled()
  live.remove(connection)
  live.apply([update('a'), update('c'), { do: 'delete-certificate', id: ONE, force: true }])
  assert.deepEqual(connection.done, RELOADED)
})

test('a new connection takes over those with its client id, and not those whose thing has that name', () => {
  const live = new LiveConnections()
  const [old, namesake, latest] = [new Probe(ONE, 'a'), new Probe(TWO, 'z', 'a'), new Probe(TWO, 'a')]
  live.add(old)
  live.add(namesake)
  live.takeOver(latest)
  assert.deepEqual([old.done, namesake.done, latest.done], [['taken over'], [], []])
})

/** One turn of the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
