import { parseProofRequest, writeProof } from '@birthmark/factory/authority'
import { faults, type Raise, silentLog } from '@birthmark/foundation/kernel'
import { replaceFile } from '@birthmark/foundation/system'
import { formatName, parseCertificate } from '@birthmark/foundation/x509'
import type { Command } from 'commander'
import { processOutput } from '../output.ts'
import { askForCode, type RegistrationFlags, registerCa } from './ca-cloud.ts'
import { type CaFlags, parseInput, withAuthority } from './ca-folder.ts'
import { example, onAuthority } from './ca-options.ts'
import { registrationOptions } from './ca-register.ts'
import { saveCertificate } from './ca-work.ts'

export const CA_PROVE_FAULTS = {
  CA_PROOF_NOT_NAMED: {
    blame: 'caller',
    message: 'no registration code is named, or two, or the proof has nowhere to go',
    remedy: 'Name one: --registration-code CODE or --request FILE, each with --out FILE, or --cloud URL.',
  },
} as const
const caProveFault: Raise<typeof CA_PROVE_FAULTS> = faults(CA_PROVE_FAULTS)

/** `birthmark ca prove`: the proof that a CA is its owner's. */
export function caProve(): Command {
  const command = onAuthority('prove', "Make the certificate that proves to a cloud that this CA is its owner's.")
    .option('--registration-code <code>', 'the code that the cloud gave (GetRegistrationCode); the proof is PEM')
    .option('--request <file>', "or the file of 'birthmark ca register ask'; the proof is a file for its sender")
    .option('--out <file>', 'where the proof goes')
    .option('--cloud <url>', 'or do it all: ask this control plane for its code, and register the CA there')
  return registrationOptions(command)
    .addHelpText(
      'after',
      example(
        'prove',
        '--registration-code CODE --out ./proof.pem',
        '--request ./proof-request.json --out ./proof.json',
        '--cloud http://127.0.0.1:9080 --region us-east-1 --auto-registration',
      ),
    )
    .action(proveCommand)
}

interface ProveFlags extends CaFlags, RegistrationFlags {
  readonly registrationCode?: string
  readonly request?: string
  readonly out?: string
  readonly cloud?: string
  readonly region?: string
}

async function proveCommand(flags: ProveFlags): Promise<void> {
  const { registrationCode, request, out, cloud } = flags
  const named = [registrationCode, request, cloud].filter((value) => value !== undefined)
  if (named.length !== 1 || (out === undefined) !== (cloud !== undefined)) throw caProveFault('CA_PROOF_NOT_NAMED')
  if (cloud !== undefined) return proveToCloud(flags, cloud)
  await withAuthority(flags, silentLog, async (authority) => {
    const code = registrationCode ?? parseInput(request ?? '', parseProofRequest).registrationCode
    const issued = await authority.prove(code)
    if (registrationCode !== undefined)
      return saveCertificate({ ...flags, out: out ?? '' }, issued, 'verification certificate')
    const proof = { caCertificate: authority.issuing, verificationCertificate: parseCertificate(issued.certificate) }
    replaceFile(out ?? '', writeProof(proof), { mode: 0o644 })
    const output = processOutput({ json: flags.json === true })
    output.json({ proof: out, ca: formatName(authority.issuing.subject) })
    if (!output.jsonWanted) output.say(`Send ${out} back: 'birthmark ca register complete' takes it.`)
  })
}

async function proveToCloud(flags: ProveFlags, cloud: string): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const code = await askForCode({ ...flags, cloud })
  await withAuthority(flags, silentLog, async (authority) => {
    const { certificate } = await authority.prove(code)
    const proof = { caCertificate: authority.issuing, verificationCertificate: parseCertificate(certificate) }
    const registered = await registerCa({ ...flags, cloud }, proof)
    output.json({ ca: formatName(authority.issuing.subject), ...registered })
    if (!output.jsonWanted)
      output.say(`${formatName(authority.issuing.subject)} is registered: ${registered.certificateArn}`)
  })
}
