import { Command, InvalidArgumentError, Option } from 'commander'
import { callOwnApi } from '../cloud-client.ts'
import { processOutput } from '../output.ts'
import { readInput } from './ca-folder.ts'
import { accessOf, type ControlFlags, membersOf, usesControl } from './control-flags.ts'

interface PlanFlags extends ControlFlags {
  readonly template?: string
  readonly file?: string
  readonly type?: string
  readonly certificate?: string
  readonly certificateId?: string
  readonly parameter: readonly (readonly [string, string])[]
}

/** `birthmark plan`: a dry run of a provisioning template. */
export function planCommand(): Command {
  return usesControl(new Command('plan'))
    .description('Say what a provisioning template would do for a device, and in what the registry would differ.')
    .addOption(new Option('--template <name>', 'a template that the account has').conflicts('file'))
    .option('--file <file>', 'a template in a file, - for standard input')
    .addOption(
      new Option('--type <type>', 'what a template in a file is for').choices([
        'FLEET_PROVISIONING',
        'JITP',
        'REGISTER_THING',
      ]),
    )
    .option('--parameter <name=value>', 'what the device sends; may be repeated', addParameter, [])
    .addOption(new Option('--certificate <file>', 'its certificate, PEM; without one it gets a new one'))
    .addOption(new Option('--certificate-id <id>', 'its certificate, which is registered').conflicts('certificate'))
    .addHelpText('after', EXAMPLES)
    .action(plan)
}

async function plan(flags: PlanFlags, command: Command): Promise<void> {
  const { template, file, type, certificate, certificateId } = flags
  if (template === undefined && file === undefined) command.error("error: name a template: '--template' or '--file'")
  const output = processOutput({ json: flags.json === true })
  const answer = await callOwnApi(accessOf(flags), 'POST', '/v1/provisioning/plan', {
    ...(template !== undefined && { templateName: template }),
    ...(file !== undefined && { templateBody: readInput(file) }),
    ...(type !== undefined && { type }),
    ...(certificate !== undefined && { certificatePem: readInput(certificate) }),
    ...(certificateId !== undefined && { certificateId }),
    parameters: Object.fromEntries(flags.parameter),
  })
  const { differences, explanation, ...rest } = membersOf(answer)
  output.json({ ...rest, differences, explanation })
  if (output.jsonWanted) return
  for (const line of textsOf(explanation)) output.say(line)
  output.say()
  const lines = textsOf(differences)
  for (const line of lines) output.say(line)
  output.say(lines.length === 0 ? 'Nothing would change.' : 'Nothing of this was done.')
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function addParameter(text: string, before: readonly (readonly [string, string])[]): PlanFlags['parameter'] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Write it as NAME=VALUE.')
  return [...before, [name, value]]
}

const EXAMPLES = `
Examples:
  birthmark plan --template meters --parameter SerialNumber=A1
  birthmark plan --file template.json --type JITP --certificate device.pem`
