import { generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { millis } from '@birthmark/foundation/kernel'
import { pause, systemTimers } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, toPem } from '@birthmark/foundation/x509'
import { type IClientOptions, MqttClient, default as mqtt } from 'mqtt'
import { demoFault } from '../faults.ts'
import { telemetryTopic } from '../fleet.ts'
import type { OnlineDevice, WayContext } from './way.ts'

/** A key with a certificate, both PEM, as clients take them from files. */
export interface FileIdentity {
  readonly key: string
  readonly certificate: string
}

/** A key made here, and a request for a certificate for it. */
export interface NewKey {
  /** PKCS#8, PEM. */
  readonly key: string
  /** SPKI, DER. */
  readonly publicKey: Uint8Array
  /** PKCS#10, DER. */
  readonly csr: Uint8Array
  readonly csrPem: string
}

/** Makes an EC key on P-256. */
export async function newKey(commonName: string): Promise<NewKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return { key, publicKey: der, ...(await requestFor(commonName, der, key)) }
}

/** Makes another request for the key that a device has. */
export async function requestFor(
  commonName: string,
  publicKey: Uint8Array,
  key: string,
): Promise<Pick<NewKey, 'csr' | 'csrPem'>> {
  const csr = await createCsr({
    subject: [
      { type: 'CN', value: commonName },
      { type: 'serialNumber', value: `SN-${commonName}` },
    ],
    signer: {
      algorithm: 'ecdsa-p256-sha256',
      publicKey,
      sign: (message) => Promise.resolve(sign('sha256', message, key)),
    },
  })
  return { csr, csrPem: toPem('CERTIFICATE REQUEST', csr) }
}

/** Has the chip vendor sign the key of a device. */
export async function vendorDevice({ vendor }: WayContext, commonName: string): Promise<FileIdentity> {
  const { key, csr } = await newKey(commonName)
  const { certificate } = await vendor.issue({ kind: 'device', csr })
  return { key, certificate: parseCertificate(certificate).toPem() }
}

/** Gives the id by which AWS IoT knows a certificate. */
export function idOf({ certificate }: FileIdentity): string {
  return parseCertificate(certificate).fingerprint
}

/** What a connection may say otherwise. */
export interface Connecting {
  /** Name of another account's endpoint, which is sent as SNI. */
  readonly servername?: string
  /** Connections that are tried; a first one may be dropped once the device is provisioned. */
  readonly triesMax?: number
}

/**
 * Connects with the MQTT client that the npm registry has under `mqtt`, over Node's TLS: nothing of ours.
 *
 * @throws `DEMO_WAY_WRONG` after {@link Connecting.triesMax} tries
 */
export async function connectFile(
  { cloud }: Pick<WayContext, 'cloud'>,
  identity: FileIdentity,
  clientId: string,
  { servername, triesMax = TRIES_MAX }: Connecting = {},
): Promise<{ readonly client: MqttClient; readonly connections: number }> {
  const options: IClientOptions = {
    protocol: 'mqtts',
    host: cloud.mqtt.host,
    port: cloud.mqtt.port,
    ca: readFileSync(cloud.rootPath),
    cert: identity.certificate,
    key: identity.key,
    clientId,
    reconnectPeriod: 0,
    ...(servername === undefined ? {} : { servername }),
  }
  let why = ''
  for (let connections = 1; connections <= triesMax; connections += 1) {
    const client = await connectOnce(options)
    if (client instanceof MqttClient) return { client, connections }
    why = client
    await pause(RETRY_DELAY, systemTimers)
  }
  throw demoFault('DEMO_WAY_WRONG', { what: `${clientId} is not let in: ${why}` })
}

/** Gives a client that is connected, or why it is not. */
function connectOnce(options: IClientOptions): Promise<MqttClient | string> {
  return new Promise((resolve) => {
    const client = mqtt.connect(options)
    let why = 'the connection was dropped'
    client.on('error', (error) => {
      why = error.message
    })
    client.once('connect', () => resolve(client))
    client.once('close', () => {
      client.end(true)
      resolve(why)
    })
  })
}

/** Connects as a thing and publishes to its own topic until that is acknowledged. @throws `DEMO_WAY_WRONG` */
export async function comeOnlineAs(
  context: Pick<WayContext, 'cloud'>,
  identity: FileIdentity,
  thingName: string,
  connecting: Connecting & { readonly account?: string } = {},
): Promise<OnlineDevice> {
  const { client, connections } = await connectFile(context, identity, thingName, connecting)
  try {
    await client.publishAsync(telemetryTopic(thingName), '{"temperature":21.4}', { qos: 1 })
  } finally {
    await client.endAsync()
  }
  return { thingName, certificateId: idOf(identity), account: connecting.account ?? context.cloud.account, connections }
}

/** An answer of fleet provisioning: whether it was accepted, and what it says. */
export interface FleetAnswer {
  readonly accepted: boolean
  readonly members: Readonly<Record<string, unknown>>
}

/** Asks on one of fleet provisioning's topics, in JSON, and waits for the answer to this connection. */
export async function ask(client: MqttClient, topic: string, request: object): Promise<FleetAnswer> {
  await client.subscribeAsync([`${topic}/accepted`, `${topic}/rejected`], { qos: 1 })
  const answer = new Promise<FleetAnswer>((resolve) => {
    const take = (at: string, payload: Buffer): void => {
      if (!at.startsWith(`${topic}/`)) return
      client.off('message', take)
      const members: unknown = JSON.parse(payload.toString())
      resolve({ accepted: at.endsWith('/accepted'), members: { ...Object(members) } })
    }
    client.on('message', take)
  })
  await client.publishAsync(topic, JSON.stringify(request), { qos: 1 })
  return answer
}

/** Gives a text of an answer. @throws `DEMO_WAY_WRONG` */
export function textOf({ members, accepted }: FleetAnswer, member: string): string {
  const value = members[member]
  if (accepted && typeof value === 'string') return value
  throw demoFault('DEMO_WAY_WRONG', { what: `the cloud answers ${JSON.stringify(members)}` })
}

const RETRY_DELAY = millis(200)
/** A first connection is dropped once; a function may take a second to decide. */
const TRIES_MAX = 50
