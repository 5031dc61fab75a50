import { Command, Option } from 'commander'
import { type CloudFlags, onCloudOrData, withOwnApi } from '../cloud-options.ts'
import { processOutput } from '../output.ts'

interface TestFlags extends CloudFlags {
  readonly certificateId: string
  readonly clientId?: string
  readonly sourceIp?: string
}

/** `birthmark policy`: what policies say, by the engine that enforces them. */
export function policyCommand(): Command {
  return new Command('policy')
    .description('Ask what policies allow, of the engine that enforces them.')
    .addCommand(testCommand())
}

function testCommand(): Command {
  const action = new Option('--certificate-id <id>', 'the certificate that the device connects with')
  return onCloudOrData(new Command('test'))
    .description('Say whether a device may do something, and which statement decides. Exit status 1: it may not.')
    .argument('<action>', 'connect, publish, retain-publish, subscribe or receive')
    .argument('<resource>', 'client id, topic or topic filter; or an ARN')
    .addOption(action.makeOptionMandatory())
    .option('--client-id <id>', 'the client id that it connects with')
    .option('--source-ip <address>', 'the address that it connects from')
    .addHelpText('after', EXAMPLES)
    .action(test)
}

async function test(action: string, resource: string, flags: TestFlags, command: Command): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const kind = KINDS.get(action)
  if (kind === undefined) command.error(`error: the actions are ${[...KINDS.keys()].join(', ')}`, { exitCode: 2 })
  const { certificateId, clientId = action === 'connect' ? resource : undefined, sourceIp } = flags
  const answer = await withOwnApi(flags, (api) =>
    api('GET', '/v1/explanations', {
      certificateId,
      action: kind.action,
      resource: resource.startsWith('arn:') ? resource : `${kind.type}/${resource}`,
      ...(clientId === undefined ? {} : { clientId }),
      ...(sourceIp === undefined ? {} : { sourceIp }),
    }),
  )
  output.json(answer)
  output.say(String(answer['explanation']))
  if (answer['effect'] !== 'allow') process.exitCode = 1
}

/** AWS IoT Core developer guide, policy actions and their resources. */
const KINDS: ReadonlyMap<string, { readonly action: string; readonly type: string }> = new Map([
  ['connect', { action: 'iot:Connect', type: 'client' }],
  ['publish', { action: 'iot:Publish', type: 'topic' }],
  ['retain-publish', { action: 'iot:RetainPublish', type: 'topic' }],
  ['subscribe', { action: 'iot:Subscribe', type: 'topicfilter' }],
  ['receive', { action: 'iot:Receive', type: 'topic' }],
])

const EXAMPLES = `
Examples:
  birthmark policy test connect press-7 --certificate-id 4f1c…
  birthmark policy test publish dt/press-7/t --certificate-id 4f1c… --client-id press-7`
