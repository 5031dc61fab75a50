import { keyIdOf, Ledger, type LedgerRecord, ledgerFault, viewLedger } from '@birthmark/factory/ledger'
import { parseMakerKey } from '@birthmark/factory/order'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import type { Signer } from '@birthmark/foundation/x509'
import { type Output, processOutput } from '../../output.ts'
import { namedFile, openKeyFile, parseInput, readPassphrase } from '../ca-folder.ts'

/** The key that an entry is signed with. */
interface KeyFlags {
  readonly key: string
  readonly passphraseFile: string
  readonly json?: boolean
}

/** `birthmark ledger add`. @throws `LEDGER_DEVICE_UNKNOWN`, `LEDGER_STEP_REFUSED`, and the faults of ledgers */
export async function addCommand(
  event: string,
  path: string,
  uids: readonly string[],
  flags: KeyFlags & { readonly to?: string; readonly reason: string },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  await withLedger(path, flags, async (ledger) => {
    const records = uids.map((uid) => recordOf(event, uid, ledger, flags))
    for (const record of records) await ledger.record(record)
    tell(records, output)
  })
}

/** `birthmark ledger admit`. @throws `LEDGER_WRITER_UNFIT`, and the faults of ledgers */
export async function admitCommand(
  path: string,
  flags: KeyFlags & { readonly writerKey: string; readonly writerName: string },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const publicKey = parseInput(flags.writerKey, parseMakerKey)
  await withLedger(path, flags, (ledger) => ledger.admitWriter({ name: flags.writerName, publicKey }))
  output.json({ writer: flags.writerName, keyId: keyIdOf(publicKey) })
  if (!output.jsonWanted) output.say(`${flags.writerName} may write into ${path} from now on.`)
}

/** Opens a ledger that is there, with a key that may write into it, for one piece of work. */
async function withLedger(
  path: string,
  { key, passphraseFile }: KeyFlags,
  work: (ledger: Ledger) => Promise<void>,
): Promise<void> {
  const signer = openKeyFile(key, readPassphrase(passphraseFile))
  const name = await writerNameOf(path, signer)
  const ports = { clock: systemClock, entropy: systemEntropy, log: silentLog }
  const ledger = await Ledger.open({ path, writer: { name, signer }, ...ports })
  try {
    await work(ledger)
  } finally {
    await ledger.close()
  }
}

/** A ledger that is not there is not made here: it would be the wrong one. */
async function writerNameOf(path: string, signer: Signer): Promise<string> {
  const { view, close } = await viewLedger(namedFile(path))
  const writer = view.writers.get(keyIdOf(signer.publicKey))
  await close()
  if (writer === undefined) throw ledgerFault('LEDGER_WRITER_UNKNOWN', { path, name: keyIdOf(signer.publicKey) })
  return writer.name
}

function recordOf(
  event: string,
  uid: string,
  ledger: Ledger,
  { to, reason }: { readonly to?: string; readonly reason: string },
): LedgerRecord {
  const device = ledger.device(uid)
  if (device === undefined) throw ledgerFault('LEDGER_DEVICE_UNKNOWN', { uid })
  const of = { order: device.order, uid }
  if (event === 'revoked') return { kind: event, ...of, reason }
  if (event !== 'shipped' && event !== 'owner-changed') throw ledgerFault('LEDGER_STAGE_UNKNOWN', { stage: event })
  if (to === undefined) throw ledgerFault('LEDGER_RECEIVER_MISSING', { event })
  return { kind: event, ...of, to }
}

function tell(records: readonly LedgerRecord[], output: Output): void {
  for (const record of records) {
    output.json(record)
    if (!output.jsonWanted) output.say(`${record.uid} ${record.kind}`)
  }
}
