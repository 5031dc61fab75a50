import type { Command } from 'commander'
import { type ChipFlags, commandOnChip, onChip } from './open-chip.ts'

/** `birthmark chip info`: which chip it is. */
export function infoCommand(): Command {
  return commandOnChip('info', 'Say which chip it is and what its identity slots hold.', [
    'info --chip ./meter.chip',
    'info --socket ./meter.sock --json',
  ]).action((flags: ChipFlags) => onChip(flags, showChip))
}

const showChip: Parameters<typeof onChip>[1] = async (chip, output) => {
  const identity = await chip.identify()
  const { key, certificate, trustAnchor } = chip.defaultSlots
  const holds = {
    keyLocked: await chip.isLocked(key),
    certificate: (await chip.readCertificate(certificate)) !== undefined,
    trustAnchor: (await chip.readCertificate(trustAnchor)) !== undefined,
  }
  output.json({ ...identity, ...holds })
  if (output.jsonWanted) return
  output.say(`${identity.model}, firmware ${identity.firmware}, UID ${identity.uid}`)
  output.say(`  ${key}  key, ${holds.keyLocked ? 'locked' : 'open'}`)
  output.say(`  ${certificate}  certificate, ${holds.certificate ? 'present' : 'empty'}`)
  output.say(`  ${trustAnchor}  trust anchor, ${holds.trustAnchor ? 'present' : 'empty'}`)
}
