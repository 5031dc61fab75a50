import { createSign, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  type IoTClient,
} from '@aws-sdk/client-iot'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { createCsr, toPem } from '@birthmark/foundation/x509'
import { type AttemptView, type CloudPorts, type DemoCloud, iotClient, readAttempts, startCloud } from 'birthmark/parts'

/** `birthmark server` in a process of its own, for the clients of one test file. */
export interface RunningCloud extends DemoCloud {
  /** The unmodified AWS SDK, pointed at the control plane. */
  readonly iot: IoTClient
  /** For files of the test; removed at the end. */
  readonly folder: string
  readonly httpsPort: number
  /** Makes a device with its key and certificate in files; it is a thing, and `policyName` binds it. */
  newDevice(name: string, policyName?: string): Promise<FileDevice>
  createPolicy(policyName: string, statements: readonly object[]): Promise<void>
  /** Waits for an attempt that fits and has a cause, this one if named, and gives the newest. */
  refusal(filter: Readonly<Record<string, string>>, code?: string): Promise<AttemptView>
  close(): Promise<void>
}

/** A device as clients want it that read files. */
export interface FileDevice {
  readonly name: string
  readonly certificate: string
  readonly key: string
  readonly certificateId: string
  readonly certificateArn: string
}

/**
 * Starts a cloud on a temporary data directory, in which clients connect as often as tests want.
 *
 * @param options Further options of `birthmark server`, by their long names.
 */
export async function startRunningCloud(
  ports?: CloudPorts,
  options: Parameters<typeof startCloud>[3] = {},
): Promise<RunningCloud> {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-clients-'))
  const limits = { limit: ['connects-per-client-per-second=unlimited'], ...options }
  const cloud = await startCloud(join(folder, 'cloud'), ports, undefined, limits)
  const iot = iotClient(cloud.access)
  return {
    ...cloud,
    iot,
    folder,
    httpsPort: Number(String(cloud.process.ready['https']).split(':').at(-1)),
    newDevice: (name, policyName) => newDevice(iot, folder, name, policyName),
    createPolicy: async (policyName, statements) => {
      const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement: statements })
      await iot.send(new CreatePolicyCommand({ policyName, policyDocument }))
    },
    refusal: (filter, code) => refusal(cloud, filter, code),
    close: async () => {
      iot.destroy()
      await cloud.process.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Makes a device with its key and certificate in files of `folder`; it is a thing, and `policyName` binds it. */
export async function newDevice(
  iot: IoTClient,
  folder: string,
  name: string,
  policyName?: string,
): Promise<FileDevice> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const csr = await createCsr({
    subject: [{ type: 'CN', value: name }],
    signer: {
      algorithm: 'ecdsa-p256-sha256',
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      sign: (message) => Promise.resolve(createSign('sha256').update(message).sign(privateKey)),
    },
  })
  const certificateSigningRequest = toPem('CERTIFICATE REQUEST', csr)
  const made = await iot.send(new CreateCertificateFromCsrCommand({ certificateSigningRequest, setAsActive: true }))
  const { certificateArn = '', certificateId = '', certificatePem = '' } = made
  await iot.send(new CreateThingCommand({ thingName: name }))
  await iot.send(new AttachThingPrincipalCommand({ thingName: name, principal: certificateArn }))
  if (policyName !== undefined) await iot.send(new AttachPolicyCommand({ policyName, target: certificateArn }))
  const certificate = join(folder, `${name}.pem`)
  const key = join(folder, `${name}.key`)
  writeFileSync(certificate, certificatePem)
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return { name, certificate, key, certificateId, certificateArn }
}

/** The record of a connection is complete a moment after its client knows that it ended. */
async function refusal(
  cloud: DemoCloud,
  filter: Readonly<Record<string, string>>,
  code?: string,
): Promise<AttemptView> {
  for (;;) {
    const attempts = await readAttempts(cloud.access, filter)
    const found = attempts.find(({ cause }) => cause !== undefined && (code === undefined || cause.code === code))
    if (found !== undefined) return found
    await pause(LOOK_AGAIN)
  }
}

const LOOK_AGAIN = millis(20)
