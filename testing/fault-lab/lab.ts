import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import {
  AttachPolicyCommand,
  GetRegistrationCodeCommand,
  type IoTClient,
  RegisterCACertificateCommand,
  type RegisterCACertificateCommandInput,
  RegisterCertificateWithoutCACommand,
} from '@aws-sdk/client-iot'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { type AttemptView, iotClient, readAttempts } from 'birthmark/parts'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { type Done, runProgram } from '../testkit/run-program.ts'
import { type RunningCloud, startRunningCloud } from '../testkit/running-cloud.ts'
import { type FileIdentity, FilePki } from './pki.ts'

/** A fault that an unmodified client makes against `birthmark server`, and the first cause that must be named. */
export interface LabFault {
  /** What is wrong, in words. */
  readonly fault: string
  /** The program or library that makes it. */
  readonly client: LabClient
  readonly code: NonNullable<AttemptView['cause']>['code']
  /** The proof that the reason must contain. */
  readonly says: RegExp
  make(lab: Lab, context: TestContext): Promise<unknown>
}

/** The clients of the lab; none is ours. */
export type LabClient =
  | 'openssl s_client'
  | 'gnutls-cli'
  | 'curl'
  | 'mosquitto_pub'
  | 'mosquitto_sub'
  | 'mosquitto_rr'
  | 'mqtt (npm)'
  | 'AWS SDK'
  | 'AWS CLI'

/** One cloud with CAs in every state, for all faults. */
export interface Lab {
  readonly cloud: RunningCloud
  readonly pki: FilePki
  /** `arn:aws:iot:REGION:ACCOUNT` */
  readonly arn: string
  /** Another account of the same server, and another region of the same account. */
  readonly otherAccount: IoTClient
  readonly otherAccountNumber: string
  readonly otherRegion: IoTClient
  /** Registers a CA: ACTIVE, with auto-registration, unless told otherwise. Gives its id. */
  registerCa(
    ca: FileIdentity,
    change?: Partial<RegisterCACertificateCommandInput> & { readonly at?: IoTClient },
  ): Promise<string>
  /** Registers a certificate without its CA and attaches a policy. Gives its id and ARN. */
  register(
    identity: FileIdentity,
    choice?: { readonly policyName?: string; readonly at?: IoTClient },
  ): Promise<{ readonly id: string; readonly arn: string }>
  /** Runs the `birthmark` command against the cloud. */
  birthmark(...words: readonly string[]): Promise<unknown>
  /** What came before is setup; faults begin now. */
  mark(): Promise<void>
  /** Gives the first attempt since the mark that has a cause, once there is one. */
  firstCause(): Promise<AttemptView>
  close(): Promise<void>
}

/** Starts the lab. */
export async function openLab(): Promise<Lab> {
  const cloud = await startRunningCloud(undefined, {
    limit: [`connects-per-client-per-second=${CONNECTS_PER_SECOND}`],
    'existing-things': 'refuse',
    'ownership-token-seconds': OWNERSHIP_TOKEN_SECONDS,
    'abuse-rule': [`connection-requests=${REQUESTS_PER_CONNECTION}/60`],
  })
  const env = {
    AWS_ENDPOINT_URL: cloud.controlHttp,
    AWS_ACCESS_KEY_ID: cloud.access.accessKeyId,
    AWS_SECRET_ACCESS_KEY: cloud.access.secretAccessKey,
    AWS_REGION: cloud.region,
  }
  const birthmark = async (...words: readonly string[]) => {
    const { status, stdout, stderr } = await runBirthmark([...words, '--json'], { env })
    if (status !== 0) throw new Error(stderr)
    return stdout === '' ? undefined : JSON.parse(stdout)
  }
  const opened = await birthmark('accounts', 'create')
  await birthmark('accounts', 'open-region', cloud.account, OTHER_REGION)
  const { accessKeyId, secretAccessKey } = opened.accessKey
  let before = new Set<string>()
  const pki = new FilePki(cloud.folder)
  const iotElsewhere = {
    otherAccount: iotClient({ ...cloud.access, accessKeyId, secretAccessKey }),
    otherRegion: iotClient({ ...cloud.access, region: OTHER_REGION }),
  }
  const attempts = (): Promise<readonly AttemptView[]> => readAttempts(cloud.access, { limit: '1000' })
  return {
    cloud,
    pki,
    arn: `arn:aws:iot:${cloud.region}:${cloud.account}`,
    ...iotElsewhere,
    birthmark,
    otherAccountNumber: String(opened.account),
    registerCa: (ca, { at = cloud.iot, ...change } = {}) => registerCa(at, pki, ca, change),
    register: (identity, { at = cloud.iot, ...choice } = {}) => register(at, identity, choice),
    mark: async () => {
      before = new Set((await attempts()).map(({ id }) => id))
    },
    firstCause: async () => {
      for (;;) {
        const found = (await attempts()).filter(({ id, cause }) => !before.has(id) && cause !== undefined).at(-1)
        if (found !== undefined) return found
        await pause(LOOK_AGAIN)
      }
    },
    close: async () => {
      iotElsewhere.otherAccount.destroy()
      iotElsewhere.otherRegion.destroy()
      await cloud.close()
    },
  }
}

async function registerCa(
  iot: IoTClient,
  pki: FilePki,
  ca: FileIdentity,
  change: Partial<RegisterCACertificateCommandInput>,
): Promise<string> {
  const { registrationCode = '' } = await iot.send(new GetRegistrationCodeCommand({}))
  const proof = pki.issue(ca, { commonName: registrationCode })
  const { certificateId = '' } = await iot.send(
    new RegisterCACertificateCommand({
      caCertificate: readFileSync(ca.certificate, 'utf8'),
      verificationCertificate: readFileSync(proof.certificate, 'utf8'),
      setAsActive: true,
      allowAutoRegistration: true,
      ...change,
    }),
  )
  return certificateId
}

async function register(
  iot: IoTClient,
  { certificate }: FileIdentity,
  { policyName }: { readonly policyName?: string },
): Promise<{ readonly id: string; readonly arn: string }> {
  const certificatePem = readFileSync(certificate, 'utf8')
  const made = await iot.send(new RegisterCertificateWithoutCACommand({ certificatePem, status: 'ACTIVE' }))
  const { certificateArn = '', certificateId = '' } = made
  if (policyName !== undefined) await iot.send(new AttachPolicyCommand({ policyName, target: certificateArn }))
  return { id: certificateId, arn: certificateArn }
}

/** `openssl s_client` to the MQTT port; `input` is what it sends once TLS is up, and it then waits for the end. */
export function sClient(
  { cloud }: Lab,
  words: readonly string[],
  input: Uint8Array | string = '',
  port: number = cloud.mqtt.port,
): Promise<Done> {
  const trust = words.includes('-CAfile') ? [] : ['-CAfile', cloud.rootPath]
  return runProgram('openssl', ['s_client', '-connect', `localhost:${port}`, ...trust, '-quiet', ...words], input)
}

/** The words by which OpenSSL's client shows an identity. */
export function sIdentity({ certificate, key }: FileIdentity): readonly string[] {
  return ['-cert', certificate, '-key', key]
}

/** `gnutls-cli` to the MQTT port. */
export function gnutls({ cloud }: Lab, words: readonly string[], port: number = cloud.mqtt.port): Promise<Done> {
  return runProgram('gnutls-cli', ['-p', String(port), '--x509cafile', cloud.rootPath, ...words, 'localhost'])
}

/** The words by which Mosquitto's clients connect. */
export function mosquittoAs({ cloud }: Lab, clientId: string, identity?: FileIdentity): string[] {
  const who = identity === undefined ? [] : ['--cert', identity.certificate, '--key', identity.key]
  const name = clientId === '' ? [] : ['-i', clientId]
  return ['-h', 'localhost', '-p', String(cloud.mqtt.port), '--cafile', cloud.rootPath, ...who, ...name]
}

/** `mosquitto_pub` of one short message. */
export function publish(
  lab: Lab,
  clientId: string,
  identity: FileIdentity | undefined,
  ...words: readonly string[]
): Promise<Done> {
  const topic = words.includes('-t') ? [] : ['-t', 'lab/plain']
  return runProgram('mosquitto_pub', [...mosquittoAs(lab, clientId, identity), ...topic, '-m', 'x', ...words])
}

/** `mosquitto_sub` that gives up after two seconds and does not connect twice by itself. */
export function subscribe(
  lab: Lab,
  clientId: string,
  identity: FileIdentity,
  ...words: readonly string[]
): Promise<Done> {
  return runProgram('mosquitto_sub', [...mosquittoAs(lab, clientId, identity), '-E', '-W', '2', ...words])
}

/** An MQTT 3.1.1 CONNECT, clean session, keep-alive 60 s (MQTT 3.1.1 §3.1). */
export function connectPacket(clientId: string): Buffer {
  const id = Buffer.from(clientId)
  const head = Buffer.from('00044d5154540402003c', 'hex')
  return Buffer.concat([Buffer.from([0x10, head.length + 2 + id.length]), head, Buffer.from([0, id.length]), id])
}

/** Connects in a second by one client id; only the row that is about it makes more. */
const CONNECTS_PER_SECOND = 3
/** How long an ownership token is good in the lab: an honest device takes a tenth of it. */
export const OWNERSHIP_TOKEN_SECONDS = 6
/** Requests that one connection with a claim may make in a minute. */
export const REQUESTS_PER_CONNECTION = 3
const OTHER_REGION = 'eu-central-1'
const LOOK_AGAIN = millis(20)
