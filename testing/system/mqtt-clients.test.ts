import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { UpdateCertificateCommand } from '@aws-sdk/client-iot'
import { connectAsync } from 'mqtt'
import { type ForeignServer, startForeignServer } from '../testkit/foreign-server.ts'
import { type Done, runProgram } from '../testkit/run-program.ts'
import { type FileDevice, startRunningCloud } from '../testkit/running-cloud.ts'

/**
 * MQTT clients that we did not write, unmodified, against `birthmark server`: Mosquitto's (Debian package
 * mosquitto-clients), mqtt (npm) and Eclipse Paho's for Python (Debian package python3-paho-mqtt).
 */
const cloud = await startRunningCloud()
after(() => cloud.close())

const arn = `arn:aws:iot:${cloud.region}:${cloud.account}`
await cloud.createPolicy('below-dt', [
  { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/*` },
  { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: `${arn}:topic/dt/*` },
  { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `${arn}:topicfilter/dt/*` },
  { Effect: 'Deny', Action: 'iot:Receive', Resource: `${arn}:topic/dt/secret/*` },
])
await cloud.createPolicy('watcher', [
  { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
  { Effect: 'Allow', Action: ['iot:Subscribe', 'iot:Receive'], Resource: `${arn}:topic*/$aws/events/*` },
])
await cloud.createPolicy('no-connect', [{ Effect: 'Allow', Action: 'iot:Publish', Resource: '*' }])
const press = await cloud.newDevice('press', 'below-dt')
const lathe = await cloud.newDevice('lathe', 'below-dt')

const PAHO_ECHO = join(import.meta.dirname, 'paho-echo.py')
/** Empty, one byte, around the lengths where MQTT's and TLS's length fields grow, and the longest that is allowed. */
const PAYLOADS = [0, 1, 127, 128, 16_383, 16_384, 131_072].map((length) => randomBytes(length))

type Version = 'mqttv311' | 'mqttv5'
const VERSIONS: readonly Version[] = ['mqttv311', 'mqttv5']

/** Gives the words by which Mosquitto's clients connect as a device. */
function as(device: FileDevice, clientId: string, port = cloud.mqtt.port): string[] {
  const identity = ['--cert', device.certificate, '--key', device.key, '-i', clientId]
  return ['-h', 'localhost', '-p', String(port), '--cafile', cloud.rootPath, ...identity]
}

/** Starts a subscriber that prints each message as `topic:hex`, and waits until it is subscribed. */
async function subscriber(context: TestContext, words: readonly string[]): Promise<ForeignServer> {
  // Line by line: its output is buffered whole when nobody sits at a terminal.
  const client = startForeignServer(context, 'stdbuf', ['-oL', 'mosquitto_sub', '-d', '-F', '%t:%x', ...words])
  await client.says(/^Subscribed \(/m)
  return client
}

function publish(words: readonly string[]): Promise<Done> {
  return runProgram('mosquitto_pub', words)
}

let names = 0
/** Client ids are not used twice: a second connection would take the first one over. */
function fresh(name: string): string {
  names++
  return `${name}-${names}`
}

for (const version of VERSIONS) {
  for (const tls of ['tlsv1.2', 'tlsv1.3']) {
    for (const qos of ['0', '1']) {
      test(`${version} over ${tls}, QoS ${qos}: a message arrives`, async (context) => {
        const how = ['-V', version, '--tls-version', tls, '-q', qos]
        const topic = `dt/${fresh('plain')}`
        const listening = await subscriber(context, [...as(lathe, fresh('lathe')), ...how, '-t', topic])
        const clientId = fresh('press')
        const { status } = await publish([...as(press, clientId), ...how, '-t', topic, '-m', 'hello'])
        assert.equal(status, 0)
        await listening.says(new RegExp(`^${topic}:${hex('hello')}$`, 'm'))
      })
    }
  }

  test(`${version} by ALPN on the HTTPS port: a message arrives`, async (context) => {
    const how = ['-V', version, '--tls-alpn', 'x-amzn-mqtt-ca', '-q', '1']
    const topic = `dt/${fresh('alpn')}`
    const words = [...as(lathe, fresh('lathe'), cloud.httpsPort), ...how, '-t', topic]
    const listening = await subscriber(context, words)
    const { status } = await publish([
      ...as(press, fresh('press'), cloud.httpsPort),
      ...how,
      '-t',
      topic,
      '-m',
      'hello',
    ])
    assert.equal(status, 0)
    await listening.says(new RegExp(`^${topic}:${hex('hello')}$`, 'm'))
  })

  test(`${version}: payloads of 0 bytes to 128 KiB arrive as they were sent`, async (context) => {
    const topic = `dt/${fresh('payload')}`
    const how = ['-V', version, '-q', '1', '-t', topic]
    const listening = await subscriber(context, [...as(lathe, fresh('lathe')), ...how])
    for (const payload of PAYLOADS) {
      const { length } = payload
      const file = join(cloud.folder, `${version}-${length}`)
      writeFileSync(file, payload)
      const content = length === 0 ? ['-n'] : ['-f', file]
      const { status, output } = await publish([...as(press, fresh('press')), ...how, ...content])
      assert.equal(status, 0, output)
      const [line] = await listening.says(new RegExp(`^${topic}:[0-9a-f]{${2 * length}}$`, 'm'))
      assert.ok(line === `${topic}:${payload.toString('hex')}`, `${length} bytes are not those that were sent`)
    }
  })

  test(`${version}: a payload above 128 KiB is refused, and the record says why`, async () => {
    const file = join(cloud.folder, `${version}-too-long`)
    writeFileSync(file, randomBytes(131_073))
    const clientId = fresh('press')
    const { output } = await publish([...as(press, clientId), '-V', version, '-q', '1', '-t', 'dt/a', '-f', file])
    assert.match(output, version === 'mqttv5' ? /Publish 1 failed: Quota exceeded/ : /connection was lost/i)
    const { cause } = await cloud.refusal({ clientId })
    assert.equal(cause?.code, 'MQTT_LIMIT_REACHED')
  })

  test(`${version}: topics are UTF-8`, async (context) => {
    const topic = 'dt/Grüße/温度/🌡'
    const how = ['-V', version, '-q', '1']
    const listening = await subscriber(context, [...as(lathe, fresh('lathe')), ...how, '-t', 'dt/Grüße/+/🌡'])
    const { status } = await publish([...as(press, fresh('press')), ...how, '-t', topic, '-m', '21 °C'])
    assert.equal(status, 0)
    await listening.says(new RegExp(`^${topic}:${hex('21 °C')}$`, 'm'))
  })

  test(`${version}: each subscriber gets a message once, and only what its policy lets it receive`, async (context) => {
    const how = ['-V', version, '-q', '1']
    const listening: ForeignServer[] = []
    for (const filter of ['dt/#', 'dt/+/temperature', 'dt/hall/#']) {
      listening.push(await subscriber(context, [...as(lathe, fresh('lathe')), ...how, '-t', filter]))
    }
    const talking = as(press, fresh('press'))
    for (const topic of ['dt/secret/temperature', 'dt/hall/temperature', 'dt/hall/end']) {
      const { status } = await publish([...talking, ...how, '-t', topic, '-m', version])
      assert.equal(status, 0)
    }
    const [all, one, hall] = listening
    await all?.says(/^dt\/hall\/end:/m)
    await hall?.says(/^dt\/hall\/end:/m)
    await one?.says(/^dt\/hall\/temperature:/m)
    for (const client of listening) {
      assert.equal(client.output.match(/^dt\/hall\/temperature:/gm)?.length, 1)
      assert.doesNotMatch(client.output, /^dt\/secret/m)
    }
  })

  test(`${version}: the will of a client that dies is published`, async (context) => {
    const topic = `dt/${fresh('will')}`
    const listening = await subscriber(context, [...as(lathe, fresh('lathe')), '-V', version, '-q', '1', '-t', topic])
    const will = ['--will-topic', topic, '--will-payload', 'gone', '--will-qos', '1']
    const mortal = await subscriber(context, [...as(press, fresh('press')), '-V', version, '-t', 'dt/x', ...will])
    // stdbuf has become the client, so this is the client's own sudden end.
    mortal.kill()
    await listening.says(new RegExp(`^${topic}:${hex('gone')}$`, 'm'))
  })

  test(`${version}: a denied subscribe is refused, and the record says why`, async (context) => {
    const clientId = fresh('lathe')
    const words = ['-V', version, '-t', 'other/topic', '-d', ...as(lathe, clientId)]
    const client = startForeignServer(context, 'stdbuf', ['-oL', 'mosquitto_sub', ...words])
    const { cause } = await cloud.refusal({ clientId })
    assert.equal(cause?.code, 'POLICY_DENIED_SUBSCRIBE')
    await client.says(
      version === 'mqttv5' ? /All subscription requests were denied/ : /sending CONNECT[^]*sending CONNECT/,
    )
  })

  test(`${version}: a denied publish is refused, and the record says why`, async () => {
    const clientId = fresh('press')
    const words = ['-V', version, '-q', '1', '-t', 'other/topic', '-m', 'hello']
    const { output } = await publish([...as(press, clientId), ...words])
    assert.match(output, version === 'mqttv5' ? /Publish 1 failed: Not authorized/ : /connection was lost/i)
    const { cause } = await cloud.refusal({ clientId })
    assert.equal(cause?.code, 'POLICY_DENIED_PUBLISH')
    assert.match(cause.reason, /other\/topic/)
  })

  test(`${version}: a certificate that is deactivated ends the connection that uses it`, async (context) => {
    const device = await cloud.newDevice(fresh('leaver'), 'below-dt')
    const clientId = fresh('leaver')
    const listening = await subscriber(context, [...as(device, clientId), '-V', version, '-t', 'dt/a'])
    const newStatus = 'INACTIVE'
    await cloud.iot.send(new UpdateCertificateCommand({ certificateId: device.certificateId, newStatus }))
    const { cause, outcome } = await cloud.refusal({ clientId, outcome: 'ended' })
    assert.deepEqual([outcome, cause?.code], ['ended', 'CERTIFICATE_INACTIVE'])
    // A 3.1.1 client cannot be told and tries again; it is sent away before a session begins.
    if (version === 'mqttv5') return void (await listening.says(/Received DISCONNECT \(135\)/))
    const again = await cloud.refusal({ certificateId: device.certificateId, outcome: 'refused' })
    assert.equal(again.cause?.code, 'CERTIFICATE_INACTIVE')
  })
}

interface Refused {
  readonly why: string
  readonly policyName?: string
  readonly code: string
}

const REFUSED: readonly Refused[] = [
  { why: 'its policy does not allow iot:Connect', policyName: 'no-connect', code: 'POLICY_DENIED_CONNECT' },
  { why: 'no policy is attached', code: 'NO_POLICY_ATTACHED' },
]
for (const { why, policyName, code } of REFUSED) {
  for (const version of VERSIONS) {
    test(`${version}: a client is not let in: ${why}`, async () => {
      const device = await cloud.newDevice(fresh('outsider'), policyName)
      const words = [...as(device, device.name), '-V', version, '-q', '1', '-t', 'dt/a', '-m', 'hello']
      const { status, output } = await publish(words)
      assert.notEqual(status, 0)
      assert.match(output, version === 'mqttv5' ? /Not authorized/ : /connection was lost/i)
      assert.equal((await cloud.refusal({ clientId: device.name })).cause?.code, code)
    })
  }
}

test('mqtt (npm) and paho talk to each other, both ways, both versions', async () => {
  for (const version of [4, 5] as const) {
    const talk = `dt/${fresh('talk')}/grüß/🌡`
    const echo = `dt/${fresh('echo')}/grüß/🌡`
    const client = await connectAsync({
      protocol: 'mqtts',
      host: 'localhost',
      port: cloud.mqtt.port,
      ca: readFileSync(cloud.rootPath),
      cert: readFileSync(lathe.certificate),
      key: readFileSync(lathe.key),
      clientId: fresh('lathe'),
      protocolVersion: version,
      reconnectPeriod: 0,
    })
    const heard: Buffer[] = []
    const complete = new Promise<void>((resolve) => {
      client.on('message', (topic, payload) => {
        assert.equal(topic, echo)
        // The first message says that paho listens.
        if (heard.push(payload) === 1) for (const sent of PAYLOADS) client.publish(talk, sent, { qos: 1 })
        if (heard.length === 1 + PAYLOADS.length) resolve()
      })
    })
    await client.subscribeAsync(echo, { qos: 1 })
    const paho = runPaho(version, talk, echo)
    await complete
    await client.endAsync()
    const { status, output } = await paho
    assert.deepEqual([status, output], [0, 'ended: 0\n'])
    assert.ok(PAYLOADS.every((sent, index) => heard[index + 1]?.equals(sent)))
  }
})

/** Sends back what it hears. */
function runPaho(version: 4 | 5, listenTo: string, echoTo: string): Promise<Done> {
  const { host, port } = { host: 'localhost', port: String(cloud.mqtt.port) }
  const files = [cloud.rootPath, press.certificate, press.key]
  const what = [fresh('press'), listenTo, echoTo, String(PAYLOADS.length)]
  // Debian's own Python: another one in PATH has no paho.
  return runProgram('/usr/bin/python3', [PAHO_ECHO, String(version), host, port, ...files, ...what])
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex')
}

test('lifecycle events reach a client that may subscribe to them', async (context) => {
  const watcher = await cloud.newDevice('watcher', 'watcher')
  const words = [...as(watcher, fresh('watcher')), '-q', '1', '-t', '$aws/events/presence/#']
  const watching = await subscriber(context, words)
  const clientId = fresh('press')
  await publish([...as(press, clientId), '-t', 'dt/seen', '-m', 'x'])
  await watching.says(new RegExp(`^\\$aws/events/presence/connected/${clientId}:`, 'm'))
  await watching.says(new RegExp(`^\\$aws/events/presence/disconnected/${clientId}:`, 'm'))
})
