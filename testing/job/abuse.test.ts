/** A claim that has leaked and keys that two devices have, over real MQTT, on a clock that only the test moves. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { DescribeCertificateCommand, ListThingsCommand } from '@aws-sdk/client-iot'
import { seconds } from '@birthmark/foundation/kernel'
import type { MqttClient } from 'mqtt'
import { ClaimClient, newRequest, startWatchedCloud, type WatchedCloud } from '../testkit/watched-cloud.ts'

type Alarm = Readonly<Record<string, unknown>>

test('a leaked claim with 1,000 invented serials provisions nothing, and nobody else notices', async (context) => {
  const hook = await startReceiver(context)
  const cloud = await startWatchedCloud(context, { alarmWebhook: hook.url })
  const real = Array.from({ length: 8 }, (_, index) => `real-${index}`)
  await cloud.own('POST', '/v1/allow-lists', { name: 'batch', templateName: 'meters', parameter: 'SerialNumber' })
  await cloud.own('POST', '/v1/allow-lists/batch', { values: real })
  const claim = await cloud.newIdentity('claim')
  const watcher = await cloud.connect(await cloud.newIdentity('device', 'watcher'), 'watcher')
  await watcher.subscribeAsync('$birthmark/alarms/#', { qos: 1 })
  const heard = new Promise<readonly [string, string]>((resolve) =>
    watcher.once('message', (topic, payload) => resolve([topic, payload.toString()])),
  )

  const { csrPem } = await newRequest()
  const began = cloud.now()
  const outcomes: string[] = []
  const steal = async (thief: number): Promise<void> => {
    const client = await cloud.connect(claim, `thief-${thief}`, '127.0.0.66')
    const asking = await ClaimClient.over(client)
    const { body } = await asking.create(csrPem)
    for (let guess = 0; guess < 100; guess += 1) {
      cloud.wait(10)
      const answer = await asking.provision(body['certificateOwnershipToken'], `invented-${thief}-${guess}`)
      outcomes.push(answer.isAccepted ? 'accepted' : String(answer.body['errorCode']))
    }
    await client.endAsync(true)
  }
  const joined = async (serial: string, index: number): Promise<void> => {
    const address = index % 2 === 0 ? '127.0.0.66' : `127.0.1.${index}`
    const asking = await ClaimClient.over(await cloud.connect(claim, serial, address))
    const made = await asking.create(csrPem)
    assert.ok(made.isAccepted, JSON.stringify(made.body))
    const done = await asking.provision(made.body['certificateOwnershipToken'], serial)
    assert.deepEqual(done, { isAccepted: true, body: { deviceConfiguration: {}, thingName: serial } })
  }
  const thieves = Promise.all(Array.from({ length: 10 }, (_, thief) => steal(thief)))
  for (const [index, serial] of real.entries()) await joined(serial, index)
  await thieves

  assert.equal(outcomes.length, 1000)
  assert.deepEqual([...new Set(outcomes)].sort(), ['ACCESS_DENIED', 'Throttling'], 'each was refused')
  const throttled = outcomes.filter((outcome) => outcome === 'Throttling').length
  assert.ok(throttled >= 960, `only ${throttled} were braked`)
  const { things = [] } = await cloud.iot.send(new ListThingsCommand({}))
  assert.deepEqual(new Set(things.map(({ thingName }) => thingName)), new Set([...real, 'watcher']))

  const alarms = await alarmsOf(cloud)
  const first = alarms.find(({ rule }) => rule === 'CLAIM_REFUSED')
  assert.equal(first?.['certificateId'], claim.certificateId)
  assert.ok(Number(first['at']) - began <= 1000, 'the alarm came within a second')
  assert.match(
    String(first['reason']),
    /asked 3 times for what it may not have; last: parameter SerialNumber has .*invented-/,
  )
  const [topic, payload] = await heard
  assert.equal(topic, `$birthmark/alarms/CLAIM_REFUSED/${claim.certificateId}`)
  assert.deepEqual(JSON.parse(payload), first)
  assert.deepEqual(await hook.first, first)
  const metrics = await (await fetch(cloud.server.metrics ?? '')).text()
  assert.match(metrics, /^birthmark_alarms_total\{rule="CLAIM_REFUSED"\} 1$/m)
  const audit = await cloud.own('GET', '/v1/audit', { accessKeyId: 'abuse-rules' })
  assert.match(JSON.stringify(audit['entries']), /birthmark:RaiseAlarm/)
  const { attempts } = await cloud.own('GET', '/v1/attempts', { clientId: 'thief-0' })
  assert.match(JSON.stringify(attempts), /"code":"CLAIM_(?:OUTSIDE_ALLOW_LIST|BRAKED)"/)
})

test('a claim that asks for a thing of somebody else is told of at once', async (context) => {
  const cloud = await startWatchedCloud(context)
  const claim = await cloud.newIdentity('claim')
  const owner = await cloud.newIdentity('device', 'press-7')
  const asking = await ClaimClient.over(await cloud.connect(claim, 'asker'))
  const { body } = await asking.create((await newRequest()).csrPem)
  await asking.provision(body['certificateOwnershipToken'], 'press-7')
  const [alarm] = await alarmsOf(cloud)
  assert.equal(alarm?.['rule'], 'THING_TAKEN')
  assert.match(
    String(alarm['reason']),
    new RegExp(`asked for thing press-7, which has the certificate ${owner.certificateId}; it was bound beside it`),
  )
})

test('a claim that is used from too many networks is told of, and goes on', async (context) => {
  const claimPlaces = { count: 3, within: seconds(3600) }
  const cloud = await startWatchedCloud(context, { abuseRules: { claimPlaces } })
  const claim = await cloud.newIdentity('claim')
  const { csrPem } = await newRequest()
  for (const place of [1, 2, 3, 4, 5]) {
    const asking = await ClaimClient.over(await cloud.connect(claim, `device-${place}`, `127.0.2.${place}`))
    const { isAccepted } = await asking.create(csrPem)
    assert.ok(isAccepted, `place ${place}`)
    const rules = (await alarmsOf(cloud)).map(({ rule }) => rule)
    assert.deepEqual(rules, place > 3 ? ['CLAIM_PLACES'] : [])
  }
})

test('a certificate that two devices use at once is alarmed, and stays as it is', async (context) => {
  const cloud = await startWatchedCloud(context)
  const device = await cloud.newIdentity('device', 'press-7')
  const [first, second] = [await cloud.connect(device, 'press-7'), await cloud.connect(device, 'clone', '127.0.0.9')]
  const [alarm] = await alarmsOf(cloud)
  assert.deepEqual([alarm?.['rule'], alarm?.['action']], ['KEY_SHARED', 'none'])
  await Promise.all([first, second].map((client) => client.publishAsync('a', 'x', { qos: 1 })))
  const { attempts } = await cloud.own('GET', '/v1/attempts', { clientId: 'clone' })
  assert.match(JSON.stringify(attempts), /KEY_SHARED: .* 2 client ids are connected at once, and 1 may be/)
})

test('two devices that take the same client id over from each other are quarantined', async (context) => {
  const cloud = await startWatchedCloud(context, { sharedKeys: 'quarantine' })
  const device = await cloud.newIdentity('device', 'press-7')
  let last: MqttClient | undefined
  for (const address of ['127.0.0.1', '127.0.0.9', '127.0.0.1', '127.0.0.9']) {
    assert.deepEqual(await alarmsOf(cloud), [])
    cloud.wait(2000)
    last = await cloud.connect(device, 'press-7', address)
  }
  if (last?.connected === true) await closed(last)
  const [alarm] = await alarmsOf(cloud)
  assert.match(String(alarm?.['reason']), /goes back and forth between 127\.0\.0\.1 and 127\.0\.0\.9/)
  const { certificateId } = device
  const { certificateDescription } = await cloud.iot.send(new DescribeCertificateCommand({ certificateId }))
  assert.equal(certificateDescription?.status, 'INACTIVE')
  await assert.rejects(cloud.connect(device, 'press-7'), /was not let in/)
  const audit = await cloud.own('GET', '/v1/audit', { action: 'birthmark:QuarantineCertificate' })
  assert.match(JSON.stringify(audit['entries']), new RegExp(`abuse-rules.*cert/${certificateId}`))
})

test('a challenged certificate stays only if the function says that it is genuine', async (context) => {
  const cloud = await startWatchedCloud(context, { sharedKeys: 'challenge', challenge: 'judge' })
  const source = "export const handler = async ({ facts }) => ({ genuine: facts.clientIds.includes('honest') })"
  await cloud.own('POST', '/v1/functions', { name: 'judge', file: 'judge.mjs', source, timeoutMs: 20_000 })
  const [honest, clone] = [await cloud.newIdentity('device', 'a'), await cloud.newIdentity('device', 'b')]
  await cloud.connect(clone, 'b')
  const second = await cloud.connect(clone, 'thief')
  await cloud.connect(honest, 'a')
  const kept = await cloud.connect(honest, 'honest')
  if (second.connected) await closed(second)
  const { certificateId } = clone
  const { certificateDescription } = await cloud.iot.send(new DescribeCertificateCommand({ certificateId }))
  assert.equal(certificateDescription?.status, 'INACTIVE')
  await kept.publishAsync('a', 'x', { qos: 1 })
})

function closed(client: MqttClient): Promise<void> {
  return new Promise((resolve) => void client.once('close', () => resolve()))
}

async function alarmsOf(cloud: WatchedCloud): Promise<readonly Alarm[]> {
  const { alarms } = await cloud.own('GET', '/v1/alarms')
  return Array.isArray(alarms) ? alarms : []
}

/** An HTTP server that takes alarms. */
async function startReceiver(
  context: TestContext,
): Promise<{ readonly url: string; readonly first: Promise<unknown> }> {
  let take: (alarm: unknown) => void = () => undefined
  const first = new Promise<unknown>((resolve) => {
    take = resolve
  })
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      response.end()
      take(JSON.parse(body))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/alarms`, first }
}
