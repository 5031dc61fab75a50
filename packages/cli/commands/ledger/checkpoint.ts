import {
  checkpointOf,
  formatCheckpoint,
  keyIdOf,
  ledgerFault,
  proveConsistency,
  readCheckpoint,
  viewLedger,
  witnessCheckpoint,
} from '@birthmark/factory/ledger'
import { parseMakerKey } from '@birthmark/factory/order'
import { replaceFile } from '@birthmark/foundation/system'
import { processOutput } from '../../output.ts'
import { namedFile, openKeyFile, parseInput, readInput, readPassphrase } from '../ca-folder.ts'

/** `birthmark ledger checkpoint`. @throws `CHECKPOINT_INVALID`, and the faults of ledgers */
export async function checkpointCommand(
  path: string,
  flags: { readonly out: string; readonly since?: string; readonly consistencyOut?: string; readonly json?: boolean },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { out, since, consistencyOut } = flags
  const { view, close } = await viewLedger(namedFile(path))
  try {
    const checkpoint = await checkpointOf(view)
    if (since !== undefined) {
      const grown = await proveConsistency(view, parseInput(since, readCheckpoint), checkpoint)
      replaceFile(consistencyOut ?? `${out}.consistency`, grown, { mode: 0o644 })
    }
    replaceFile(out, formatCheckpoint(checkpoint), { mode: 0o644 })
    const { ledger, size, root } = checkpoint
    output.json({ checkpoint: out, ledger, size, root: Buffer.from(root).toString('hex') })
    if (!output.jsonWanted) output.say(`${out} stands for the first ${size} lines of ledger ${ledger}.`)
  } finally {
    await close()
  }
}

/** `birthmark ledger witness`. @throws `LEDGER_CONSISTENCY_MISSING`, `CHECKPOINT_INVALID`, and of keys and files */
export async function witnessCommand(
  path: string,
  flags: {
    readonly writerKey: string
    readonly name: string
    readonly key: string
    readonly passphraseFile: string
    readonly out: string
    readonly previous?: string
    readonly consistency?: string
    readonly json?: boolean
  },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { previous, consistency, name, out } = flags
  const signer = openKeyFile(flags.key, readPassphrase(flags.passphraseFile))
  if (previous !== undefined && consistency === undefined) throw ledgerFault('LEDGER_CONSISTENCY_MISSING')
  const last = previous !== undefined &&
    consistency !== undefined && {
      previous: { checkpoint: parseInput(previous, readCheckpoint), consistency: readInput(consistency) },
    }
  const witnessed = await witnessCheckpoint({
    checkpoint: parseInput(path, readCheckpoint),
    writerKey: parseInput(flags.writerKey, parseMakerKey),
    witness: { name, signer },
    ...last,
  })
  replaceFile(out, formatCheckpoint(witnessed), { mode: 0o644 })
  output.json({ checkpoint: out, size: witnessed.size, witness: keyIdOf(signer.publicKey) })
  if (!output.jsonWanted) output.say(`${out} is signed by ${name}. Keep it: the next one must have grown from it.`)
}
