import { join } from 'node:path'
import {
  CreateCertificateFromCsrCommand,
  CreateKeysAndCertificateCommand,
  DescribeThingRegistrationTaskCommand,
  ListThingRegistrationTaskReportsCommand,
  RegisterThingCommand,
  StartThingRegistrationTaskCommand,
} from '@aws-sdk/client-iot'
import { millis } from '@birthmark/foundation/kernel'
import { makeFolder, pause, replaceFile, systemTimers } from '@birthmark/foundation/system'
import { callCloud } from '../../cloud-client.ts'
import { POLICY_NAME } from '../documents.ts'
import { demoFault } from '../faults.ts'
import { attachThing } from './attach.ts'
import { comeOnlineAs, newKey } from './file-device.ts'
import { makePolicy } from './fleet-parts.ts'
import type { Way, WayContext } from './way.ts'

/** RegisterThing, with a template inline. */
export const registerThing: Way = {
  summary: 'RegisterThing with an inline template and a CSR',
  async run(context) {
    const { client, cloud, say } = context
    await makePolicy(client, cloud)
    say("The operator registers a thing with a template and the device's CSR, in one call.")
    const { key, csrPem } = await newKey('meter-1')
    const parameters = { ThingName: 'meter-1', CSR: csrPem }
    const { certificatePem = '' } = await callCloud(cloud.access, 'RegisterThing', () =>
      client.send(new RegisterThingCommand({ templateBody: TEMPLATE_BODY, parameters })),
    )
    say('The device connects with its own key.')
    return { online: [await comeOnlineAs(context, { key, certificate: certificatePem }, 'meter-1')], refused: [] }
  },
}

/** The two operations behind the console's buttons. */
export const oneClick: Way = {
  summary: 'CreateKeysAndCertificate, and CreateCertificateFromCsr for a key that the device keeps',
  async run(context) {
    const { client, cloud, say } = context
    await makePolicy(client, cloud)
    say('The cloud makes key and certificate; both must be carried to the device.')
    const made = await callCloud(cloud.access, 'CreateKeysAndCertificate', () =>
      client.send(new CreateKeysAndCertificateCommand({ setAsActive: true })),
    )
    await attachThing(client, cloud.access, 'meter-1', made.certificateArn ?? '')
    const carried = { certificate: made.certificatePem ?? '', key: made.keyPair?.PrivateKey ?? '' }
    const first = await comeOnlineAs(context, carried, 'meter-1')
    say('Better: the device makes its key, and only its request travels.')
    const { key, csrPem } = await newKey('meter-2')
    const signed = await callCloud(cloud.access, 'CreateCertificateFromCsr', () =>
      client.send(new CreateCertificateFromCsrCommand({ certificateSigningRequest: csrPem, setAsActive: true })),
    )
    await attachThing(client, cloud.access, 'meter-2', signed.certificateArn ?? '')
    const second = await comeOnlineAs(context, { key, certificate: signed.certificatePem ?? '' }, 'meter-2')
    return { online: [first, second], refused: [] }
  },
}

/** A registration task over a file. */
export const bulk: Way = {
  summary: 'a bulk registration task over a file, with its files of results and errors',
  async run(context) {
    const { client, cloud, say } = context
    await makePolicy(client, cloud)
    say('A file with one line for each device, the third without its CSR, lies where S3 would have it.')
    const devices = await Promise.all(['meter-1', 'meter-2'].map(async (name) => ({ name, ...(await newKey(name)) })))
    const lines: object[] = devices.map(({ name, csrPem }) => ({ ThingName: name, CSR: csrPem }))
    const file = [...lines, { ThingName: 'meter-3' }].map((line) => `${JSON.stringify(line)}\n`).join('')
    replaceFile(join(makeFolder(join(context.folder, 'cloud', 'buckets', 'batch')), 'devices.jsonl'), file)
    const { taskId } = await callCloud(cloud.access, 'StartThingRegistrationTask', () =>
      client.send(
        new StartThingRegistrationTaskCommand({
          templateBody: TEMPLATE_BODY,
          inputFileBucket: 'batch',
          inputFileKey: 'devices.jsonl',
          roleArn: `arn:aws:iam::${cloud.account}:role/provisioning`,
        }),
      ),
    )
    await untilDone(context, taskId ?? '')
    say('The results have the certificates, the errors say which line failed and why.')
    const results = await report(context, taskId ?? '', 'RESULTS')
    const [error] = await report(context, taskId ?? '', 'ERRORS')
    const online = []
    for (const { name, key } of devices) {
      const line = results.find((one) => JSON.stringify(one).includes(`thing/${name}"`))
      const { CertificatePem: certificate }: { CertificatePem?: unknown } = { ...Object(line?.['response']) }
      online.push(await comeOnlineAs(context, { key, certificate: String(certificate) }, name))
    }
    const [line, code, message] = ['lineNumber', 'errorCode', 'errorMessage'].map((member) => String(error?.[member]))
    const why = `line ${line}: ${code}, ${message}`
    return { online, refused: [{ device: 'meter-3', why }] }
  },
}

async function untilDone({ client, cloud }: WayContext, taskId: string): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const { status, message } = await callCloud(cloud.access, 'DescribeThingRegistrationTask', () =>
      client.send(new DescribeThingRegistrationTaskCommand({ taskId })),
    )
    if (status === 'Completed') return
    if (status !== 'InProgress') throw demoFault('DEMO_WAY_WRONG', { what: `the task is ${status}: ${message}` })
    await pause(millis(100), systemTimers)
  }
  throw demoFault('DEMO_WAY_WRONG', { what: 'the task does not end' })
}

async function report(
  { client, cloud }: WayContext,
  taskId: string,
  reportType: 'RESULTS' | 'ERRORS',
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { resourceLinks = [] } = await callCloud(cloud.access, 'ListThingRegistrationTaskReports', () =>
    client.send(new ListThingRegistrationTaskReportsCommand({ taskId, reportType })),
  )
  const texts = await Promise.all(resourceLinks.map(async (link) => (await fetch(link)).text()))
  const lines = texts.join('').split('\n')
  return lines.filter((line) => line !== '').map((line) => ({ ...Object(JSON.parse(line)) }))
}

const TEMPLATE_BODY = JSON.stringify({
  Parameters: { ThingName: { Type: 'String' }, CSR: { Type: 'String' } },
  Resources: {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'ThingName' } } },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateSigningRequest: { Ref: 'CSR' }, Status: 'ACTIVE' },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: POLICY_NAME } },
  },
})
/** Looks at a task of three lines, a tenth of a second each. */
const LOOKS_MAX = 300
