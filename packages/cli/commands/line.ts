import { PARALLEL_COUNT_MAX } from '@birthmark/factory/line'
import { Command, InvalidArgumentError, Option } from 'commander'
import { deskCommand, deskKeyCommand, releaseCommand, stationsCommand } from './line/desk.ts'
import { allotCommand, syncCommand } from './line/offline.ts'
import { claimCommand, PACK_FORMS, packCommand, unpackCommand } from './line/pack.ts'
import { reportCommand } from './line/report.ts'
import { scrapCommand } from './line/scrap.ts'
import { stationKeyCommand } from './line/station.ts'
import { runLineCommand } from './line-run.ts'

/** `birthmark line`: where devices are made. */
export function lineCommand(): Command {
  const command = new Command('line').description('The line: work orders in, personalised devices out.')
  for (const child of [
    lineRun(),
    report(),
    allotment(),
    sync(),
    scrap(),
    pack(),
    claim(),
    unpack(),
    stationKey(),
    desk(),
    deskKey(),
    stations(),
    release(),
  ]) {
    command.addCommand(child)
  }
  return command
}

function report(): Command {
  return new Command('report')
    .description('Reconcile a line: built, scrapped, lost, connected, never built; yields and times by step.')
    .option('--data <folder>', "the line's folder", './line')
    .option('--connected <file>', 'fingerprints of the certificates that connected, one per line, or JSON lines')
    .option('--csv <file>', 'write tables there as well')
    .option('--html <file>', 'write a page with charts there as well, which opens from the file')
    .addHelpText(
      'after',
      '\nExamples:\n  birthmark line report --data ./line\n' +
        '  birthmark line report --data ./line --connected ./seen.txt --html ./report.html --csv ./report.csv',
    )
    .action(reportCommand)
}

function allotment(): Command {
  return withOrder(new Command('allot'))
    .description('Ask the authority for leave to make devices without it: so many, for so long.')
    .requiredOption('--count <n>', 'devices', wholeNumber(1, VIRTUAL_COUNT_MAX))
    .requiredOption('--hours <n>', 'for how long', wholeNumber(1, 720))
    .option('--out <file>', "where it goes; default: the line's folder")
    .addHelpText(
      'after',
      '\nExample:\n  birthmark line allot --work-order ./order.json --authority-socket ./desk.sock' +
        ' --station-passphrase-file ./station.pass \\\n    --count 500 --hours 48',
    )
    .action(allotCommand)
}

function sync(): Command {
  return withOrder(new Command('sync'))
    .description('Have the authority issue for the CSRs that wait; put the elements in again afterwards.')
    .requiredOption('--desk-key <file>', 'the public key that allotments are signed with')
    .option('--allotment <file>', "the allotment; default: the one in the line's folder")
    .option('--settle', 'account for the allotment, and give back what is left of it')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark line sync --work-order ./order.json --authority-socket ./desk.sock' +
        ' --station-passphrase-file ./station.pass \\\n    --desk-key ./desk.pem --settle',
    )
    .action(syncCommand)
}

function pack(): Command {
  return withPackage(withOrder(new Command('pack')))
    .description('Make keys and certificates for parts that cannot make their own, and pack them for each device.')
    .requiredOption('--devices <file>', "the devices' numbers, one per line")
    .option('--keys <folder>', 'keys that were made elsewhere, NUMBER.key.pem (P-256, PEM); default: made here')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark line pack --work-order ./order.json --authority ./ca --passphrase-file ./ca.pass' +
        ' \\\n    --devices ./numbers.txt --as esp-secure-cert --out ./images',
    )
    .action(packCommand)
}

function claim(): Command {
  return withPackage(withOrder(new Command('claim')))
    .description('Make the one claim certificate of a batch, for its golden image; a second one is refused.')
    .requiredOption('--batch <name>', 'the batch')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark line claim --work-order ./claim.json --authority ./ca --passphrase-file ./ca.pass' +
        ' \\\n    --batch 2026-47 --as c-header --out ./image',
    )
    .action(claimCommand)
}

function unpack(): Command {
  return new Command('unpack')
    .description('Open a credential that was sealed for you.')
    .argument('<file>', 'the sealed credential')
    .requiredOption('--key <file>', 'your private key, encrypted PKCS#8 in PEM')
    .requiredOption('--passphrase-file <path>', 'the file that holds its passphrase')
    .requiredOption('--out <folder>', 'where the files go')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark line unpack ./0a1b2c3d.sealed.json --key ./my.key.pem' +
        ' --passphrase-file ./my.pass --out ./images',
    )
    .action(unpackCommand)
}

function withPackage(command: Command): Command {
  return command
    .requiredOption('--out <folder>', 'where the files go')
    .addOption(new Option('--as <form>', 'how a credential is packed').choices(PACK_FORMS).default('pem'))
    .option('--recipient-key <file>', 'seal the files for whoever holds this P-256 key')
}

function withOrder(command: Command): Command {
  return command
    .requiredOption('--work-order <file>', 'the order')
    .option('--maker-key <file>', 'the public key of the maker whose signature the order must carry')
    .option('--authority <folder>', 'the authority, when it is on this machine')
    .option('--authority-socket <path>', 'where an authority answers stations')
    .option('--passphrase-file <path>', "the file that holds the passphrase of the authority's keys")
    .option('--data <folder>', "the line's folder", './line')
    .option('--station-key <file>', 'the private key of this station; default: the one in the folder')
    .option('--station-passphrase-file <path>', 'the file that holds its passphrase; default: --passphrase-file')
}

function stationKey(): Command {
  return new Command('station-key')
    .description("Make a station's key: with it the station asks the authority and signs the ledger.")
    .requiredOption('--out <file>', 'where the private key goes, encrypted')
    .requiredOption('--public-out <file>', 'where the public key goes')
    .requiredOption('--passphrase-file <path>', 'the file that holds the passphrase of the key')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark line station-key --out ./station.key.pem --public-out ./station.pem' +
        ' \\\n    --passphrase-file ./station.pass',
    )
    .action(stationKeyCommand)
}

function scrap(): Command {
  return withStation(new Command('scrap'))
    .description('Put it on record that an element is never used again, and why.')
    .argument('<device>', "the element's own number")
    .requiredOption('--reason <text>', 'why, for people')
    .option('--order <id>', 'the work order, for an element that was never begun')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark line scrap cd16336b01001c0001 --reason "fell on the floor" --passphrase-file ./ca.pass',
    )
    .action(scrapCommand)
}

function desk(): Command {
  return withAuthorityFolder(new Command('desk'))
    .description('Answer stations for an authority, over a local socket that may be led on to another machine.')
    .requiredOption('--socket <path>', 'where to listen')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark line desk --authority ./ca --passphrase-file ./ca.pass --socket ./desk.sock',
    )
    .action(deskCommand)
}

function deskKey(): Command {
  return withAuthorityFolder(new Command('desk-key'))
    .description('Write the public key that the allotments of an authority are signed with.')
    .requiredOption('--out <file>', 'where it goes')
    .option('--key <uri>', 'keep the key behind a PKCS#11 module from now on, and make it there when there is none')
    .addHelpText(
      'after',
      '\nExamples:\n  birthmark line desk-key --authority ./ca --passphrase-file ./ca.pass --out ./desk.pem\n' +
        '  birthmark line desk-key --authority ./hsm-ca --out ./desk.pem \\\n' +
        "    --key 'pkcs11:token=acme;object=desk?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=./hsm.pin'",
    )
    .action(deskKeyCommand)
}

function stations(): Command {
  return withAuthorityFolder(new Command('stations'))
    .description('Show the stations, the allotments and the refusals that an authority has on record.')
    .addHelpText('after', '\nExample:\n  birthmark line stations --authority ./ca --passphrase-file ./ca.pass')
    .action(stationsCommand)
}

function release(): Command {
  return withAuthorityFolder(new Command('release'))
    .description('Let a station that was caught with a copied key begin again; only when there is no copy.')
    .argument('<station>', "the id of the station's key")
    .addHelpText(
      'after',
      '\nExample:\n  birthmark line release 9f86d081... --authority ./ca --passphrase-file ./ca.pass',
    )
    .action(releaseCommand)
}

function withAuthorityFolder(command: Command): Command {
  return command
    .requiredOption('--authority <folder>', 'the authority')
    .option('--passphrase-file <path>', "the file that holds the passphrase of the authority's keys")
}

function withStation(command: Command): Command {
  return command
    .option('--data <folder>', "the line's folder", './line')
    .option('--station-key <file>', 'the private key of this station; default: the one in the folder')
    .option('--station-passphrase-file <path>', 'the file that holds its passphrase; default: --passphrase-file')
    .option('--passphrase-file <path>', 'the file that holds the passphrase of the station key')
}

function lineRun(): Command {
  return new Command('run')
    .description('Make devices under a work order; a run that was interrupted goes on where it stopped.')
    .requiredOption('--work-order <file>', 'the order')
    .option('--authority <folder>', 'the authority that issues, when it is on this machine')
    .option('--authority-socket <path>', "where an authority answers stations ('birthmark line desk')")
    .option(
      '--passphrase-file <path>',
      "the file that holds the passphrase of the authority's keys; keys in a module have none",
    )
    .option('--data <folder>', "the line's folder: ledger, manifest, certificates", './line')
    .option('--sockets <path...>', 'chips that are served on these sockets, each made once')
    .option('--i2c <device...>', 'the chips on these I2C buses (/dev/i2c-N), each made once')
    .option('--virtual <n>', 'so many fresh virtual chips, forgotten afterwards', wholeNumber(1, VIRTUAL_COUNT_MAX))
    .option('--module <path>', 'the tokens of this PKCS#11 module')
    .option('--tokens <label...>', 'only these tokens of the module; default every initialised one')
    .option('--pin-file <file>', 'the file that holds the PIN of the tokens')
    .option('--parallel <n>', 'sockets at work side by side', wholeNumber(1, PARALLEL_COUNT_MAX), 64)
    .option('--maker-key <file>', 'the public key of the maker whose signature the order must carry')
    .option('--station-key <file>', 'the private key of this station; default: one in the folder, made when absent')
    .option('--station-passphrase-file <path>', 'the file that holds its passphrase; default: --passphrase-file')
    .option('--station-name <name>', 'what the ledger calls this station', 'station')
    .option('--offline', 'work under an allotment, without the authority: CSRs wait on the disk')
    .option('--allotment <file>', "the allotment; default: the one in the line's folder")
    .option('--desk-key <file>', 'the public key that allotments are signed with')
    .option('--manifest-key <file>', 'sign the manifest with this private key, encrypted PKCS#8 in PEM')
    .option('--manifest-passphrase-file <path>', "the file that holds its passphrase; default: the station's")
    .option('--steps', 'with --json: an event for each step as well')
    .addHelpText('after', EXAMPLES)
    .action(runLineCommand)
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`Name a whole number from ${least} to ${most}.`)
  }
}

/** Virtual chips of one run: as many as a work order may allow. */
const VIRTUAL_COUNT_MAX = 10_000_000

const EXAMPLES = `
Examples:
  birthmark line run --work-order ./order.json --authority ./ca --passphrase-file ./ca.pass --virtual 100
  birthmark line run --work-order ./order.signed.json --maker-key ./maker.pem \\
    --station-key ./station.key.pem --station-passphrase-file ./station.pass --authority-socket ./desk.sock \\
    --sockets ./a.sock ./b.sock --json
  birthmark line run --work-order ./order.json --authority ./ca --passphrase-file ./ca.pass \\
    --module /usr/lib/softhsm/libsofthsm2.so --tokens station-1 --pin-file ./token.pin`
