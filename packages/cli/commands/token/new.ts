import { createSoftwareToken } from '@birthmark/chip/cryptoki/adapters'
import { Command } from 'commander'
import { processOutput } from '../../output.ts'
import { tokenCommandFault } from './faults.ts'
import { readPin } from './pins.ts'
import { LABEL_BYTES_MAX } from './serve.ts'

/** `birthmark token new`: a software token, for those without a chip. */
export function newCommand(): Command {
  return new Command('new')
    .description('Make a software token: keys in a file, encrypted under the PIN.')
    .requiredOption('--software <file>', 'where to make it')
    .requiredOption('--pin-file <file>', "a file with the user's PIN, 4 to 64 characters")
    .requiredOption('--so-pin-file <file>', "a file with the security officer's PIN, who sets the user's anew")
    .option('--label <text>', 'up to 32 characters', 'software token')
    .addHelpText('after', EXAMPLES)
    .action(makeToken)
}

interface NewFlags {
  readonly software: string
  readonly pinFile: string
  readonly soPinFile: string
  readonly label: string
  readonly json?: boolean
}

async function makeToken(flags: NewFlags): Promise<void> {
  const { software, label } = flags
  if (label === '' || Buffer.byteLength(label) > LABEL_BYTES_MAX) throw tokenCommandFault('TOKEN_LABEL_UNUSABLE')
  const output = processOutput({ json: flags.json === true })
  const pins = { pin: readPin(flags.pinFile), soPin: readPin(flags.soPinFile) }
  const { serial } = await createSoftwareToken(software, { label, ...pins })
  output.json({ software, label, serial })
  if (!output.jsonWanted) output.say(`Software token ${serial} is in ${software}.`)
}

const EXAMPLES = `
Example:
  birthmark token new --software ./meter.token --pin-file ./pin --so-pin-file ./so-pin --label meter
  birthmark token serve --software ./meter.token --socket ./meter.p11`
