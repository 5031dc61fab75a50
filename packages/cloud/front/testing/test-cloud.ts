/** A cloud for the tests of this room: a front, a registry in a scratch folder, a CA, and clients. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { LocalBus } from '@birthmark/cloud/bus'
import { AWS_PROFILE, type BrokerProfile } from '@birthmark/cloud/mqtt'
import {
  type CaCertificateRecord,
  type CertificateId,
  type CertificateRecord,
  type Change,
  certificateId,
  type Registry,
  type ScopedRegistry,
} from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { RetainedMessages, retainingBus } from '@birthmark/cloud/retained'
import { openSqliteRetained } from '@birthmark/cloud/retained/sqlite'
import { openSqliteSessions } from '@birthmark/cloud/sessions/sqlite'
import { type Clock, type Instant, instant, type Log, type LogFields, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import type { Certificate } from '@birthmark/foundation/x509'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type Attempt, type Endpoints, type Front, type FrontOptions, startFront } from '../index.ts'
import { makeCa, makeDevice, makeEndpoint, makeRoot, type TestIdentity } from './pki.ts'

const SCOPE = { account: '111122223333', region: 'eu-central-1' }
const HOST_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1'])
/** What every resource begins with. */
export const ARN = 'arn:aws:iot:eu-central-1:111122223333:'

/** Lets a device connect as its thing, and use the topics `dt/<thing>/…` and `all/…`. */
export const DEVICE_POLICY: string = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${ARN}client/\${iot:Connection.Thing.ThingName}` },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: [`${ARN}topic/dt/\${iot:Connection.Thing.ThingName}/*`, `${ARN}topic/all/*`],
    },
    {
      Effect: 'Allow',
      Action: 'iot:Subscribe',
      Resource: [`${ARN}topicfilter/dt/\${iot:Connection.Thing.ThingName}/*`, `${ARN}topicfilter/all/*`],
    },
  ],
})

/** Makes a thing named like the device and gives it the policy `device`. */
const TEMPLATE: string = JSON.stringify({
  Parameters: { 'AWS::IoT::Certificate::CommonName': { Type: 'String' } },
  Resources: {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'AWS::IoT::Certificate::CommonName' } } },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'device' } },
  },
})

/** Runs something when a test, or a file of tests, has ended. */
interface Cleanup {
  after(task: () => unknown): void
}

/** The parts of a cloud under test. */
export interface TestCloud {
  readonly front: Front
  readonly registry: Registry
  readonly scoped: ScopedRegistry
  readonly bus: LocalBus
  readonly ca: TestIdentity
  readonly root: TestIdentity
  /** What the front shows at its start. */
  readonly endpoints: Endpoints
  /** Every log event so far. */
  readonly logged: readonly { readonly event: string; readonly fields: LogFields }[]
  /** Waits until a log event passes `test`, now or later. */
  untilLogged(event: string, test?: (fields: LogFields) => boolean): Promise<LogFields>
  /** Waits until an attempt with this cause has ended and gives it. */
  attemptWith(code: string): Promise<Attempt>
  /** Issues a certificate that the registry does not know yet. */
  device(name: string): Promise<TestIdentity>
  /** A device with thing, policy `device` and an ACTIVE certificate. */
  registeredDevice(name: string, members?: Partial<CertificateRecord>): Promise<TestIdentity>
  /** Starts an MQTT client that does not reconnect. */
  client(identity: TestIdentity | undefined, options?: IClientOptions & TlsChoice): MqttClient
}

/** What a test wants otherwise in its TLS connection. */
export interface TlsChoice {
  readonly serverName?: string
  readonly alpn?: readonly string[]
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
  readonly tlsPort?: number
}

const UNLIMITED = Number.POSITIVE_INFINITY

/** Retained messages, with the rates of the profile. */
function openRetained(folder: string, clock: Clock, profile: BrokerProfile) {
  const retainedStore = openSqliteRetained({ folder, clock, log: silentLog })
  const limits = profile.name === 'standard' ? { perTopicPerSecond: UNLIMITED, perSecond: UNLIMITED } : {}
  return { retainedStore, retained: new RetainedMessages({ store: retainedStore, clock, limits }) }
}

/** AWS's behaviour without its rates: tests publish as fast as they can, unless they are about that. */
const UNRATED_PROFILE: BrokerProfile = {
  ...AWS_PROFILE,
  publishesInPerSecond: Number.POSITIVE_INFINITY,
  publishesOutPerSecond: Number.POSITIVE_INFINITY,
}

/** Starts a cloud whose CA registers and provisions devices at their first connection. */
export async function openTestCloud(context: Cleanup, options: Partial<FrontOptions> = {}): Promise<TestCloud> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-'))
  const clock = options.clock ?? systemClock
  const registry = await openSqliteRegistry({ folder, clock, log: silentLog })
  const store = openSqliteSessions({ folder: join(folder, 'sessions'), clock, log: silentLog })
  let started: Front | undefined
  context.after(async () => {
    await started?.close()
    store.close()
    retainedStore.close()
    await registry.close()
    await rm(folder, { recursive: true, force: true })
  })
  const root = await makeRoot()
  const [ca, endpoint] = await Promise.all([makeCa(root), makeEndpoint(root)])
  const log = new TestLog()
  const profile = options.profile ?? UNRATED_PROFILE
  const { retained, retainedStore } = openRetained(join(folder, 'retained'), clock, profile)
  const bus = new LocalBus(profile, systemEntropy)
  retainingBus(bus, retained.in(SCOPE), log)
  const endpoints: Endpoints = { endpoint: { key: endpoint.keyPem, certificate: endpoint.certificate.toPem() } }
  const front = await startFront({
    names: { defaultScope: SCOPE, scopeOf: (name) => (HOST_NAMES.has(name.toLowerCase()) ? SCOPE : undefined) },
    registry,
    busOf: () => bus,
    sessions: { store },
    retained,
    profile,
    listeners: { mqtt: { host: '127.0.0.1', port: 0 } },
    endpoints,
    clock,
    timers: systemTimers,
    entropy: systemEntropy,
    log,
    ...options,
    // Tests connect with one client identifier as often as they like, unless they are about that.
    limits: { connectsPerClientPerSecond: Number.POSITIVE_INFINITY, ...options.limits },
  })
  started = front
  const scoped = registry.in(SCOPE)
  await commit(scoped, [
    { do: 'register-ca', ca: caRecord(ca.certificate) },
    { do: 'create-policy', policy: policyRecord('device', DEVICE_POLICY) },
  ])
  return {
    front,
    registry,
    scoped,
    bus,
    ca,
    root,
    endpoints,
    logged: log.events,
    untilLogged: (event, test) => log.until(event, test),
    attemptWith: (code) => attemptWith(front, log, code),
    device: (name) => makeDevice(ca, name),
    registeredDevice: async (name, members) => {
      const device = await makeDevice(ca, name)
      await commit(scoped, registration(device.certificate, name, members))
      return device
    },
    client: (identity, choice = {}) => startClient(context, front, root, identity, choice),
  }
}

async function attemptWith(front: Front, log: TestLog, code: string): Promise<Attempt> {
  const { attempt } = await log.until('front.connection', (fields) => fields['code'] === code)
  const found = front.attempts.list({ limit: 1000 }).find(({ id }) => id === attempt)
  if (found === undefined) throw new Error(`no attempt with ${code}`)
  return found
}

/** Commits changes of which none may be refused. */
export async function commit(registry: ScopedRegistry, changes: readonly Change[]): Promise<void> {
  const result = await registry.commit(changes)
  if (!result.ok) throw new Error(`change ${result.index} was refused: ${result.reason}`)
}

/** The id of a certificate. */
export function idOf({ fingerprint }: Certificate): CertificateId {
  const id = certificateId(fingerprint)
  if (id === undefined) throw new TypeError('no fingerprint')
  return id
}

/** The registry's record of a certificate: ACTIVE unless told otherwise. */
export function certificateRecord(
  certificate: Certificate,
  members: Partial<CertificateRecord> = {},
): CertificateRecord {
  return {
    id: idOf(certificate),
    pem: certificate.toPem(),
    status: 'ACTIVE',
    mode: 'DEFAULT',
    caId: undefined,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    createdAt: instant(Date.now()),
    modifiedAt: instant(Date.now()),
    customerVersion: 1,
    generationId: randomUUID(),
    ...members,
  }
}

/** The registry's record of a CA: ACTIVE, with {@link TEMPLATE}, unless told otherwise. */
export function caRecord(certificate: Certificate, members: Partial<CaCertificateRecord> = {}): CaCertificateRecord {
  const { caId: _, ...record } = certificateRecord(certificate)
  return {
    ...record,
    status: 'ACTIVE',
    subjectHash: certificate.subjectHash,
    autoRegistration: true,
    registrationConfig: { templateBody: TEMPLATE, roleArn: undefined, templateName: undefined },
    ...members,
  }
}

/** The registry's record of a policy. */
export function policyRecord(name: string, document: string): Extract<Change, { do: 'create-policy' }>['policy'] {
  const createdAt = instant(Date.now())
  return { name, document, defaultVersionId: '1', createdAt, modifiedAt: createdAt, generationId: randomUUID() }
}

function registration(certificate: Certificate, name: string, members: Partial<CertificateRecord> = {}): Change[] {
  const id = idOf(certificate)
  const thing = {
    name,
    id: randomUUID(),
    typeName: undefined,
    attributes: {},
    version: 1,
    createdAt: instant(Date.now()),
  }
  return [
    { do: 'create-thing', thing },
    { do: 'register-certificate', certificate: certificateRecord(certificate, members) },
    { do: 'attach-thing-principal', thingName: name, certificateId: id, exclusive: false },
    { do: 'attach-policy', policyName: 'device', certificateId: id },
  ]
}

function startClient(
  context: Cleanup,
  front: Front,
  root: TestIdentity,
  identity: TestIdentity | undefined,
  { serverName, alpn, maxVersion, tlsPort, ...options }: IClientOptions & TlsChoice,
): MqttClient {
  const client = new mqtt.MqttClient(
    () =>
      connectTls({
        host: '127.0.0.1',
        port: tlsPort ?? front.addresses.mqtt.port,
        servername: serverName ?? 'localhost',
        ...(serverName !== undefined && { checkServerIdentity: () => undefined }),
        ca: root.certificate.toPem(),
        ...(identity && { key: identity.keyPem, cert: identity.certificate.toPem() }),
        ...(alpn && { ALPNProtocols: [...alpn] }),
        ...(maxVersion && { maxVersion }),
      }),
    { reconnectPeriod: 0, keepalive: 60, protocolVersion: 4, ...options },
  )
  // What fails a connection is seen in its attempt.
  client.on('error', () => undefined)
  context.after(() => client.end(true))
  return client
}

class TestLog implements Log {
  readonly events: { event: string; fields: LogFields }[] = []
  readonly #waiting = new Set<() => void>()

  write(_level: string, event: string, fields: LogFields = {}): void {
    this.events.push({ event, fields })
    for (const check of this.#waiting) check()
  }

  until(event: string, test: (fields: LogFields) => boolean = () => true): Promise<LogFields> {
    return new Promise((resolve) => {
      const check = (): void => {
        const found = this.events.find((entry) => entry.event === event && test(entry.fields))
        if (found === undefined) return
        this.#waiting.delete(check)
        resolve(found.fields)
      }
      this.#waiting.add(check)
      check()
    })
  }
}

/** The moment of a change. */
export function now(): Instant {
  return instant(Date.now())
}
