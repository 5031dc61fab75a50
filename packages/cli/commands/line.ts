import { PARALLEL_COUNT_MAX } from '@birthmark/factory/line'
import { Command, InvalidArgumentError } from 'commander'
import { runLineCommand } from './line-run.ts'

/** `birthmark line`: where devices are made. */
export function lineCommand(): Command {
  return new Command('line').description('The line: work orders in, personalised devices out.').addCommand(lineRun())
}

function lineRun(): Command {
  return new Command('run')
    .description('Make devices under a work order; a run that was interrupted goes on where it stopped.')
    .requiredOption('--work-order <file>', 'the order')
    .requiredOption('--authority <folder>', 'the authority that issues')
    .requiredOption('--passphrase-file <path>', "the file that holds the passphrase of the authority's keys")
    .option('--data <folder>', "the line's folder: ledger, manifest, certificates", './line')
    .option('--sockets <path...>', 'chips that are served on these sockets, each made once')
    .option('--virtual <n>', 'so many fresh virtual chips, forgotten afterwards', wholeNumber(1, VIRTUAL_COUNT_MAX))
    .option('--parallel <n>', 'sockets at work side by side', wholeNumber(1, PARALLEL_COUNT_MAX), 64)
    .option('--maker-key <file>', 'the public key of the maker whose signature the order must carry')
    .option('--station <name>', 'the name of this station')
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
  birthmark line run --work-order ./order.signed.json --maker-key ./maker.pem --station line-1 \\
    --authority ./ca --passphrase-file ./ca.pass --sockets ./a.sock ./b.sock --json`
