import { parseWorkOrder, signWorkOrder } from '@birthmark/factory/order'
import { replaceFile } from '@birthmark/foundation/system'
import { SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { Command } from 'commander'
import { processOutput } from '../output.ts'
import { openKeyFile, parseInput, readInput, readPassphrase, writeNewKey } from './ca-folder.ts'
import { openOrder } from './order-file.ts'

/** `birthmark order`: the maker's permission to personalise devices. */
export function orderCommand(): Command {
  return new Command('order')
    .description("Work orders: the maker's signed permission to personalise a number of devices.")
    .addCommand(orderKey())
    .addCommand(orderSign())
    .addCommand(orderCheck())
}

function orderKey(): Command {
  return new Command('key')
    .description("Make a maker's key: the private half encrypted, the public half for authorities and stations.")
    .requiredOption('--out <file>', 'where the private key goes, encrypted')
    .requiredOption('--public-out <file>', 'where the public key goes')
    .requiredOption('--passphrase-file <path>', 'the file that holds the passphrase of the key')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark order key --out ./maker.key.pem --public-out ./maker.pem --passphrase-file ./maker.pass',
    )
    .action(makeKey)
}

async function makeKey(flags: {
  readonly out: string
  readonly publicOut: string
  readonly passphraseFile: string
  readonly json?: boolean
}): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  writeNewKey(flags.out, signer.toEncryptedPem(readPassphrase(flags.passphraseFile)))
  replaceFile(flags.publicOut, toPem('PUBLIC KEY', signer.publicKey), { mode: 0o644 })
  output.json({ key: flags.out, publicKey: flags.publicOut })
  if (!output.jsonWanted) output.say(`Give ${flags.publicOut} to authorities and stations, and ${flags.out} to nobody.`)
}

function orderSign(): Command {
  return new Command('sign')
    .description('Sign a work order as its maker.')
    .requiredOption('--work-order <file>', 'the order')
    .requiredOption('--key <file>', "the maker's private key, encrypted PKCS#8 in PEM")
    .requiredOption('--passphrase-file <path>', 'the file that holds the passphrase of the key')
    .requiredOption('--out <file>', 'where the signed order goes')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark order sign --work-order ./order.json --key ./maker.key.pem' +
        ' --passphrase-file ./maker.pass --out ./order.signed.json',
    )
    .action(signOrder)
}

async function signOrder(flags: {
  readonly workOrder: string
  readonly key: string
  readonly passphraseFile: string
  readonly out: string
  readonly json?: boolean
}): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const signer = openKeyFile(flags.key, readPassphrase(flags.passphraseFile))
  const text = parseInput(flags.workOrder, (order) => {
    parseWorkOrder(order)
    return order
  })
  replaceFile(flags.out, await signWorkOrder(text, signer), { mode: 0o644 })
  output.json({ workOrder: flags.out })
  if (!output.jsonWanted) output.say(`The signed order is in ${flags.out}.`)
}

function orderCheck(): Command {
  return new Command('check')
    .description('Say whether a work order may be used here and now, and what it allows.')
    .requiredOption('--work-order <file>', 'the order')
    .option('--maker-key <file>', 'the public key of the maker whose signature it must carry')
    .option('--station <id>', "the id of the station's key")
    .addHelpText(
      'after',
      '\nExample:\n  birthmark order check --work-order ./order.signed.json --maker-key ./maker.pem',
    )
    .action(checkOrder)
}

function checkOrder(flags: {
  readonly workOrder: string
  readonly makerKey?: string
  readonly station?: string
  readonly json?: boolean
}): void {
  const output = processOutput({ json: flags.json === true })
  const { makerKey, station } = flags
  const { id, product, count, until } = openOrder(readInput(flags.workOrder), flags, station)
  const ends = until === undefined ? undefined : new Date(until).toISOString()
  output.json({ id, product, count, until: ends, signed: makerKey !== undefined })
  if (!output.jsonWanted) output.say(`${id} allows ${count} devices of ${product}${ends ? ` until ${ends}` : ''}.`)
}
