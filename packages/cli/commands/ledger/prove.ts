import { checkProof, proveDevice, readCheckpoint, viewLedger } from '@birthmark/factory/ledger'
import { parseMakerKey } from '@birthmark/factory/order'
import { replaceFile } from '@birthmark/foundation/system'
import { processOutput } from '../../output.ts'
import { namedFile, parseInput } from '../ca-folder.ts'

/** `birthmark ledger prove`. @throws `LEDGER_DEVICE_UNKNOWN`, `CHECKPOINT_INVALID`, and the faults of ledgers */
export async function proveCommand(
  path: string,
  uid: string,
  flags: { readonly out: string; readonly checkpoint?: string; readonly json?: boolean },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { out, checkpoint } = flags
  const { view, close } = await viewLedger(namedFile(path))
  try {
    const against = checkpoint === undefined ? undefined : parseInput(checkpoint, readCheckpoint)
    const proof = await proveDevice(view, uid, against)
    replaceFile(out, proof, { mode: 0o644 })
    output.json({ proof: out, bytes: Buffer.byteLength(proof) })
    if (!output.jsonWanted)
      output.say(`${out} shows in ${Buffer.byteLength(proof)} bytes that ${uid} is in the ledger.`)
  } finally {
    await close()
  }
}

/** `birthmark ledger check-proof`. @throws `PROOF_INVALID`, and the faults of keys and files */
export function checkProofCommand(
  path: string,
  flags: { readonly writerKey: readonly string[]; readonly witnessKey?: readonly string[]; readonly json?: boolean },
): void {
  const output = processOutput({ json: flags.json === true })
  const keys = (files: readonly string[]): Uint8Array[] => files.map((file) => parseInput(file, parseMakerKey))
  const [writers, witnesses] = [keys(flags.writerKey), keys(flags.witnessKey ?? [])]
  const { ledger, uid, entries } = parseInput(path, (proof) => checkProof(proof, { writers, witnesses }))
  const shown = entries.map(({ seq, time, content }) => ({
    seq,
    time: new Date(time).toISOString(),
    kind: content.kind,
  }))
  output.json({ ledger, uid, entries: shown })
  if (output.jsonWanted) return
  output.say(`${uid} is in the ledger ${ledger}:`)
  for (const { time, kind, seq } of shown) output.say(`  ${time}  ${kind}  (line ${seq + 1})`)
}
