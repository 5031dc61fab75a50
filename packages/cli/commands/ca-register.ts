import { parseProof, parseProofRequest, writeProofRequest } from '@birthmark/factory/authority'
import { replaceFile } from '@birthmark/foundation/system'
import { formatName } from '@birthmark/foundation/x509'
import { Command } from 'commander'
import { processOutput } from '../output.ts'
import { askForCode, type CloudFlags, type RegistrationFlags, registerCa } from './ca-cloud.ts'
import { parseInput } from './ca-folder.ts'

/** `birthmark ca register`: the side of the cloud's owner, who has no CA key. */
export function caRegister(): Command {
  return new Command('register')
    .description(
      "Register a CA whose key somebody else holds: two small files go between the cloud's owner and the CA's.",
    )
    .addCommand(registerAsk())
    .addCommand(registerComplete())
}

/** Adds the options that say how a CA is registered. */
export function registrationOptions(command: Command): Command {
  return command
    .option('--region <name>', "the cloud's region; that of the AWS SDK's settings unless given")
    .option('--auto-registration', 'register devices of this CA when they connect first')
    .option('--template <name>', 'the provisioning template for them; it implies --auto-registration')
    .option('--inactive', 'register the CA without letting its devices in')
}

function registerAsk(): Command {
  return new Command('ask')
    .description("Ask a cloud for its registration code, and write the file that goes to the CA's owner.")
    .requiredOption('--cloud <url>', 'the control plane; credentials come from the AWS SDK’s default chain')
    .option('--region <name>', "the cloud's region; that of the AWS SDK's settings unless given")
    .requiredOption('--out <file>', 'where the request for a proof goes')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark ca register ask --cloud http://127.0.0.1:9080 --out ./proof-request.json',
    )
    .action(askCommand)
}

async function askCommand(flags: CloudFlags & { readonly out: string; readonly json?: boolean }): Promise<void> {
  const { cloud, out } = flags
  const registrationCode = await askForCode(flags)
  replaceFile(out, writeProofRequest({ registrationCode, cloud }), { mode: 0o644 })
  const output = processOutput({ json: flags.json === true })
  output.json({ request: out, registrationCode })
  if (!output.jsonWanted) output.say(`Send ${out} to the CA's owner, for 'birthmark ca prove --request'.`)
}

function registerComplete(): Command {
  const command = new Command('complete')
    .description("Register a CA with the proof that came back from the CA's owner.")
    .requiredOption('--cloud <url>', 'the control plane; credentials come from the AWS SDK’s default chain')
    .requiredOption('--request <file>', 'the request for a proof, as it was sent')
    .requiredOption('--proof <file>', 'the proof that came back')
  return registrationOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  birthmark ca register complete --cloud http://127.0.0.1:9080 --request ./proof-request.json' +
        ' --proof ./proof.json --template meters',
    )
    .action(completeCommand)
}

async function completeCommand(
  flags: CloudFlags & RegistrationFlags & { readonly request: string; readonly proof: string; readonly json?: boolean },
): Promise<void> {
  const { registrationCode } = parseInput(flags.request, parseProofRequest)
  const proof = parseInput(flags.proof, (text) => parseProof(text, registrationCode))
  const registered = await registerCa(flags, proof)
  const ca = formatName(proof.caCertificate.subject)
  const output = processOutput({ json: flags.json === true })
  output.json({ ca, ...registered })
  if (!output.jsonWanted) output.say(`${ca} is registered: ${registered.certificateArn}`)
}
