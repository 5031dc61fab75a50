import { ledgerFault, readCheckpoint, verifyLedger } from '@birthmark/factory/ledger'
import { parseManifest } from '@birthmark/factory/manifest'
import { parseMakerKey } from '@birthmark/factory/order'
import { processOutput } from '../../output.ts'
import { namedFile, parseInput } from '../ca-folder.ts'

/** `birthmark ledger verify`. @throws `LEDGER_DAMAGED`, `LEDGER_FOUNDER_OTHER`, and of what it is compared with */
export async function verifyCommand(
  path: string,
  flags: {
    readonly manifest?: string
    readonly checkpoint?: string
    readonly writerKey?: string
    readonly witnessKey?: readonly string[]
    readonly json?: boolean
  },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { manifest, checkpoint, writerKey, witnessKey } = flags
  const verdict = await verifyLedger(namedFile(path), {
    ...(manifest !== undefined && { head: parseInput(manifest, parseManifest).ledger }),
    ...(checkpoint !== undefined && { checkpoint: parseInput(checkpoint, readCheckpoint) }),
    ...(writerKey !== undefined && { founder: parseInput(writerKey, parseMakerKey) }),
    ...(witnessKey !== undefined && { witnesses: witnessKey.map((file) => parseInput(file, parseMakerKey)) }),
  })
  if (!verdict.ok) throw ledgerFault('LEDGER_DAMAGED', { path, line: verdict.line, why: verdict.why })
  const { format, entries, hash, tornBytes, writers } = verdict
  output.json({ format, entries, hash, tornBytes, writers })
  if (output.jsonWanted) return
  output.say(`${path} holds ${entries} entries, each as it was written. The last has the hash ${hash}.`)
  for (const { name, keyId } of writers) output.say(`  signed by ${name}, key ${keyId}`)
  if (writers.length === 0) output.say('  It is of the form before signatures: only its chain was checked.')
  if (tornBytes > 0) output.say(`${tornBytes} bytes after it are a write that was cut short; nobody relied on them.`)
}
