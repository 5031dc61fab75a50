import { REVOCATION_REASON_NAMES } from '@birthmark/factory/authority'
import { Command, InvalidArgumentError, Option } from 'commander'
import { caCeremony } from './ca-ceremony.ts'
import { caAccept, caImport, caRequest, caSign } from './ca-exchange.ts'
import { example, onAuthority } from './ca-options.ts'
import { caPlug } from './ca-plug.ts'
import { caProfile } from './ca-profile.ts'
import { caProve } from './ca-prove.ts'
import { caRegister } from './ca-register.ts'
import { sealedCommands } from './ca-seal.ts'
import { serveAuthorityCommand } from './ca-serve.ts'
import { caNew } from './ca-setup.ts'
import { statusCommands } from './ca-status.ts'
import { crlCommand, issueCommand, revokeCommand, showCommand } from './ca-work.ts'

/** `birthmark ca`: the authority. */
export function caCommand(): Command {
  const ca = new Command('ca')
    .description('The authority: CA keys, issuance, revocation, its local socket.')
    .addCommand(caNew())
    .addCommand(caRequest())
    .addCommand(caAccept())
    .addCommand(caSign())
    .addCommand(caImport())
    .addCommand(caPlug())
    .addCommand(caProfile())
    .addCommand(caCeremony())
    .addCommand(caShow())
    .addCommand(caProve())
    .addCommand(caRegister())
    .addCommand(caIssue())
    .addCommand(caRevoke())
    .addCommand(caCrl())
    .addCommand(caServe())
  for (const command of [...sealedCommands(), ...statusCommands()]) ca.addCommand(command)
  return ca
}

function caShow(): Command {
  return onAuthority('show', 'Say what an authority is, what it issued and what it revoked.')
    .option('--revoked <n>', 'most revoked certificates to show, the last first', countOf(0), 20)
    .option('--skip <n>', 'so many of them are passed over', countOf(0), 0)
    .addHelpText('after', example('show', '--json', '--revoked 1000 --skip 1000 --json'))
    .action(showCommand)
}

function caIssue(): Command {
  return onAuthority('issue', 'Sign one certificate request. Each call makes a new certificate.')
    .requiredOption('--csr <file>', 'the request, PEM')
    .requiredOption('--out <file>', 'where the certificate goes')
    .addOption(new Option('--purpose <purpose>', 'for whom').choices(['device', 'endpoint']).default('device'))
    .option('--profile <name>', "of a device's certificate: built in, of this authority, or a profile file")
    .option('--endpoint-name <name...>', 'names that an endpoint certificate may carry')
    .addHelpText('after', example('issue', '--csr ./meter.csr --out ./meter.pem'))
    .action(issueCommand)
}

function caRevoke(): Command {
  return new Command('revoke')
    .description('Take a certificate back, for good, with a reason.')
    .option('--data <folder>', "the authority's folder")
    .option('--passphrase-file <path>', "the file that holds the passphrase of the authority's keys")
    .option('--socket <path>', "or where 'birthmark ca serve' answers for it")
    .option('--certificate <file>', 'the certificate, PEM')
    .option('--serial <hex>', 'or its serial number')
    .addOption(new Option('--reason <reason>', 'why').choices([...REVOCATION_REASON_NAMES]).default('unspecified'))
    .addHelpText(
      'after',
      `${example('revoke', '--certificate ./meter.pem --reason keyCompromise')}
  birthmark ca revoke --socket ./ca.sock --serial 4f0a1b2c3d4e5f607182930a1b2c3d4e`,
    )
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
    .option('--lists <folder>', 'keep revocation lists there up to date, under the names that certificates tell')
    .option('--list-days <n>', 'how long full lists count', dayCount, 7)
    .option('--delta-minutes <n>', 'how often additions to them are written', minuteCount, 10)
    .addOption(new Option('--until-input-ends', 'stop when standard input ends: for a parent process').hideHelp())
    .addHelpText('after', example('serve', '--socket ./ca.sock', '--socket ./ca.sock --lists ./public'))
    .action(serveAuthorityCommand)
}

function countOf(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`Name a whole number from ${least} on.`)
  }
}

function dayCount(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > CRL_DAYS_MAX) {
    throw new InvalidArgumentError(`Name a number of days from 1 to ${CRL_DAYS_MAX}.`)
  }
  return value
}

function minuteCount(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 1440) return value
  throw new InvalidArgumentError('Name a number of minutes from 1 to 1440, a day.')
}

/** Longest that a revocation list may count, in days: whoever has one does not hear of later revocations. */
const CRL_DAYS_MAX = 366
