import { spawn } from 'node:child_process'
import { faults, messageOf, type Raise } from '@birthmark/foundation/kernel'
import { Command } from 'commander'
import { accessFromEnvironment, environmentOf } from '../access.ts'
import { parseAddress } from '../cloud-options.ts'

export const AWS_FAULTS = {
  AWS_CLI_MISSING: {
    blame: 'operator',
    message: 'the AWS CLI does not start: {why}',
    remedy: "Install it (Debian: 'apt install awscli') so that 'aws' is found.",
  },
} as const
const awsFault: Raise<typeof AWS_FAULTS> = faults(AWS_FAULTS)

/** `birthmark aws`: the AWS CLI, pointed at this cloud. */
export function awsCommand(): Command {
  return new Command('aws')
    .description('Run the AWS CLI against this cloud: endpoint, region and key are set for it.')
    .argument('[words...]', 'what the AWS CLI is told')
    .allowUnknownOption()
    .helpOption('--birthmark-help', 'this help: --help is for the AWS CLI')
    .passThroughOptions()
    .addHelpText('after', EXAMPLES)
    .action(runAws)
}

async function runAws(words: readonly string[]): Promise<void> {
  const access = accessFromEnvironment()
  parseAddress(access.endpoint)
  // Versions before 2.13 do not read the environment variable.
  const endpoint = words.includes('--endpoint-url') ? [] : ['--endpoint-url', access.endpoint]
  const child = spawn('aws', [...words, ...endpoint], { stdio: 'inherit', env: environmentOf(access) })
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(awsFault('AWS_CLI_MISSING', { why: messageOf(error) }, error)))
    child.once('exit', (status) => resolve(status ?? 1))
  })
}

const EXAMPLES = `
Examples:
  birthmark aws iot list-things
  birthmark aws iot describe-endpoint --endpoint-type iot:Data-ATS`
