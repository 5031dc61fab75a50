import { Command } from 'commander'
import { attestCommand, infoCommand, offerCommand } from './tpm/device.ts'
import { challengeCommand, verifyCommand } from './tpm/enroller.ts'

/** `birthmark tpm`: which TPM a device has, and that its key lives in there. */
export function tpmCommand(): Command {
  const group = new Command('tpm').description('TPM 2.0: prove, and verify, that a key lives in a certified TPM.')
  for (const command of [infoCommand(), offerCommand(), challengeCommand(), attestCommand(), verifyCommand()]) {
    group.addCommand(command)
  }
  return group.addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
Examples:
  birthmark tpm info
  birthmark tpm offer --out offer.json                                                   # on the device
  birthmark tpm challenge offer.json --anchors makers.pem --pending pending.json --out challenge.json
  birthmark tpm attest challenge.json --store ./store --token device --key key --pin-file pin --out proof.json
  birthmark tpm verify proof.json --pending pending.json --csr device.csr`
