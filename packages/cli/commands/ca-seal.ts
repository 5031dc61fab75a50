import { join } from 'node:path'
import { reconcileSealed, SealedBook, sealCa, writeAccount } from '@birthmark/factory/authority'
import { encodeUtf8, seconds, silentLog } from '@birthmark/foundation/kernel'
import { replaceFile, systemClock } from '@birthmark/foundation/system'
import { formatName, fromPem, parseCertificate, toPem } from '@birthmark/foundation/x509'
import { Command, InvalidArgumentError } from 'commander'
import { processOutput } from '../output.ts'
import { type CaFlags, readInput, withAuthority } from './ca-folder.ts'
import { example, onAuthority } from './ca-options.ts'

/** The commands around the CA of a station that works without its authority. */
export function sealedCommands(): readonly Command[] {
  return [caSeal(), caAccount(), caReconcile(), caSealed()]
}

function caSeal(): Command {
  return onAuthority('seal', 'Sign the short-lived CA of a station that will work offline: so many devices, so long.')
    .requiredOption('--csr <file>', "the station's request, PEM; its key stays in the station's module or chip")
    .requiredOption('--count <n>', 'certificates that it may sign', wholeNumber)
    .requiredOption('--hours <n>', 'for how long, up to 720', wholeNumber)
    .option('--organization <name>', 'name constraints: every device is named under O=NAME')
    .requiredOption('--out <file>', 'where the certificate and its issuers go (PEM)')
    .addHelpText('after', example('seal', '--csr ./station-ca.csr --count 500 --hours 72 --out ./station-ca.pem'))
    .action(sealCommand)
}

function caAccount(): Command {
  return onAuthority('account', 'Write what this sealed CA signed, for the authority that granted it.')
    .requiredOption('--out <file>', 'where the account goes')
    .addHelpText('after', example('account', '--out ./account.jsonl'))
    .action(accountCommand)
}

function caReconcile(): Command {
  return onAuthority('reconcile', 'Check and keep the account of a sealed CA; one that broke its grant is revoked.')
    .requiredOption('--account <file>', "what 'birthmark ca account' wrote at the station")
    .option('--last', 'nothing follows: what is left of the grant is void')
    .addHelpText('after', example('reconcile', '--account ./account.jsonl', '--account ./account.jsonl --last --json'))
    .action(reconcileCommand)
}

function caSealed(): Command {
  return onAuthority('sealed', 'Show the CAs that this authority sealed to stations, and their accounts.')
    .addHelpText('after', example('sealed', '--json'))
    .action(sealedCommand)
}

async function sealCommand(
  flags: CaFlags & {
    readonly csr: string
    readonly count: number
    readonly hours: number
    readonly organization?: string
    readonly out: string
  },
): Promise<void> {
  const { count, hours, organization, out } = flags
  const text = readInput(flags.csr)
  const [csr = encodeUtf8(text)] = fromPem(text, 'CERTIFICATE REQUEST')
  const named = organization !== undefined && { organization }
  await withAuthority(flags, silentLog, (authority) =>
    withBook(flags, async (book) => {
      const request = { csr, count, lasts: seconds(hours * 3600), ...named }
      const issued = await sealCa(request, { authority, book, clock: systemClock })
      const bundle = [issued.certificate, ...issued.intermediates, issued.root]
      replaceFile(out, bundle.map((der) => toPem('CERTIFICATE', der)).join(''), { mode: 0o644 })
      const { subject, serialNumber: serial, notAfter } = parseCertificate(issued.certificate)
      const until = new Date(notAfter).toISOString()
      const output = processOutput({ json: flags.json === true })
      output.json({ certificate: out, subject: formatName(subject), serial, count, until })
      if (!output.jsonWanted) output.say(`${out} lets ${formatName(subject)} sign ${count} devices until ${until}.`)
    }),
  )
}

async function accountCommand(flags: CaFlags & { readonly out: string }): Promise<void> {
  const { entries, hash } = await withAuthority(flags, silentLog, (authority) =>
    writeAccount(flags.out, authority, flags.data),
  )
  const output = processOutput({ json: flags.json === true })
  output.json({ account: flags.out, entries, hash })
  if (!output.jsonWanted) output.say(`${flags.out} accounts for everything up to record ${entries}.`)
}

async function reconcileCommand(flags: CaFlags & { readonly account: string; readonly last?: boolean }): Promise<void> {
  const account = await withAuthority(flags, silentLog, (authority) =>
    withBook(flags, (book) => {
      const ports = { authority, book, folder: join(flags.data, ACCOUNTS) }
      return reconcileSealed(flags.account, { last: flags.last === true }, ports)
    }),
  )
  const output = processOutput({ json: flags.json === true })
  output.json(account)
  if (output.jsonWanted) return
  const { serial, issued, unresolved, voided, left } = account
  output.say(`The sealed CA ${serial} signed ${issued} certificates; ${left} are left of its grant.`)
  if (unresolved + voided > 0) output.say(`  ${unresolved + voided} more may exist, and were given to nobody`)
}

async function sealedCommand(flags: CaFlags): Promise<void> {
  const states = await withBook(flags, async (book) => book.states)
  const output = processOutput({ json: flags.json === true })
  output.json({ sealed: states.map((state) => ({ ...state, until: new Date(state.until).toISOString() })) })
  if (output.jsonWanted) return
  for (const { serial = 'not made', count, until, account, broken } of states) {
    const said = account === undefined ? 'no account yet' : `${account.issued} signed${account.last ? ', closed' : ''}`
    const what = broken === undefined ? said : `revoked: ${broken}`
    output.say(`${serial}  ${count} until ${new Date(until).toISOString()}  ${what}`)
  }
}

/** Opens the book of an authority for one piece of work. */
async function withBook<Value>({ data }: CaFlags, work: (book: SealedBook) => Promise<Value>): Promise<Value> {
  const book = await SealedBook.open({ path: join(data, BOOK), clock: systemClock, log: silentLog })
  try {
    return await work(book)
  } finally {
    await book.close()
  }
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('Name a whole number from 1 on.')
}

/** In the folder of the authority. */
const BOOK = 'sealed.jsonl'
const ACCOUNTS = 'sealed'
