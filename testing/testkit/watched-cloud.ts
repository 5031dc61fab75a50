import { createSign, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { connect as connectTls } from 'node:tls'
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  CreatePolicyCommand,
  CreateProvisioningTemplateCommand,
  CreateThingCommand,
  type IoTClient,
} from '@aws-sdk/client-iot'
import { type RunningServer, type ServerOptions, startServer } from '@birthmark/cloud/server'
import { instant, silentLog } from '@birthmark/foundation/kernel'
import { systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { createCsr, toPem } from '@birthmark/foundation/x509'
import { iotClient } from 'birthmark/parts'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { scratchFolder } from './scratch-folder.ts'
import { sendRequest, unsignedRequest } from './send-request.ts'
import { signRequest } from './sign-request.ts'
import { newTestAuthority } from './test-authority.ts'

/** A key with a certificate of the cloud. */
export interface KeyAndCertificate {
  readonly keyPem: string
  readonly certificatePem: string
  readonly certificateId: string
}

type Answer = Readonly<Record<string, unknown>>

/** A whole cloud in this process, whose clock only the test moves. */
export interface WatchedCloud {
  readonly server: RunningServer
  readonly iot: IoTClient
  /** Moves the clock on. */
  wait(milliseconds: number): void
  now(): number
  /** Calls Birthmark's own API. */
  own(method: 'GET' | 'POST', path: string, parameters?: Answer): Promise<Answer>
  /** A certificate that is ACTIVE, with a policy, and a thing if one is named. */
  newIdentity(policyName: string, thingName?: string): Promise<KeyAndCertificate>
  /** Connects with MQTT 5, from this loopback address; does not come back by itself. */
  connect(identity: KeyAndCertificate, clientId: string, localAddress?: string): Promise<MqttClient>
}

/** Starts the cloud, with the policies `claim` and `device` and the template `meters`. */
export async function startWatchedCloud(
  context: TestContext,
  change: Partial<ServerOptions> = {},
): Promise<WatchedCloud> {
  const folder = join(await scratchFolder(context), 'cloud')
  let now = Date.now()
  const authority = await newTestAuthority('Watched CA')
  const server = await startServer({
    folder,
    address: '127.0.0.1',
    host: 'localhost',
    region: 'eu-central-1',
    mqttPort: 0,
    httpsPort: 0,
    controlPort: 0,
    controlHttpPort: 0,
    metricsPort: 0,
    clock: { now: () => instant(now) },
    entropy: systemEntropy,
    timers: systemTimers,
    log: silentLog,
    openCertificateProvider: () => Promise.resolve(authority),
    ...change,
  })
  const { region } = server.scope
  const credentials = { accessKeyId: server.accessKey.id, secretAccessKey: server.accessKey.secret ?? '' }
  const iot = iotClient({ endpoint: server.controlHttp, region, ...credentials })
  context.after(async () => {
    iot.destroy()
    await server.close()
  })
  await prepare(iot, server)
  return {
    server,
    iot,
    wait: (milliseconds) => {
      now += milliseconds
    },
    now: () => now,
    own: async (method, path, parameters = {}) => {
      const query = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]))
      const message = method === 'GET' ? { query } : { body: JSON.stringify(parameters) }
      const request = unsignedRequest(server.controlHttp, method, path, message)
      const { status, body } = await sendRequest(
        server.controlHttp,
        await signRequest(request, { credentials, region, at: new Date(now) }),
      )
      if (status !== 200 || body === undefined) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
      return body
    },
    newIdentity: (policyName, thingName) => newIdentity(iot, policyName, thingName),
    connect: (identity, clientId, localAddress) => connect(context, server, identity, { clientId, localAddress }),
  }
}

/** Makes a request for a certificate, PEM, and its key. */
export async function newRequest(): Promise<{ readonly csrPem: string; readonly keyPem: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const csr = await createCsr({
    subject: [{ type: 'CN', value: 'device' }],
    signer: {
      algorithm: 'ecdsa-p256-sha256',
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      sign: (message) => Promise.resolve(createSign('sha256').update(message).sign(privateKey)),
    },
  })
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { csrPem: toPem('CERTIFICATE REQUEST', csr), keyPem }
}

/** A client that asks for certificates and provisions devices by claim, one request after the other. */
export class ClaimClient {
  readonly #client: MqttClient
  #take: (answer: { readonly isAccepted: boolean; readonly body: Answer }) => void = () => undefined

  private constructor(client: MqttClient) {
    this.#client = client
    client.on('message', (topic, payload) => {
      this.#take({ isAccepted: topic.endsWith('/accepted'), body: JSON.parse(payload.toString()) })
    })
  }

  static async over(client: MqttClient): Promise<ClaimClient> {
    await client.subscribeAsync(['$aws/certificates/#', '$aws/provisioning-templates/#'], { qos: 1 })
    return new ClaimClient(client)
  }

  /** Asks, and gives the answer. */
  ask(topic: string, payload: Answer): Promise<{ readonly isAccepted: boolean; readonly body: Answer }> {
    return new Promise((resolve, reject) => {
      this.#take = resolve
      this.#client.publishAsync(topic, JSON.stringify(payload), { qos: 1 }).catch(reject)
    })
  }

  /** Asks for a certificate. */
  create(csrPem: string): ReturnType<ClaimClient['ask']> {
    return this.ask('$aws/certificates/create-from-csr/json', { certificateSigningRequest: csrPem })
  }

  /** Asks to be provisioned with it. */
  provision(certificateOwnershipToken: unknown, SerialNumber: string): ReturnType<ClaimClient['ask']> {
    const topic = '$aws/provisioning-templates/meters/provision/json'
    return this.ask(topic, { certificateOwnershipToken, parameters: { SerialNumber } })
  }
}

async function prepare(iot: IoTClient, { scope }: RunningServer): Promise<void> {
  const arn = `arn:aws:iot:${scope.region}:${scope.account}`
  const asking = ['$aws/certificates/*', '$aws/provisioning-templates/*']
  const claim = [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: asking.map((one) => `${arn}:topic/${one}`) },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: asking.map((one) => `${arn}:topicfilter/${one}`) },
  ]
  const device = [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }]
  for (const [policyName, Statement] of [
    ['claim', claim],
    ['device', device],
  ] as const) {
    const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
    await iot.send(new CreatePolicyCommand({ policyName, policyDocument }))
  }
  const resource = (type: string, Properties: object): object => ({ Type: `AWS::IoT::${type}`, Properties })
  const Resources = {
    thing: resource('Thing', { ThingName: { Ref: 'SerialNumber' } }),
    certificate: resource('Certificate', { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' }),
    policy: resource('Policy', { PolicyName: 'device' }),
  }
  await iot.send(
    new CreateProvisioningTemplateCommand({
      templateName: 'meters',
      provisioningRoleArn: `arn:aws:iam::${scope.account}:role/provisioning`,
      enabled: true,
      templateBody: JSON.stringify({ Parameters: { SerialNumber: { Type: 'String' } }, Resources }),
    }),
  )
}

async function newIdentity(
  iot: IoTClient,
  policyName: string,
  thingName: string | undefined,
): Promise<KeyAndCertificate> {
  const { csrPem, keyPem } = await newRequest()
  const made = await iot.send(
    new CreateCertificateFromCsrCommand({ certificateSigningRequest: csrPem, setAsActive: true }),
  )
  const { certificateArn = '', certificateId = '', certificatePem = '' } = made
  await iot.send(new AttachPolicyCommand({ policyName, target: certificateArn }))
  if (thingName !== undefined) {
    await iot.send(new CreateThingCommand({ thingName }))
    await iot.send(new AttachThingPrincipalCommand({ thingName, principal: certificateArn }))
  }
  return { keyPem, certificatePem, certificateId }
}

function connect(
  context: TestContext,
  { mqtt: address, rootPath }: RunningServer,
  { keyPem, certificatePem }: KeyAndCertificate,
  { clientId, localAddress }: { readonly clientId: string; readonly localAddress: string | undefined },
): Promise<MqttClient> {
  const options: IClientOptions = { clientId, protocolVersion: 5, reconnectPeriod: 0, keepalive: 300 }
  const client = new mqtt.MqttClient(
    () =>
      connectTls({
        host: '127.0.0.1',
        port: Number(address.split(':').at(-1)),
        servername: 'localhost',
        ca: readFileSync(rootPath),
        key: keyPem,
        cert: certificatePem,
        ...(localAddress !== undefined && { localAddress }),
      }),
    options,
  )
  client.on('error', () => undefined)
  context.after(() => client.end(true))
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client))
    client.once('close', () => reject(new Error(`${clientId} was not let in`)))
  })
}
