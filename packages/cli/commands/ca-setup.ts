import { createAuthority } from '@birthmark/factory/authority'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import type { Command } from 'commander'
import { type CaFlags, caName, passphraseOf } from './ca-folder.ts'
import { example, issuingName, keyAt, makerKeyOf, rulesOf, type SetupFlags, settingUp } from './ca-options.ts'
import { showCommand } from './ca-work.ts'

/** `birthmark ca new`: a root with or without an issuing CA under it. */
export function caNew(): Command {
  return settingUp('new', 'Make a root CA and an issuing CA under it, in a folder that is empty or absent.')
    .option('--root-only', 'make a root that signs CAs and nothing else, to keep offline')
    .option('--root-key <uri>', "where the root's key is, when it is behind a PKCS#11 module")
    .addHelpText(
      'after',
      example(
        'new',
        '--name "Acme Chips"',
        '--name "Acme Chips" --root-only --algorithm p384',
        "--key 'pkcs11:token=acme;object=issuing?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=./hsm.pin'",
      ),
    )
    .action(newCommand)
}

async function newCommand(
  flags: CaFlags & SetupFlags & { readonly rootOnly?: boolean; readonly rootKey?: string },
): Promise<void> {
  const { data, name, rootOnly = false } = flags
  // A root without an issuing CA has one key, and --key is that.
  const rootUri = flags.rootKey ?? (rootOnly ? flags.key : undefined)
  await createAuthority({
    folder: data,
    ...passphraseOf(flags),
    rootName: caName(name, 'Root'),
    rootKey: keyAt(rootUri, flags),
    ...(!rootOnly && { issuingName: issuingName(flags), issuingKey: keyAt(flags.key, flags) }),
    settings: rulesOf(flags),
    ...makerKeyOf(flags),
    clock: systemClock,
    entropy: systemEntropy,
    log: silentLog,
  })
  await showCommand(flags)
}
