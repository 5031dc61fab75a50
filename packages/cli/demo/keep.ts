import { createSign, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  CreateThingCommand,
  type IoTClient,
} from '@aws-sdk/client-iot'
import type { Endpoint } from '@birthmark/device/agent'
import { makeFolder, replaceFile } from '@birthmark/foundation/system'
import { createCsr, toPem } from '@birthmark/foundation/x509'
import { type CloudAccess, callCloud } from '../cloud-client.ts'
import type { Output } from '../output.ts'
import { POLICY_NAME } from './documents.ts'
import { telemetryTopic } from './fleet.ts'

/** Files with which other clients reach a cloud that is left running. */
export interface TryFiles {
  readonly environment: string
  /** The cloud's root, which the clients trust. */
  readonly root: string
  readonly certificate: string
  readonly key: string
}

/**
 * Makes a device for clients that want a key in a file: key made here, certificate from its CSR, thing and policy
 * attached, all through AWS's own client; and a file of environment variables for the AWS CLI.
 *
 * @throws `CLOUD_REFUSED`, `CLOUD_UNREACHABLE`, faults of the file system
 */
export async function writeTryFiles(
  client: IoTClient,
  access: CloudAccess,
  cloud: { readonly mqtt: Endpoint; readonly rootPath: string },
  folder: string,
): Promise<TryFiles> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const csr = await createCsr({
    subject: [{ type: 'CN', value: TRY_THING }],
    signer: {
      algorithm: 'ecdsa-p256-sha256',
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      sign: (message) => Promise.resolve(createSign('sha256').update(message).sign(privateKey)),
    },
  })
  const certificatePem = await registerTryDevice(client, access, csr)
  makeFolder(folder)
  const files = {
    environment: join(folder, 'environment.sh'),
    root: cloud.rootPath,
    certificate: join(folder, 'device.pem'),
    key: join(folder, 'device.key'),
  }
  replaceFile(files.certificate, certificatePem)
  replaceFile(files.key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  replaceFile(files.environment, environmentText(access, cloud.mqtt))
  return files
}

async function registerTryDevice(client: IoTClient, access: CloudAccess, csr: Uint8Array): Promise<string> {
  const certificateSigningRequest = toPem('CERTIFICATE REQUEST', csr)
  const made = await callCloud(access, 'CreateCertificateFromCsr', () =>
    client.send(new CreateCertificateFromCsrCommand({ certificateSigningRequest, setAsActive: true })),
  )
  const { certificateArn = '', certificatePem = '' } = made
  await callCloud(access, 'CreateThing', () => client.send(new CreateThingCommand({ thingName: TRY_THING })))
  await callCloud(access, 'AttachThingPrincipal', () =>
    client.send(new AttachThingPrincipalCommand({ thingName: TRY_THING, principal: certificateArn })),
  )
  await callCloud(access, 'AttachPolicy', () =>
    client.send(new AttachPolicyCommand({ policyName: POLICY_NAME, target: certificateArn })),
  )
  return certificatePem
}

/** Says how AWS's CLI and Mosquitto's client reach the cloud; the variables are those of the environment file. */
export function sayHowToTry(output: Output, files: TryFiles): void {
  const { environment, root, certificate, key } = files
  output.say()
  output.say('The cloud is running. In another terminal:')
  output.say(`  . ${environment}`)
  output.say('  aws --endpoint-url "$BIRTHMARK_CONTROL" iot list-things')
  output.say('  npx birthmark explain --control "$BIRTHMARK_CONTROL" --outcome refused')
  output.say(`  mosquitto_pub -V 5 -h localhost -p "$BIRTHMARK_MQTT_PORT" --cafile ${root} --cert ${certificate} \\`)
  output.say(`    --key ${key} -i ${TRY_THING} -q 1 -t ${telemetryTopic(TRY_THING)} -m hello`)
  output.say('Stop it with Ctrl-C.')
}

function environmentText(access: CloudAccess, mqtt: Endpoint): string {
  const variables = {
    AWS_ACCESS_KEY_ID: access.accessKeyId,
    AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
    AWS_DEFAULT_REGION: access.region,
    AWS_ENDPOINT_URL_IOT: access.endpoint,
    BIRTHMARK_CONTROL: access.endpoint,
    BIRTHMARK_MQTT_PORT: String(mqtt.port),
  }
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value}'\n`)
    .join('')
}

/** The thing, client and common name of the device whose key is in a file. */
const TRY_THING = 'try-me'
