import { resolve } from 'node:path'
import { serveTokens, serveTokensOn } from '@birthmark/chip/cryptoki/adapters'
import { Command } from 'commander'
import { type Output, processOutput } from '../../output.ts'
import { listenForStop } from '../../signals.ts'
import { tokenCommandFault } from './faults.ts'
import { type OpenToken, openTokens, type PlaceFlags } from './places.ts'

/** `birthmark token serve`: tokens for programs that load `p11-kit-client.so`, on a socket or for one on stdio. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('Serve chips as tokens, one slot each, to programs that load p11-kit-client.so.')
    .option('--chip <place...>', 'a chip: its file (made when absent), its socket, /dev/i2c-N, or a folder of *.chip')
    .option('--software <file...>', 'a software token: birthmark token new makes one')
    .option('--socket <path>', 'where to listen, for this user only')
    .option('--stdio', 'serve the one program that started this command, on standard input and output')
    .option('--label <text>', "the tokens' label, up to 32 characters; default has the chip's number")
    .option(
      '--no-vendor',
      "leave the vendor's key and certificate out; Java reads no token whose certificate lacks a subject",
    )
    .option('--pin-file <file>', "a file with the user's PIN, set on chips that have none yet")
    .option('--so-pin-file <file>', "the same for the security officer's, who sets the user's anew")
    .option('--state <folder>', "where PINs of chips and their counters are kept; default is beside the chip's file")
    .addHelpText('after', EXAMPLES)
    .action(serveToken)
}

interface ServeFlags extends PlaceFlags {
  readonly socket?: string
  readonly stdio?: boolean
  readonly json?: boolean
}

async function serveToken(flags: ServeFlags): Promise<void> {
  const isOnStdio = flags.stdio === true
  if (isOnStdio === (flags.socket !== undefined) || (isOnStdio && flags.json === true)) {
    throw tokenCommandFault('TOKEN_PLACE_UNCLEAR')
  }
  if (flags.label !== undefined && (flags.label === '' || Buffer.byteLength(flags.label) > LABEL_BYTES_MAX)) {
    throw tokenCommandFault('TOKEN_LABEL_UNUSABLE')
  }
  const stop = listenForStop({ inputEnds: false })
  const output = processOutput({ json: flags.json === true })
  const open = await openTokens(flags, (line) => output.say(line))
  try {
    if (flags.socket === undefined) await Promise.race([stop.told, serveStdio(open, output)])
    else await serveSocket(flags.socket, open, output, stop.told)
  } finally {
    for (const each of open) await each.close()
    // What still reads standard input would keep the process alive after everything else has ended.
    if (isOnStdio) process.stdin.destroy()
  }
}

async function serveSocket(
  path: string,
  open: readonly OpenToken[],
  output: Output,
  told: Promise<void>,
): Promise<void> {
  const tokens = open.map(({ token }) => token)
  const server = await serveTokens(path, tokens, (fault) => output.say(`${fault.code}: ${fault.message}`))
  const slots = tokens.map(({ label, source }) => ({ label, serial: source.serial }))
  output.json({ ready: true, socket: path, ...slots[0], slots })
  if (!output.jsonWanted) {
    for (const { label } of slots) output.say(`Token ${label} is served.`)
    output.say('Stop with Ctrl-C. Programs find it with')
    output.say(`  P11_KIT_SERVER_ADDRESS=unix:path=${resolve(path)}`)
  }
  await told
  await server.close()
}

/** Says nothing unless something goes wrong: the program's own output may be a terminal. */
function serveStdio(open: readonly OpenToken[], output: Output): Promise<void> {
  const tokens = open.map(({ token }) => token)
  return serveTokensOn(process.stdin, process.stdout, tokens, (fault) => output.say(`${fault.code}: ${fault.message}`))
}

/** The field of CK_TOKEN_INFO. */
export const LABEL_BYTES_MAX = 32

const EXAMPLES = `
Examples:
  birthmark token serve --chip ./meter.chip --socket ./meter.p11
  birthmark token serve --chip ./tray --chip /dev/i2c-1 --socket ./all.p11 --state ./pins
  P11_KIT_SERVER_ADDRESS=unix:path=$PWD/meter.p11 pkcs11-tool --module p11-kit-client.so -L
  P11_KIT_SERVER_ADDRESS='|birthmark token serve --stdio --chip ./meter.chip' \\
    pkcs11-tool --module p11-kit-client.so -L`
