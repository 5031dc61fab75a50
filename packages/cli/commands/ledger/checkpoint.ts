import {
  checkpointOf,
  formatCheckpoint,
  keyIdOf,
  proveConsistency,
  readCheckpoint,
  viewLedger,
  witnessCheckpoint,
} from '@birthmark/factory/ledger'
import { parseMakerKey } from '@birthmark/factory/order'
import { replaceFile } from '@birthmark/foundation/system'
import { SoftwareSigner } from '@birthmark/foundation/x509'
import { processOutput } from '../../output.ts'
import { caFault, namedFile, readInput, readPassphrase } from '../ca-folder.ts'

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
      const grown = await proveConsistency(view, readCheckpoint(readInput(since)), checkpoint)
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

/** `birthmark ledger witness`. @throws `CHECKPOINT_INVALID`, `LEDGER_WRITER_UNFIT`, and of keys and files */
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
  const signer = SoftwareSigner.fromEncryptedPem(readInput(flags.key), readPassphrase(flags.passphraseFile))
  if (previous !== undefined && consistency === undefined) throw caFault('CA_INPUT_MISSING', { path: '--consistency' })
  const last = previous !== undefined &&
    consistency !== undefined && {
      previous: { checkpoint: readCheckpoint(readInput(previous)), consistency: readInput(consistency) },
    }
  const witnessed = await witnessCheckpoint({
    checkpoint: readCheckpoint(readInput(path)),
    writerKey: parseMakerKey(readInput(flags.writerKey)),
    witness: { name, signer },
    ...last,
  })
  replaceFile(out, formatCheckpoint(witnessed), { mode: 0o644 })
  output.json({ checkpoint: out, size: witnessed.size, witness: keyIdOf(signer.publicKey) })
  if (!output.jsonWanted) output.say(`${out} is signed by ${name}. Keep it: the next one must have grown from it.`)
}
