import { Command } from 'commander'
import { type CloudFlags, onCloudOrData, withOwnApi } from '../cloud-options.ts'
import { processOutput } from '../output.ts'
import { POLICY_ACTIONS, policyRequest } from './policy-actions.ts'
import { checkCommand } from './policy-check.ts'
import { whoCanCommand } from './policy-who-can.ts'

interface TestFlags extends CloudFlags {
  readonly certificateId: string
  readonly clientId?: string
  readonly sourceIp?: string
  readonly persistent?: boolean
  readonly willTopic?: string
}

/** `birthmark policy`: what policies say, by the engine that enforces them. */
export function policyCommand(): Command {
  return new Command('policy')
    .description('Ask what policies allow, of the engine that enforces them.')
    .addCommand(testCommand())
    .addCommand(whoCanCommand())
    .addCommand(checkCommand())
}

function testCommand(): Command {
  return onCloudOrData(new Command('test'))
    .description('Say whether a device may do something, and which statement decides. Exit status 1: it may not.')
    .argument('<action>', [...POLICY_ACTIONS.keys()].join(', '))
    .argument('<resource>', 'client id, topic or topic filter; or an ARN')
    .requiredOption('--certificate-id <id>', 'the certificate that the device connects with')
    .option('--client-id <id>', 'the client id that it connects with')
    .option('--source-ip <address>', 'the address that it connects from')
    .option('--persistent', 'its session outlives the connection')
    .option('--will-topic <topic>', 'it has a will for this topic')
    .addHelpText('after', EXAMPLES)
    .action(test)
}

async function test(action: string, resource: string, flags: TestFlags, command: Command): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const request = policyRequest(action, resource, command)
  const { certificateId, sourceIp, willTopic, persistent = false } = flags
  const clientId = flags.clientId ?? (action === 'connect' ? resource : undefined)
  const answer = await withOwnApi(flags, (api) =>
    api('GET', '/v1/explanations', {
      certificateId,
      ...request,
      ...(clientId === undefined ? {} : { clientId }),
      ...(sourceIp === undefined ? {} : { sourceIp }),
      ...(willTopic === undefined ? {} : { willTopic }),
      persistent,
    }),
  )
  output.json(answer)
  output.say(String(answer['explanation']))
  if (answer['effect'] !== 'allow') process.exitCode = 1
}

const EXAMPLES = `
Examples:
  birthmark policy test connect press-7 --certificate-id 4f1c…
  birthmark policy test publish dt/press-7/t --certificate-id 4f1c… --client-id press-7`
