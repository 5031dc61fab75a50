import { checkPolicy } from '@birthmark/cloud/policy'
import { Command } from 'commander'
import { type CloudFlags, objectsIn, onCloudOrData, withOwnApi } from '../cloud-options.ts'
import { processOutput } from '../output.ts'
import { readInput } from './chip/values.ts'

interface CheckFlags extends CloudFlags {
  readonly certificateId?: string
  readonly clientId?: string
  readonly strict?: boolean
}

/** `birthmark policy check`: what is wrong with a policy document, and where. */
export function checkCommand(): Command {
  return onCloudOrData(new Command('check'))
    .description('Check a policy document: its faults and what looks like a mistake, each with line and column.')
    .argument('<file>', 'the document; - for standard input')
    .option('--certificate-id <id>', 'also find variables that have no value for this certificate')
    .option('--client-id <id>', 'the client id that it connects with')
    .option('--strict', 'exit status 1 for warnings too')
    .addHelpText('after', EXAMPLES)
    .action(check)
}

async function check(file: string, flags: CheckFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const text = Buffer.from(readInput(file)).toString('utf8')
  const findings = await findingsIn(text, flags)
  output.json({ file, findings })
  for (const { line, column, severity, code, message, remedy } of findings.map(textsOf)) {
    output.say(`${file}:${line}:${column}: ${severity} ${code}: ${message} ${remedy}`)
  }
  if (findings.length === 0) output.say(`${file}: nothing is wrong with it.`)
  if (findings.some(({ severity }) => severity === 'error' || flags.strict === true)) process.exitCode = 1
}

function textsOf(finding: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(finding).map(([name, value]) => [name, String(value)]))
}

/** Without a certificate no server is needed. */
async function findingsIn(text: string, flags: CheckFlags): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { certificateId, clientId } = flags
  if (certificateId === undefined) return checkPolicy(text).map((finding) => ({ ...finding }))
  const given = { document: text, certificateId, ...(clientId === undefined ? {} : { clientId }) }
  return objectsIn(await withOwnApi(flags, (api) => api('POST', '/v1/policy-check', given)), 'findings')
}

const EXAMPLES = `
Examples:
  birthmark policy check policy.json
  birthmark policy check policy.json --certificate-id 4f1c… --client-id press-7`
