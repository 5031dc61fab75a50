import { join } from 'node:path'
import {
  makeResponder,
  openResponder,
  publishLists,
  StatusIndex,
  StatusResponder,
  serveStatus,
} from '@birthmark/factory/authority'
import { days, jsonLog, seconds, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { toPem } from '@birthmark/foundation/x509'
import { Command, InvalidArgumentError } from 'commander'
import { processOutput } from '../output.ts'
import { listenForStop } from '../signals.ts'
import { type CaFlags, caFault, readPassphrase, withAuthority } from './ca-folder.ts'
import { example, onAuthority } from './ca-options.ts'

/** The commands that tell others which certificates are revoked. */
export function statusCommands(): readonly Command[] {
  return [caDistribute(), caPublish(), caLookUp(), caResponder(), caStatusServe()]
}

function caDistribute(): Command {
  return onAuthority('distribute', 'Let certificates name, from now on, where their state is told.')
    .requiredOption('--url <url>', 'http: URL below which /crl and /ocsp are')
    .option('--shard-size <n>', 'certificates that share one revocation list', wholeNumber, SHARD_SIZE)
    .addHelpText('after', example('distribute', '--url http://pki.example:8888'))
    .action(distributeCommand)
}

function caPublish(): Command {
  return onAuthority('publish', 'Write the revocation lists that certificates name, for any web server.')
    .requiredOption('--out <folder>', 'where the files go')
    .option('--days <n>', 'how long full lists count', wholeNumber, 7)
    .option('--delta-hours <n>', 'write only additions to the full lists that are out; they count so long', wholeNumber)
    .addHelpText('after', example('publish', '--out ./public', '--out ./public --delta-hours 6'))
    .action(publishCommand)
}

function caLookUp(): Command {
  return onAuthority('look-up', 'Say what is known of one serial number.')
    .requiredOption('--serial <hex>', 'the serial number')
    .addHelpText('after', example('look-up', '--serial 4f0a1b2c3d4e5f607182930a1b2c3d4e --json'))
    .action(lookUpCommand)
}

function caResponder(): Command {
  return onAuthority('responder', 'Make, or renew, the key that answers OCSP requests; it counts for 90 days.')
    .requiredOption('--out <folder>', 'where it goes')
    .requiredOption('--responder-passphrase-file <path>', 'the file that holds the passphrase of that key')
    .addHelpText('after', example('responder', '--out ./responder --responder-passphrase-file ./responder.pass'))
    .action(responderCommand)
}

function caStatusServe(): Command {
  return new Command('status-serve')
    .description('Answer OCSP requests and give out revocation lists over HTTP. Holds no key of the CA.')
    .requiredOption('--data <folder>', "the authority's folder, of which only the index is read")
    .requiredOption('--responder <folder>', 'what birthmark ca responder made')
    .requiredOption('--responder-passphrase-file <path>', 'the file that holds the passphrase of its key')
    .option('--lists <folder>', 'what birthmark ca publish wrote')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <n>', 'where to listen; 0 is any free port', portNumber, 8888)
    .option('--answer-hours <n>', 'how long an answer counts', wholeNumber, 24)
    .addHelpText(
      'after',
      '\nExample:\n  birthmark ca status-serve --data ./ca --responder ./responder' +
        ' --responder-passphrase-file ./responder.pass --lists ./public',
    )
    .action(statusServeCommand)
}

async function distributeCommand(flags: CaFlags & { readonly url: string; readonly shardSize: number }): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const distribution = { url: flags.url.replace(/\/$/, ''), shardSize: flags.shardSize }
  await withAuthority(flags, silentLog, (authority) => authority.lists.distribute(distribution))
  output.json(distribution)
  if (!output.jsonWanted) output.say(`Certificates name ${distribution.url} from now on.`)
}

async function publishCommand(
  flags: CaFlags & { readonly out: string; readonly days: number; readonly deltaHours?: number },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { out: folder, deltaHours } = flags
  const written = await withAuthority(flags, silentLog, (authority) =>
    publishLists(authority, {
      folder,
      lasts: days(flags.days),
      ...(deltaHours !== undefined && { additionsLast: seconds(deltaHours * 3600) }),
    }),
  )
  output.json({ out: folder, ...written })
  if (output.jsonWanted) return
  const all = written.all ? `, and ${join(folder, 'crl/all.crl')} for the others` : ''
  output.say(`${written.full} full lists and ${written.additions} additions are in ${folder}${all}.`)
}

async function lookUpCommand(flags: CaFlags & { readonly serial: string }): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const serial = flags.serial.toLowerCase().replaceAll(':', '')
  const known = await withAuthority(flags, silentLog, (authority) => authority.lookUp(serial))
  if (known === undefined) throw caFault('CA_CERTIFICATE_UNKNOWN', { serial })
  const { state, ended, certificate } = known
  const revoked = ended && { reason: ended.reason, at: new Date(ended.at).toISOString() }
  const pem = certificate && toPem('CERTIFICATE', certificate)
  output.json({ serial, state, ...(revoked && { revoked }), ...(pem !== undefined && { certificate: pem }) })
  if (output.jsonWanted) return
  output.say(`${serial} is ${state}${revoked === undefined ? '' : `, revoked ${revoked.at}: ${revoked.reason}`}.`)
}

async function responderCommand(
  flags: CaFlags & { readonly out: string; readonly responderPassphraseFile: string },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const passphrase = readPassphrase(flags.responderPassphraseFile)
  const certificate = await withAuthority(flags, silentLog, (authority) =>
    makeResponder(authority, flags.out, passphrase),
  )
  const until = new Date(certificate.notAfter).toISOString()
  output.json({ responder: flags.out, serial: certificate.serialNumber, until })
  if (!output.jsonWanted) output.say(`${flags.out} answers until ${until.slice(0, 10)}; make it anew before.`)
}

interface StatusServeFlags {
  readonly data: string
  readonly responder: string
  readonly responderPassphraseFile: string
  readonly lists?: string
  readonly host: string
  readonly port: number
  readonly answerHours: number
  readonly json?: boolean
}

async function statusServeCommand(flags: StatusServeFlags): Promise<void> {
  const stop = listenForStop({ inputEnds: false })
  const output = processOutput({ json: flags.json === true })
  const log = jsonLog(systemClock, (line) => process.stderr.write(line))
  const passphrase = readPassphrase(flags.responderPassphraseFile)
  const { issuing, responder: signer } = openResponder(flags.responder, passphrase, systemClock.now())
  const index = StatusIndex.open(flags.data)
  try {
    const status = (serial: string): ReturnType<StatusIndex['status']> => index.status(serial)
    const lasts = seconds(flags.answerHours * 3600)
    const responder = new StatusResponder({ issuing, signer, status, lasts, clock: systemClock, log })
    const { host, port, lists: folder } = flags
    const server = await serveStatus({
      responder,
      host,
      port,
      ...(folder !== undefined && { folder }),
      clock: systemClock,
      log,
    })
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`
    output.json({ ready: true, url, ocsp: `${url}/ocsp` })
    if (!output.jsonWanted) output.say(`OCSP is answered at ${url}/ocsp. Stop it with Ctrl-C.`)
    await stop.told
    await server.close()
  } finally {
    index.close()
  }
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('Name a whole number from 1 on.')
}

function portNumber(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value
  throw new InvalidArgumentError('Name a port from 0 to 65535.')
}

/** Certificates of one list: were all of them revoked, it would have 3.2 MB. */
const SHARD_SIZE = 65_536
