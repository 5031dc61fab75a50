import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CreateThingCommand } from '@aws-sdk/client-iot'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { iotClient } from 'birthmark/parts'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { ANY_PORTS, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** What Prometheus and a load balancer ask a server. */

test('metrics count requests and commits, and readiness is told', async (context) => {
  const folder = await scratchFolder(context)
  const words = ['--metrics-port', '0', '--throttle', 'aws', '--json']
  const server = startBirthmark(['server', '--data', join(folder, 'cloud'), ...ANY_PORTS, ...words])
  context.after(() => server.child.kill('SIGKILL'))
  const [line] = await server.said(/^\{"ready":true.*\}$/m)
  const ready: Readonly<Record<string, string>> = JSON.parse(line)
  const { controlHttp = '', metrics = '', region = '', accessKeyId = '', secretAccessKey = '' } = ready
  const client = iotClient({ endpoint: controlHttp, region, accessKeyId, secretAccessKey })
  await client.send(new CreateThingCommand({ thingName: 'counted' }))
  const text = await (await fetch(metrics)).text()
  assert.match(text, /^birthmark_api_requests_total\{operation="CreateThing",status="200"\} 1$/m)
  assert.match(text, /^birthmark_registry_changes_total\{change="record-audit"\} 1$/m)
  assert.match(text, /^birthmark_api_request_seconds_count\{operation="CreateThing"\} 1$/m)
  for (const name of ['connections', 'sessions', 'queued_messages']) {
    assert.match(text, new RegExp(`^birthmark_${name} 0$`, 'm'))
  }
  assert.match(text, /^birthmark_registry_bytes [1-9]\d+$/m)
  assert.equal((await fetch(metrics.replace('/metrics', '/other'))).status, 404)
  assert.equal((await fetch(`${controlHttp}/v1/ready`)).status, 200)
  assert.equal((await fetch(`${controlHttp}/v1/metrics`)).status, 403, 'strangers sign')
  client.destroy()
  await stopsInOrder(server)
})

for (const workers of [0, 2]) {
  test(`messages in, out and waiting are counted, with ${workers} workers`, async (context) => {
    const cloud = await startRunningCloud(undefined, { 'metrics-port': 0, ...(workers > 0 && { workers }) })
    context.after(() => cloud.close())
    await cloud.createPolicy('all', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
    const device = await cloud.newDevice('press', 'all')
    const clients: MqttClient[] = []
    context.after(() => clients.map((client) => client.end(true)))
    const open = async (clientId: string, options: IClientOptions = {}): Promise<MqttClient> => {
      const identity = {
        ca: readFileSync(cloud.rootPath),
        cert: readFileSync(device.certificate),
        key: readFileSync(device.key),
      }
      const client = await connectAsync({
        protocol: 'mqtts',
        host: 'localhost',
        port: cloud.mqtt.port,
        reconnectPeriod: 0,
        protocolVersion: 5,
        ...identity,
        clientId,
        ...options,
      })
      clients.push(client)
      return client
    }
    const read = async (name: string): Promise<number> => {
      const text = await (await fetch(String(cloud.process.ready['metrics']))).text()
      return Number(new RegExp(`^birthmark_${name} (\\d+)$`, 'm').exec(text)?.[1])
    }
    const until = async (name: string, isSo: (value: number) => boolean): Promise<void> => {
      while (!isSo(await read(name))) await pause(millis(50))
    }

    const lasting = { clean: false, properties: { sessionExpiryInterval: 600 } }
    const away = await open('away', lasting)
    await away.subscribeAsync('news', { qos: 1 })
    await away.endAsync()
    const heard = { count: 0 }
    // Four connections are in both workers, or soon enough in one: the figures are the same.
    for (const name of ['a', 'b', 'c', 'd']) {
      const client = await open(name)
      client.on('message', () => heard.count++)
      await client.subscribeAsync('news', { qos: 1 })
    }
    const [sentBefore, givenBefore] = [await read('messages_in_total'), await read('messages_out_total')]
    const sender = await open('sender')
    for (let count = 0; count < SENT; count += 1) await sender.publishAsync('news', `${count}`, { qos: 1 })
    await until('messages_in_total', (sent) => sent >= sentBefore + SENT)
    await until('messages_out_total', (given) => given >= givenBefore + SENT * 5)
    while (heard.count < SENT * 4) await pause(millis(20))
    // What the workers have still to tell is told every second.
    await pause(millis(1500))
    const given = (await read('messages_out_total')) - givenBefore
    assert.ok(given < SENT * 6, `${given} messages out: each receiver is counted once, and a few events of presence`)
    assert.equal(await read('sessions'), 1)
    assert.equal(await read('queued_messages'), SENT)

    const back = await open('away', lasting)
    await until('queued_messages', (waiting) => waiting === 0)
    await back.endAsync()
    await sender.publishAsync('news', 'once more', { qos: 1 })
    await until('queued_messages', (waiting) => waiting === 1)
    const renewed = await open('away', { clean: true })
    await until('sessions', (sessions) => sessions === 0)
    assert.equal(await read('queued_messages'), 0)
    await renewed.endAsync()
  })
}

/** Messages in a run: below what one connection may send in a second. */
const SENT = 40
