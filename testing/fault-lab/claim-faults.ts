import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateProvisioningTemplateCommand } from '@aws-sdk/client-iot'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { runProgram } from '../testkit/run-program.ts'
import type { FileDevice } from '../testkit/running-cloud.ts'
import { newRequest } from '../testkit/watched-cloud.ts'
import { type Lab, type LabFault, mosquittoAs, OWNERSHIP_TOKEN_SECONDS, REQUESTS_PER_CONNECTION } from './lab.ts'

/** Faults of devices that come online by claim. */
export const CLAIM_FAULTS: readonly LabFault[] = [
  {
    fault: 'its serial number is not in the allow-list of the template',
    client: 'mosquitto_rr',
    code: 'CLAIM_OUTSIDE_ALLOW_LIST',
    says: /by claim [0-9a-f]{64} .*parameter SerialNumber has the value "invented", which is not in allow-list batch/,
    make: async (lab) => provision(lab, await listed(lab), { SerialNumber: 'invented' }),
  },
  {
    fault: 'its serial number was used for another certificate',
    client: 'mosquitto_rr',
    code: 'CLAIM_EXHAUSTED',
    says: /value "listed" of allow-list batch-\d+ was used for certificate [0-9a-f]{64} already/,
    make: async (lab) => {
      const way = await listed(lab)
      await provision(lab, way, { SerialNumber: 'listed' }, { answer: 'accepted' })
      await provision(lab, way, { SerialNumber: 'listed' })
    },
  },
  {
    fault: 'its ownership token has expired',
    client: 'mosquitto_rr',
    code: 'OWNERSHIP_TOKEN_EXPIRED',
    says: /token expired at \d{4}-/,
    make: async (lab) => {
      const way = await newWay(lab)
      const token = await newToken(lab, way)
      await pause(millis(OWNERSHIP_TOKEN_SECONDS * 1000 + 100))
      await provision(lab, way, { SerialNumber: serial() }, { token })
    },
  },
  {
    fault: 'its ownership token is not one of this claim',
    client: 'mosquitto_rr',
    code: 'OWNERSHIP_TOKEN_INVALID',
    says: /not valid for this client/,
    make: async (lab) => provision(lab, await newWay(lab), { SerialNumber: serial() }, { token: 'e'.repeat(64) }),
  },
  {
    fault: 'its template wants a parameter that it does not send',
    client: 'mosquitto_rr',
    code: 'PARAMETER_MISSING',
    says: /parameter "SerialNumber" was not sent and has no Default/,
    make: async (lab) => provision(lab, await newWay(lab), {}),
  },
  {
    fault: 'the template makes a thing of a name that no thing may have, of what it sends',
    client: 'mosquitto_rr',
    code: 'TEMPLATE_INVALID',
    says: /ThingName \(line 11, column \d+\) becomes "no thing"/,
    make: async (lab) => provision(lab, await newWay(lab), { SerialNumber: 'no thing' }),
  },
  {
    fault: 'the thing that it asks for has the certificate of somebody else',
    client: 'mosquitto_rr',
    code: 'THING_TAKEN',
    says: /thing owned exists and belongs to certificate [0-9a-f]{64}/,
    make: async (lab) => {
      await lab.cloud.newDevice('owned')
      await provision(lab, await newWay(lab), { SerialNumber: 'owned' })
    },
  },
  ...(
    [
      ['refuses it', 'HOOK_REFUSED', /did not allow it/, 'async () => ({ allowProvisioning: false })'],
      ['throws', 'HOOK_FAILED', /no such table/, "async () => { throw new Error('no such table') }"],
      [
        'takes its time',
        'HOOK_SLOW',
        /has not answered within 5 seconds/,
        '() => new Promise((r) => setTimeout(r, 60000))',
      ],
    ] as const
  ).map(
    ([what, code, says, handler]): LabFault => ({
      fault: `the pre-provisioning hook ${what}`,
      client: 'mosquitto_rr',
      code,
      says,
      make: async (lab) => {
        const way = await newWay(lab, await newHook(lab, handler))
        await provision(lab, way, { SerialNumber: serial() })
      },
    }),
  ),
  {
    fault: 'it asks with a payload that is no JSON',
    client: 'mosquitto_pub',
    code: 'PROVISIONING_REQUEST_INVALID',
    says: /the payload is no JSON object/,
    make: async (lab) => {
      const { claim } = await newWay(lab)
      const words = [...mosquittoAs(lab, 'scribe', claim), '-q', '1', '-t', CREATE, '-m', '{"certificate']
      return runProgram('mosquitto_pub', words)
    },
  },
  {
    fault: 'it asks more often than a device needs to',
    client: 'mosquitto_pub',
    code: 'CLAIM_BRAKED',
    says: /this connection asks more often than a device needs to/,
    make: async (lab) => {
      const { claim } = await newWay(lab)
      const { csrPem } = await newRequest()
      const line = `${JSON.stringify({ certificateSigningRequest: csrPem })}\n`
      const words = [...mosquittoAs(lab, 'hasty', claim), '-q', '1', '-t', CREATE, '-l']
      return runProgram('mosquitto_pub', words, line.repeat(REQUESTS_PER_CONNECTION + 1))
    },
  },
]

/** A claim and the template that it asks for. */
interface Way {
  readonly claim: FileDevice
  readonly templateName: string
}

let ways = 0

async function newWay(lab: Lab, targetArn?: string): Promise<Way> {
  ways += 1
  const templateName = `way-${ways}`
  const thing = { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'SerialNumber' } } }
  const certificate = {
    Type: 'AWS::IoT::Certificate',
    Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
  }
  const template = { Parameters: { SerialNumber: { Type: 'String' } }, Resources: { thing, certificate } }
  await lab.cloud.iot.send(
    new CreateProvisioningTemplateCommand({
      templateName,
      provisioningRoleArn: 'arn:aws:iam::123456789012:role/provisioning',
      enabled: true,
      templateBody: JSON.stringify(template, undefined, 1),
      ...(targetArn !== undefined && { preProvisioningHook: { targetArn } }),
    }),
  )
  return { claim: await lab.cloud.newDevice(`claim-${ways}`, 'lab'), templateName }
}

/** A way on which only the serial number `listed` comes online. */
async function listed(lab: Lab): Promise<Way> {
  const way = await newWay(lab)
  const name = `batch-${ways}`
  const serials = join(lab.cloud.folder, name)
  writeFileSync(serials, 'listed\n')
  await lab.birthmark('allow-list', 'create', name, '--template', way.templateName)
  await lab.birthmark('allow-list', 'add', name, serials)
  return way
}

async function newHook(lab: Lab, handler: string): Promise<string> {
  const name = `hook-${ways}`
  const file = join(lab.cloud.folder, `${name}.mjs`)
  writeFileSync(file, `export const handler = ${handler}\n`)
  await lab.birthmark('functions', 'add', name, '--module', file, '--timeout', '20')
  return `arn:aws:lambda:${lab.cloud.region}:${lab.cloud.account}:function:${name}`
}

/** Has a certificate made, and gives its ownership token. */
async function newToken(lab: Lab, { claim }: Way): Promise<string> {
  const { csrPem } = await newRequest()
  const answer = await ask(lab, claim, CREATE, { certificateSigningRequest: csrPem }, 'accepted')
  return String(JSON.parse(answer).certificateOwnershipToken)
}

/** Asks for a certificate and, in a connection of its own, to be provisioned with it. */
async function provision(
  lab: Lab,
  way: Way,
  parameters: object,
  { token, answer = 'rejected' }: { readonly token?: string; readonly answer?: 'accepted' | 'rejected' } = {},
): Promise<void> {
  const certificateOwnershipToken = token ?? (await newToken(lab, way))
  // mosquitto_rr hangs up without a DISCONNECT once it has its answer.
  await lab.mark()
  const topic = `$aws/provisioning-templates/${way.templateName}/provision/json`
  await ask(lab, way.claim, topic, { certificateOwnershipToken, parameters }, answer)
}

let requests = 0

/** `mosquitto_rr`: one request, and the answer that comes. */
async function ask(lab: Lab, claim: FileDevice, topic: string, payload: object, answer: string): Promise<string> {
  requests += 1
  const words = ['-q', '1', '-e', `${topic}/${answer}`, '-t', topic, '-m', JSON.stringify(payload), '-W', '20']
  const { output } = await runProgram('mosquitto_rr', [...mosquittoAs(lab, `rr-${requests}`, claim), ...words])
  return output
}

let serials = 0

function serial(): string {
  serials += 1
  return `serial-${serials}`
}

const CREATE = '$aws/certificates/create-from-csr/json'
