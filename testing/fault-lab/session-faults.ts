import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { UpdateCertificateCommand } from '@aws-sdk/client-iot'
import { connectAsync } from 'mqtt'
import { type ForeignServer, startForeignServer } from '../testkit/foreign-server.ts'
import { runProgram } from '../testkit/run-program.ts'
import type { FileDevice } from '../testkit/running-cloud.ts'
import { connectPacket, type Lab, type LabFault, mosquittoAs, publish, sClient, sIdentity, subscribe } from './lab.ts'

/** Faults of policies and of MQTT, by clients whose certificate is good. */
export const SESSION_FAULTS: readonly LabFault[] = [
  {
    fault: 'its certificate has no policy',
    client: 'mosquitto_pub',
    code: 'NO_POLICY_ATTACHED',
    says: /has no policy/,
    make: async (lab) => publish(lab, 'bare', await lab.cloud.newDevice('bare')),
  },
  denied('no statement allows its client id', {
    code: 'POLICY_DENIED_CONNECT',
    says: /iot:Connect on .*client\/other.*Statement\[0\] of policy "p\d+".*client\/mine/,
    statements: (arn) => [{ Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/mine` }],
    clientId: 'other',
  }),
  denied('a statement denies its client id', {
    code: 'POLICY_DENIED_CONNECT',
    says: /denied by Statement\[1\] \("Banned"\) of policy/,
    statements: (arn) => [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
      { Sid: 'Banned', Effect: 'Deny', Action: 'iot:Connect', Resource: `${arn}:client/ban*` },
    ],
    clientId: 'banned',
  }),
  denied('no statement names iot:Connect', {
    code: 'POLICY_DENIED_CONNECT',
    says: /No Allow names the action iot:Connect/,
    statements: () => [{ Effect: 'Allow', Action: 'iot:Publish', Resource: '*' }],
  }),
  denied('a variable of its policy has no value', {
    code: 'POLICY_DENIED_CONNECT',
    says: /iot:Connection\.Thing\.ThingName\}, which has no value: the client id is not the name of a thing/,
    statements: (arn) => [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/\${iot:Connection.Thing.ThingName}` },
    ],
    clientId: 'not-the-thing',
  }),
  denied('a condition of its policy does not hold', {
    code: 'POLICY_DENIED_CONNECT',
    says: /its condition .*aws:SourceIp.* does not hold/,
    statements: () => [
      {
        Effect: 'Allow',
        Action: 'iot:Connect',
        Resource: '*',
        Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
      },
    ],
  }),
  denied('its will may not be published', {
    code: 'POLICY_DENIED_CONNECT',
    says: /The will cannot be published: iot:Publish on .*topic\/last/,
    statements: (arn) => [{ Effect: 'Allow', Action: '*', Resource: `${arn}:client/*` }],
    words: ['--will-topic', 'last', '--will-payload', 'x'],
  }),
  denied('it publishes where no statement allows it', {
    code: 'POLICY_DENIED_PUBLISH',
    says: /iot:Publish on .*topic\/theirs.*its resource is .*topic\/mine/,
    statements: (arn) => [CONNECT, { Effect: 'Allow', Action: 'iot:Publish', Resource: `${arn}:topic/mine` }],
    words: ['-t', 'theirs'],
  }),
  denied('it publishes where a statement denies it', {
    code: 'POLICY_DENIED_PUBLISH',
    says: /denied by Statement\[1\] .*a Deny wins/,
    statements: (arn) => [
      { Effect: 'Allow', Action: '*', Resource: '*' },
      { Effect: 'Deny', Action: 'iot:Publish', Resource: `${arn}:topic/secret` },
    ],
    words: ['-t', 'secret'],
  }),
  {
    fault: 'it subscribes, and the statement names a topic instead of a topic filter',
    client: 'mosquitto_sub',
    code: 'POLICY_DENIED_SUBSCRIBE',
    says: /iot:Subscribe is about topicfilter\/, not topic\//,
    make: async (lab) => {
      const allow = { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `${lab.arn}:topic/dt/*` }
      const device = await bound(lab, [CONNECT, allow])
      return subscribe(lab, 'listener', device, '-t', 'dt/#')
    },
  },
  {
    fault: 'another client comes with its client id',
    client: 'mosquitto_sub',
    code: 'CLIENT_ID_TAKEN_OVER',
    says: /same client id, twin,/,
    make: async (lab, context) => {
      const device = await good(lab)
      const first = listening(lab, context, 'twin', device)
      await first.says(/^Subscribed \(/m)
      await publish(lab, 'twin', device)
      first.kill()
    },
  },
  {
    fault: 'it connects again and again',
    client: 'mqtt (npm)',
    code: 'CLIENT_ID_TOO_FAST',
    says: /more than 3 times in a second/,
    make: async (lab) => {
      const device = await good(lab)
      const identity = { key: readFileSync(device.key), cert: readFileSync(device.certificate) }
      const options = { ...identity, ca: readFileSync(lab.cloud.rootPath), clientId: 'restless', reconnectPeriod: 0 }
      for (let again = 0; again < 50; again += 1) {
        const client = await connectAsync(`mqtts://localhost:${lab.cloud.mqtt.port}`, options, false).catch(
          () => undefined,
        )
        if (client === undefined) return
        await client.endAsync()
      }
    },
  },
  {
    fault: 'its certificate is deactivated while it is connected',
    client: 'AWS SDK',
    code: 'CERTIFICATE_INACTIVE',
    says: /INACTIVE/,
    make: async (lab, context) => {
      const device = await good(lab)
      const client = listening(lab, context, 'cut-off', device)
      await client.says(/^Subscribed \(/m)
      const { certificateId } = device
      await lab.cloud.iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }))
      await lab.firstCause()
      client.kill()
    },
  },
  {
    fault: 'it dies',
    client: 'mosquitto_sub',
    code: 'CONNECTION_LOST',
    says: /without a DISCONNECT/,
    make: async (lab, context) => {
      const client = listening(lab, context, 'mortal', await good(lab))
      await client.says(/^Subscribed \(/m)
      client.kill()
    },
  },
  {
    fault: 'it speaks MQTT 3.1',
    client: 'mosquitto_pub',
    code: 'CONNECT_PROTOCOL_VERSION',
    says: /another MQTT version/,
    make: async (lab) => publish(lab, 'old', await good(lab), '-V', 'mqttv31'),
  },
  {
    fault: 'its client id is longer than 128 bytes',
    client: 'mosquitto_pub',
    code: 'CLIENT_ID_INVALID',
    says: /128/,
    make: async (lab) => publish(lab, 'i'.repeat(129), await good(lab)),
  },
  {
    fault: 'it speaks HTTP on the MQTT port',
    client: 'openssl s_client',
    code: 'CONNECT_EXPECTED',
    says: /did not begin with an MQTT CONNECT/,
    make: async (lab) => sClient(lab, sIdentity(await good(lab)), 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  },
  {
    fault: 'it speaks HTTP on the MQTT port',
    client: 'curl',
    code: 'CONNECT_EXPECTED',
    says: /did not begin with an MQTT CONNECT/,
    make: async (lab) => {
      const { certificate, key } = await good(lab)
      const words = ['-sS', '--cacert', lab.cloud.rootPath, '--cert', certificate, '--key', key]
      return runProgram('curl', [...words, `https://localhost:${lab.cloud.mqtt.port}/topics/a?qos=1`])
    },
  },
  {
    fault: 'it sends a packet of a type that does not exist',
    client: 'openssl s_client',
    code: 'MQTT_PROTOCOL_ERROR',
    says: /broke a rule of MQTT/,
    make: async (lab) => {
      const packets = Buffer.concat([connectPacket('broken'), Buffer.from('0000', 'hex')])
      return sClient(lab, sIdentity(await good(lab)), packets)
    },
  },
  {
    fault: 'it sends two CONNECT packets',
    client: 'openssl s_client',
    code: 'MQTT_PROTOCOL_ERROR',
    says: /CONNECT/,
    make: async (lab) => {
      const packets = Buffer.concat([connectPacket('twice'), connectPacket('twice')])
      return sClient(lab, sIdentity(await good(lab)), packets)
    },
  },
  {
    fault: 'its message is longer than 128 KiB',
    client: 'mosquitto_pub',
    code: 'MQTT_LIMIT_REACHED',
    says: /131072|131 ?072/,
    make: async (lab) => {
      const file = join(lab.cloud.folder, 'too-long')
      writeFileSync(file, randomBytes(131_073))
      const words = [...mosquittoAs(lab, 'wordy', await good(lab)), '-q', '1', '-t', 'lab/a', '-f', file]
      return runProgram('mosquitto_pub', words)
    },
  },
  ...(
    [
      ['its topic has more than 7 slashes', 'MQTT_LIMIT_REACHED', /7/, ['-t', 'a/b/c/d/e/f/g/h/i']],
      ['its topic is longer than 256 bytes', 'MQTT_LIMIT_REACHED', /256/, ['-t', 'l'.repeat(257)]],
      ['it publishes with QoS 2', 'MQTT_FEATURE_UNSUPPORTED', /QoS 2/, ['-q', '2']],
      ['it publishes to a reserved topic', 'MQTT_FEATURE_UNSUPPORTED', /reserved/i, ['-t', '$lab/a']],
      [
        'it asks for enhanced authentication',
        'MQTT_FEATURE_UNSUPPORTED',
        /authentication/i,
        ['-V', 'mqttv5', '-D', 'connect', 'authentication-method', 'SCRAM-SHA-256'],
      ],
    ] as const
  ).map(
    ([fault, code, says, words]): LabFault => ({
      fault,
      client: 'mosquitto_pub',
      code,
      says,
      make: async (lab) => publish(lab, `beyond-${code.length}-${fault.length}`, await good(lab), ...words),
    }),
  ),
  {
    fault: 'it subscribes to 9 filters at once',
    client: 'mosquitto_sub',
    code: 'MQTT_LIMIT_REACHED',
    says: /8/,
    make: async (lab) => {
      const filters = Array.from({ length: 9 }, (_, index) => ['-t', `lab/${index}`]).flat()
      return subscribe(lab, 'greedy', await good(lab), ...filters)
    },
  },
]

interface Denied {
  readonly code: LabFault['code']
  readonly says: RegExp
  readonly statements: (arn: string) => readonly object[]
  readonly clientId?: string
  readonly words?: readonly string[]
}

/** A fault that `mosquitto_pub` makes under a policy of its own. */
function denied(fault: string, { code, says, statements, clientId = 'me', words = [] }: Denied): LabFault {
  return {
    fault,
    client: 'mosquitto_pub',
    code,
    says,
    make: async (lab) => publish(lab, clientId, await bound(lab, statements(lab.arn)), ...words),
  }
}

let policies = 0

/** A fresh device under a fresh policy. */
async function bound(lab: Lab, statements: readonly object[]): Promise<FileDevice> {
  policies++
  await lab.cloud.createPolicy(`p${policies}`, statements)
  return lab.cloud.newDevice(`bound-${policies}`, `p${policies}`)
}

let devices = 0

/** A fresh device that may do everything. */
function good(lab: Lab): Promise<FileDevice> {
  devices++
  return lab.cloud.newDevice(`good-${devices}`, 'lab')
}

function listening(lab: Lab, context: TestContext, clientId: string, device: FileDevice): ForeignServer {
  const words = [...mosquittoAs(lab, clientId, device), '-d', '-t', 'lab/#']
  return startForeignServer(context, 'stdbuf', ['-oL', 'mosquitto_sub', ...words])
}

const CONNECT = { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' }
