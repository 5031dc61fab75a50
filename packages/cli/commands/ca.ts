import { REVOCATION_REASON_NAMES } from '@birthmark/factory/authority'
import { Command, InvalidArgumentError, Option } from 'commander'
import { serveAuthorityCommand } from './ca-serve.ts'
import { crlCommand, issueCommand, newCommand, proveCommand, revokeCommand, showCommand } from './ca-work.ts'

/** `birthmark ca`: the authority. */
export function caCommand(): Command {
  return new Command('ca')
    .description('The authority: CA keys, issuance, revocation, its local socket.')
    .addCommand(caNew())
    .addCommand(caShow())
    .addCommand(caProve())
    .addCommand(caIssue())
    .addCommand(caRevoke())
    .addCommand(caCrl())
    .addCommand(caServe())
}

function caNew(): Command {
  return onAuthority('new', 'Make a root CA and an issuing CA under it, in a folder that is empty or absent.')
    .option('--name <name>', 'name of the organisation in the CA certificates', 'Birthmark')
    .option('--maker-key <file>', 'admit only work orders that this maker signed')
    .addHelpText('after', example('new', '--name "Acme Chips"'))
    .action(newCommand)
}

function caShow(): Command {
  return onAuthority('show', 'Say what an authority is, what it issued and what it revoked.')
    .addHelpText('after', example('show', '--json'))
    .action(showCommand)
}

function caProve(): Command {
  return onAuthority('prove', "Make the certificate that proves to a cloud that this CA is its owner's.")
    .requiredOption('--registration-code <code>', 'the code that the cloud gave (GetRegistrationCode)')
    .requiredOption('--out <file>', 'where the verification certificate goes')
    .addHelpText('after', example('prove', '--registration-code CODE --out ./proof.pem'))
    .action(proveCommand)
}

function caIssue(): Command {
  return onAuthority('issue', 'Sign one certificate request. Each call makes a new certificate.')
    .requiredOption('--csr <file>', 'the request, PEM')
    .requiredOption('--out <file>', 'where the certificate goes')
    .addOption(new Option('--purpose <purpose>', 'for whom').choices(['device', 'endpoint']).default('device'))
    .option('--endpoint-name <name...>', 'names that an endpoint certificate may carry')
    .addHelpText('after', example('issue', '--csr ./meter.csr --out ./meter.pem'))
    .action(issueCommand)
}

function caRevoke(): Command {
  return onAuthority('revoke', 'Take a certificate back, for good, with a reason.')
    .option('--certificate <file>', 'the certificate, PEM')
    .option('--serial <hex>', 'or its serial number')
    .addOption(new Option('--reason <reason>', 'why').choices([...REVOCATION_REASON_NAMES]).default('unspecified'))
    .addHelpText('after', example('revoke', '--certificate ./meter.pem --reason keyCompromise'))
    .action(revokeCommand)
}

function caCrl(): Command {
  return onAuthority('crl', 'Make the full revocation list of this moment (PEM).')
    .requiredOption('--out <file>', 'where the list goes')
    .option('--days <n>', 'how long it counts', dayCount, 30)
    .addHelpText('after', example('crl', '--out ./list.pem --days 7'))
    .action(crlCommand)
}

function caServe(): Command {
  return onAuthority('serve', 'Serve an authority on a local socket; it is made when absent.')
    .requiredOption('--socket <path>', 'where to listen, for this user only')
    .option('--name <name>', 'name of the organisation in the CA certificates', 'Birthmark')
    .option('--endpoint-name <name...>', 'names that endpoint certificates may carry; .NAME for all below NAME', [
      'localhost',
      '127.0.0.1',
      '::1',
    ])
    .addOption(new Option('--until-input-ends', 'stop when standard input ends: for a parent process').hideHelp())
    .addHelpText('after', example('serve', '--socket ./ca.sock'))
    .action(serveAuthorityCommand)
}

/** A command on an authority's folder. */
function onAuthority(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .requiredOption('--data <folder>', "the authority's folder")
    .requiredOption('--passphrase-file <path>', "the file that holds the passphrase of the authority's keys")
}

function example(name: string, more: string): string {
  return `\nExample:\n  birthmark ca ${name} --data ./ca --passphrase-file ./ca.pass ${more}`
}

function dayCount(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > CRL_DAYS_MAX) {
    throw new InvalidArgumentError(`Name a number of days from 1 to ${CRL_DAYS_MAX}.`)
  }
  return value
}

/** Longest that a revocation list may count, in days: whoever has one does not hear of later revocations. */
const CRL_DAYS_MAX = 366
