import { resolve } from 'node:path'
import { type ExternalSettings, plugAuthority } from '@birthmark/factory/authority'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { parseCertificates } from '@birthmark/foundation/x509'
import { type Command, InvalidArgumentError } from 'commander'
import { type CaFlags, caFault, parseInput } from './ca-folder.ts'
import { makerKeyOf, onAuthority, rulesOf, type SetupFlags, withRules } from './ca-options.ts'
import { showCommand } from './ca-work.ts'

/** `birthmark ca plug`: an authority whose certificates a CA elsewhere signs. */
export function caPlug(): Command {
  return withRules(onAuthority('plug', 'Make an authority whose certificates a CA elsewhere signs: it holds no key.'))
    .requiredOption('--certificate <file>', 'that CA first, then its issuers up to the root, PEM')
    .option('--command <words...>', 'a program: the request on its standard input, the certificate on its output')
    .option('--url <url>', 'or an address that takes the request as a POST and answers with the certificate, PEM')
    .option('--token-file <path>', 'the file whose one line goes there as a bearer token')
    .option('--timeout <seconds>', 'how long an answer may take, 1 to 600', wholeNumber(1, 600), 30)
    .option('--days-min <n>', 'the shortest validity that is taken', wholeNumber(0, 36_525), 30)
    .addHelpText(
      'after',
      '\nExample:\n  birthmark ca plug --data ./ca --certificate ./chain.pem --command ./sign.sh --timeout 20',
    )
    .action(plugCommand)
}

interface PlugFlags extends CaFlags, Omit<SetupFlags, 'name'> {
  readonly certificate: string
  readonly command?: readonly string[]
  readonly url?: string
  readonly tokenFile?: string
  readonly timeout: number
  readonly daysMin: number
}

async function plugCommand(flags: PlugFlags): Promise<void> {
  const { command, url, tokenFile, timeout, daysMin } = flags
  const [first, ...others] = parseInput(flags.certificate, parseCertificates)
  if (first === undefined || (command === undefined) === (url === undefined)) throw caFault('CA_PLUG_NOT_NAMED')
  const external: ExternalSettings = {
    ...(command !== undefined && { command }),
    ...(url !== undefined && { url }),
    // It is read from wherever the authority is opened.
    ...(tokenFile !== undefined && { tokenFile: resolve(tokenFile) }),
    timeoutSeconds: timeout,
    validityDaysMin: daysMin,
  }
  await plugAuthority({
    folder: flags.data,
    certificates: [first, ...others],
    external,
    settings: rulesOf({ ...flags, name: '' }),
    ...makerKeyOf({ ...flags, name: '' }),
    clock: systemClock,
    log: silentLog,
  })
  await showCommand(flags)
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`Name a whole number from ${least} to ${most}.`)
  }
}
