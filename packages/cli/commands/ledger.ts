import { Command, InvalidArgumentError } from 'commander'
import { addCommand, admitCommand } from './ledger/add.ts'
import { checkpointCommand, witnessCommand } from './ledger/checkpoint.ts'
import { checkProofCommand, proveCommand } from './ledger/prove.ts'
import { listCommand, showCommand } from './ledger/show.ts'
import { verifyCommand } from './ledger/verify.ts'

/** `birthmark ledger`: the record of every identity made. */
export function ledgerCommand(): Command {
  const command = new Command('ledger').description('The signed record of every identity made.')
  for (const child of [verify(), list(), show(), add(), admit(), checkpoint(), witness(), prove(), checkProof()]) {
    command.addCommand(child)
  }
  return command
}

function verify(): Command {
  return new Command('verify')
    .description('Find any edit, removal or reorder in a ledger, and name the first bad entry.')
    .argument('<file>', 'the ledger')
    .option('--manifest <file>', 'a manifest of the same line: shows also whether the end of the ledger is missing')
    .option('--checkpoint <file>', 'a checkpoint that was given out before: does the same, and shows another history')
    .option('--writer-key <file>', 'the public key of who founded the ledger')
    .option('--witness-key <file...>', 'public keys of witnesses that must have signed the checkpoint')
    .addHelpText(
      'after',
      '\nExamples:\n  birthmark ledger verify ./line/ledger.jsonl\n' +
        '  birthmark ledger verify ./line/ledger.jsonl --checkpoint ./monday.note --witness-key ./notary.pem\n' +
        '  birthmark ledger verify ./line/ledger.jsonl --manifest ./line/manifest.jsonl --json',
    )
    .action(verifyCommand)
}

function list(): Command {
  return new Command('list')
    .description('List devices with their order and stage, in the order of their numbers.')
    .argument('<file>', 'the ledger')
    .option('--order <id>', 'only of this work order')
    .option('--stage <stage>', 'only those that stand here: begun, made, locked, shipped, scrapped, revoked ...')
    .option('--after <uid>', 'go on after this device', '')
    .option('--limit <n>', 'so many at most', wholeNumber, 1000)
    .addHelpText('after', '\nExample:\n  birthmark ledger list ./line/ledger.jsonl --stage scrapped --json')
    .action(listCommand)
}

function show(): Command {
  return new Command('show')
    .description('Show every entry of one device.')
    .argument('<file>', 'the ledger')
    .argument('<device>', "the element's own number")
    .addHelpText('after', '\nExample:\n  birthmark ledger show ./line/ledger.jsonl cd16336b01001c0001')
    .action(showCommand)
}

function add(): Command {
  return withKey(new Command('add'))
    .description('Write down that a device was shipped, changed its owner, or that its certificate was revoked.')
    .argument('<event>', 'shipped, owner-changed or revoked')
    .argument('<file>', 'the ledger')
    .argument('<device...>', "the elements' own numbers")
    .option('--to <text>', 'who has it now; for shipped and owner-changed')
    .option('--reason <word>', 'a reason of RFC 5280, such as keyCompromise; for revoked', 'unspecified')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark ledger add shipped ./line/ledger.jsonl cd16336b01001c0001 --to "Hydraulics Ltd"' +
        ' \\\n    --key ./line/station.key.pem --passphrase-file ./station.pass',
    )
    .action(addCommand)
}

function admit(): Command {
  return withKey(new Command('admit'))
    .description('Let another key write into a ledger from now on.')
    .argument('<file>', 'the ledger')
    .requiredOption('--writer-key <file>', 'the public key of the other writer')
    .requiredOption('--writer-name <name>', 'what the ledger calls it')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark ledger admit ./line/ledger.jsonl --writer-key ./shipping.pem --writer-name shipping' +
        ' \\\n    --key ./line/station.key.pem --passphrase-file ./station.pass',
    )
    .action(admitCommand)
}

function checkpoint(): Command {
  return new Command('checkpoint')
    .description('Write down how long a ledger is and what its root is, as its writer signed it, to give to others.')
    .argument('<file>', 'the ledger')
    .requiredOption('--out <file>', 'where the checkpoint goes')
    .option('--since <file>', 'an earlier checkpoint, that this one shall be shown to have grown from')
    .option('--consistency-out <file>', 'where what shows that goes')
    .addHelpText(
      'after',
      '\nExamples:\n  birthmark ledger checkpoint ./line/ledger.jsonl --out ./monday.note\n' +
        '  birthmark ledger checkpoint ./line/ledger.jsonl --out ./tuesday.note --since ./monday.note' +
        ' --consistency-out ./grown.json',
    )
    .action(checkpointCommand)
}

function witness(): Command {
  return withKey(new Command('witness'))
    .description('Sign a checkpoint as a third party: nobody can show another history up to there afterwards.')
    .argument('<file>', 'the checkpoint')
    .requiredOption('--writer-key <file>', "the public key of the ledger's writer")
    .requiredOption('--name <name>', 'the name of the witness')
    .requiredOption('--out <file>', 'where the checkpoint with one signature more goes')
    .option('--previous <file>', 'the checkpoint that this witness signed last')
    .option('--consistency <file>', 'what shows that this one has grown from it')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark ledger witness ./monday.note --writer-key ./station.pem --name notary' +
        ' \\\n    --key ./notary.key.pem --passphrase-file ./notary.pass --out ./monday.witnessed.note',
    )
    .action(witnessCommand)
}

function prove(): Command {
  return new Command('prove')
    .description('Write a small file that shows that a device is in a ledger, to somebody who has not the ledger.')
    .argument('<file>', 'the ledger')
    .argument('<device>', "the element's own number")
    .requiredOption('--out <file>', 'where the proof goes')
    .option('--checkpoint <file>', 'a checkpoint to prove it against, a witnessed one for example')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark ledger prove ./line/ledger.jsonl cd16336b01001c0001 --out ./proof.json',
    )
    .action(proveCommand)
}

function checkProof(): Command {
  return new Command('check-proof')
    .description('Check such a file.')
    .argument('<file>', 'the proof')
    .requiredOption('--writer-key <file...>', 'the public keys of those whose word counts')
    .option('--witness-key <file...>', 'public keys of witnesses that must have signed its checkpoint')
    .addHelpText('after', '\nExample:\n  birthmark ledger check-proof ./proof.json --writer-key ./station.pem')
    .action(checkProofCommand)
}

function withKey(command: Command): Command {
  return command
    .requiredOption('--key <file>', 'the private key, encrypted PKCS#8 in PEM')
    .requiredOption('--passphrase-file <path>', 'the file that holds the passphrase of the key')
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('Name a whole number from 1.')
}
