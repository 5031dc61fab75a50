import { createSign, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AttachPolicyCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreateProvisioningTemplateCommand,
  RegisterCACertificateCommand,
} from '@aws-sdk/client-iot'
import { createCsr, toPem } from '@birthmark/foundation/x509'
import { type DemoCloud, iotClient, startCloud } from 'birthmark/parts'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type Fleet, makeFleet } from './connects-fleet.ts'

/*
 * Fleet provisioning by claim over MQTT and mutual TLS, as devices do it: a connection with the claim, a CSR,
 * a certificate signed by the authority beside the server, provisioning by a template, and a connection with the new
 * certificate. Against just-in-time provisioning in the same run on the same server: a first connection, which is
 * dropped, and a second one. What counts is the time of the processors that the server (and the authority, in its own
 * process) takes; the devices are in this process, whose time does not count.
 *
 *     node bench/fleet-claim.ts [devices]
 */

/** How much is measured. */
export interface ClaimBenchSize {
  /** Devices of each way, after a tenth as many that warm up. */
  readonly devices: number
  /** Devices at a time. */
  readonly together: number
}

/** Devices a second of one core's time. */
export interface WayRate {
  /** By the server's process alone, which faces the devices and writes the registry. */
  readonly server: number
  /** With the authority's process, which signs. */
  readonly whole: number
}

/** Both ways. */
export interface ClaimBenchResult {
  readonly claim: WayRate
  readonly justInTime: WayRate
}

/** Measures both ways, each device new. */
export async function measureClaims({ devices, together }: ClaimBenchSize): Promise<ClaimBenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-bench-'))
  const cloud = await startCloud(join(folder, 'cloud'))
  try {
    const warmUp = Math.max(together, Math.ceil(devices / 10))
    const fleet = await makeFleet(warmUp + devices)
    const claim = await prepare(cloud, fleet)
    const requests = await Promise.all(Array.from({ length: warmUp + devices }, newRequest))
    const byClaim = (n: number): Promise<void> => claimDevice(cloud, claim, requests[n], n)
    const justInTime = (n: number): Promise<void> => bootDevice(cloud, fleet.devices[n])
    return {
      claim: await rateOf(cloud, { warmUp, devices, together }, byClaim),
      justInTime: await rateOf(cloud, { warmUp, devices, together }, justInTime),
    }
  } finally {
    await cloud.process.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

type Identity = Pick<Fleet['devices'][number], 'keyPem' | 'certificatePem'>

interface Request {
  readonly keyPem: string
  readonly csrPem: string
}

async function prepare(cloud: DemoCloud, { ca }: Fleet): Promise<Identity> {
  const iot = iotClient(cloud.access)
  const roleArn = `arn:aws:iam::${cloud.account}:role/provisioning`
  const policyDocument = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'
  await iot.send(new CreatePolicyCommand({ policyName: 'device', policyDocument }))
  await iot.send(
    new RegisterCACertificateCommand({
      caCertificate: ca.toPem(),
      certificateMode: 'SNI_ONLY',
      setAsActive: true,
      allowAutoRegistration: true,
      registrationConfig: { templateBody: templateOf('AWS::IoT::Certificate::CommonName'), roleArn },
    }),
  )
  const templateBody = templateOf('SerialNumber')
  await iot.send(
    new CreateProvisioningTemplateCommand({
      templateName: 'meters',
      templateBody,
      provisioningRoleArn: roleArn,
      enabled: true,
    }),
  )
  const made = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }))
  await iot.send(new AttachPolicyCommand({ policyName: 'device', target: made.certificateArn }))
  iot.destroy()
  return { keyPem: made.keyPair?.PrivateKey ?? '', certificatePem: made.certificatePem ?? '' }
}

function templateOf(parameter: string): string {
  return JSON.stringify({
    Parameters: { [parameter]: { Type: 'String' } },
    Resources: {
      thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: parameter } } },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } },
      },
      policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'device' } },
    },
  })
}

async function newRequest(): Promise<Request> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const csr = await createCsr({
    subject: [{ type: 'CN', value: 'meter' }],
    signer: {
      algorithm: 'ecdsa-p256-sha256',
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      sign: (message) => Promise.resolve(createSign('sha256').update(message).sign(privateKey)),
    },
  })
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { keyPem, csrPem: toPem('CERTIFICATE REQUEST', csr) }
}

/** Exchanges the claim for a certificate and connects with it. */
async function claimDevice(cloud: DemoCloud, claim: Identity, request: Request | undefined, n: number): Promise<void> {
  if (request === undefined) return
  const client = await connect(cloud, claim, `claim-${n}`)
  if (client === undefined) throw new Error('the claim is not let in')
  const create = '$aws/certificates/create-from-csr/json'
  const provision = '$aws/provisioning-templates/meters/provision/json'
  await client.subscribeAsync([create, provision].flatMap((topic) => [`${topic}/accepted`, `${topic}/rejected`]))
  const made = await ask(client, create, { certificateSigningRequest: request.csrPem })
  const { certificateOwnershipToken, certificatePem } = made
  await ask(client, provision, { certificateOwnershipToken, parameters: { SerialNumber: `claimed-${n}` } })
  await client.endAsync()
  const identity = { keyPem: request.keyPem, certificatePem: String(certificatePem) }
  const online = await connect(cloud, identity, `claimed-${n}`)
  if (online === undefined) throw new Error('the new certificate is not let in')
  await online.endAsync()
}

/** Connects twice: the first connection is dropped once the device is provisioned. */
async function bootDevice(cloud: DemoCloud, device: Fleet['devices'][number] | undefined): Promise<void> {
  if (device === undefined) return
  if ((await connect(cloud, device, device.name)) !== undefined) throw new Error('the first connection was let in')
  const online = await connect(cloud, device, device.name)
  if (online === undefined) throw new Error('the second connection was dropped')
  await online.endAsync()
}

/** Gives a connected client, `undefined` when the connection was dropped. */
function connect(cloud: DemoCloud, identity: Identity, clientId: string): Promise<MqttClient | undefined> {
  const { host, port } = cloud.mqtt
  const root = cloud.root.toPem()
  const keys = { ca: root, key: identity.keyPem, cert: identity.certificatePem }
  const options: IClientOptions = { protocol: 'mqtts', host, port, ...keys, clientId, reconnectPeriod: 0 }
  return new Promise((resolve) => {
    const client = mqtt.connect(options)
    client.on('error', () => undefined)
    client.once('connect', () => resolve(client))
    client.once('close', () => {
      client.end(true)
      resolve(undefined)
    })
  })
}

async function ask(client: MqttClient, topic: string, request: object): Promise<Readonly<Record<string, unknown>>> {
  const { promise, resolve, reject } = Promise.withResolvers<Readonly<Record<string, unknown>>>()
  client.once('message', (at, payload) => {
    if (at === `${topic}/accepted`) resolve({ ...Object(JSON.parse(payload.toString())) })
    else reject(new Error(payload.toString()))
  })
  await client.publishAsync(topic, JSON.stringify(request))
  return promise
}

async function rateOf(
  cloud: DemoCloud,
  { warmUp, devices, together }: ClaimBenchSize & { readonly warmUp: number },
  once: (n: number) => Promise<void>,
): Promise<WayRate> {
  await runEach(0, warmUp, together, once)
  const before = cpuSeconds(cloud.process.pid)
  await runEach(warmUp, warmUp + devices, together, once)
  const after = cpuSeconds(cloud.process.pid)
  const server = after.own - before.own
  return { server: devices / server, whole: devices / (server + after.children - before.children) }
}

async function runEach(from: number, to: number, together: number, once: (n: number) => Promise<void>): Promise<void> {
  let next = from
  const worker = async (): Promise<void> => {
    while (next < to) await once(next++)
  }
  await Promise.all(Array.from({ length: together }, worker))
}

/** Reads what a process and its children have used, all their threads together (proc(5), /proc/PID/stat). */
function cpuSeconds(pid: number): { readonly own: number; readonly children: number } {
  const used = (process_: number): number => {
    const fields = readFileSync(`/proc/${process_}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  }
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return { own: used(pid), children: children.reduce((sum, child) => sum + used(Number(child)), 0) }
}

/** Linux's unit of processor time in /proc, on every machine. */
const TICKS_PER_SECOND = 100

if (import.meta.main) {
  const { claim, justInTime } = await measureClaims({ devices: Number(process.argv[2] ?? 600), together: 32 })
  const line = (name: string, { server, whole }: WayRate): string =>
    `${name.padEnd(13)} ${server.toFixed(0)} devices per CPU second of the server, ${whole.toFixed(0)} with authority`
  console.log(line('by claim', claim))
  console.log(line('just in time', justInTime))
  console.log(`ratio         ${(claim.server / justInTime.server).toFixed(2)}`)
}
