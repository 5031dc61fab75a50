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
 * dropped, and a second one. Either way's two connections are made in waves of their own, so that provisioning alone
 * is compared with the first connection alone, and the whole way with the whole way. What counts is the time of the
 * processors that the server (and the authority, in its own process) takes; the devices are in this process, whose
 * time does not count.
 *
 *     node bench/fleet-claim.ts [devices]
 */

/** How much is measured. */
export interface ClaimBenchSize {
  /** Devices of each way. */
  readonly devices: number
  /** Devices of each way that go before them, not measured: a server is judged once its code is compiled. */
  readonly warmUp: number
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

/** One way: up to where the device is provisioned, and with the connection that it then makes. */
export interface WayResult {
  readonly provisioned: WayRate
  readonly online: WayRate
}

/** Both ways. */
export interface ClaimBenchResult {
  readonly claim: WayResult
  readonly justInTime: WayResult
}

/** Measures both ways, each device new. */
export async function measureClaims(size: ClaimBenchSize): Promise<ClaimBenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-bench-'))
  const cloud = await startCloud(join(folder, 'cloud'))
  try {
    const count = size.warmUp + size.devices
    const fleet = await makeFleet(count)
    const claim = await prepare(cloud, fleet)
    const claimed = await Promise.all(Array.from({ length: count }, newClaimed))
    const byClaim = [
      (n: number) => claimIdentity(cloud, claim, claimed[n]),
      (n: number) => comeOnline(cloud, claimed[n]),
    ] as const
    const justInTime = [
      (n: number) => connectFirst(cloud, fleet.devices[n]),
      (n: number) => comeOnline(cloud, fleet.devices[n]),
    ] as const
    return { claim: await measureWay(cloud, size, byClaim), justInTime: await measureWay(cloud, size, justInTime) }
  } finally {
    await cloud.process.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

type Device = Fleet['devices'][number]
type Identity = Pick<Device, 'keyPem' | 'certificatePem'>

/** A device that has nothing but a key and a claim, until it is given its certificate. */
interface Claimed {
  readonly name: string
  readonly keyPem: string
  readonly csrPem: string
  certificatePem: string
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

async function newClaimed(_: unknown, n: number): Promise<Claimed> {
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
  return { name: `claimed-${n}`, keyPem, csrPem: toPem('CERTIFICATE REQUEST', csr), certificatePem: '' }
}

/** Exchanges the claim for a certificate, and is provisioned with it. */
async function claimIdentity(cloud: DemoCloud, claim: Identity, device: Claimed | undefined): Promise<void> {
  if (device === undefined) return
  const client = await connect(cloud, claim, `claim-${device.name}`)
  if (client === undefined) throw new Error('the claim is not let in')
  const create = '$aws/certificates/create-from-csr/json'
  const provision = '$aws/provisioning-templates/meters/provision/json'
  await client.subscribeAsync([create, provision].flatMap((topic) => [`${topic}/accepted`, `${topic}/rejected`]))
  const made = await ask(client, create, { certificateSigningRequest: device.csrPem })
  const { certificateOwnershipToken, certificatePem } = made
  await ask(client, provision, { certificateOwnershipToken, parameters: { SerialNumber: device.name } })
  await client.endAsync()
  device.certificatePem = String(certificatePem)
}

/** Connects for the first time, which is dropped once the device is provisioned. */
async function connectFirst(cloud: DemoCloud, device: Device | undefined): Promise<void> {
  if (device === undefined) return
  if ((await connect(cloud, device, device.name)) !== undefined) throw new Error('the first connection was let in')
}

/** Connects with a certificate of its own, once the device is provisioned. */
async function comeOnline(cloud: DemoCloud, device: Device | Claimed | undefined): Promise<void> {
  if (device === undefined) return
  const online = await connect(cloud, device, device.name)
  if (online === undefined) throw new Error('a provisioned device is not let in')
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

async function measureWay(
  cloud: DemoCloud,
  { warmUp, devices, together }: ClaimBenchSize,
  [provision, online]: readonly [(n: number) => Promise<void>, (n: number) => Promise<void>],
): Promise<WayResult> {
  await runEach(0, warmUp, together, provision)
  await runEach(0, warmUp, together, online)
  const began = cpuSeconds(cloud.process.pid)
  await runEach(warmUp, warmUp + devices, together, provision)
  const between = cpuSeconds(cloud.process.pid)
  await runEach(warmUp, warmUp + devices, together, online)
  const ended = cpuSeconds(cloud.process.pid)
  return { provisioned: rateOf(devices, began, between), online: rateOf(devices, began, ended) }
}

function rateOf(devices: number, before: CpuSeconds, after: CpuSeconds): WayRate {
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

interface CpuSeconds {
  readonly own: number
  readonly children: number
}

/** Reads what a process and its children have used, all their threads together (proc(5), /proc/PID/stat). */
function cpuSeconds(pid: number): CpuSeconds {
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
  const devices = Number(process.argv[2] ?? 600)
  const { claim, justInTime } = await measureClaims({ devices, warmUp: Math.ceil(devices / 2), together: 32 })
  const line = (name: string, { server, whole }: WayRate): string =>
    `${name.padEnd(30)} ${server.toFixed(0)} devices per CPU second of the server, ${whole.toFixed(0)} with authority`
  const ratio = (one: WayRate, other: WayRate): string => `  ratio ${(one.server / other.server).toFixed(2)}`
  console.log(line('claim: provisioned', claim.provisioned))
  console.log(line('just in time: first connection', justInTime.provisioned))
  console.log(ratio(claim.provisioned, justInTime.provisioned))
  console.log(line('claim: and online', claim.online))
  console.log(line('just in time: and online', justInTime.online))
  console.log(ratio(claim.online, justInTime.online))
}
