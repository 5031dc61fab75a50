import { type Authority, createAuthority, openAuthority } from '@birthmark/factory/authority'
import { faults, type Log, type Raise } from '@birthmark/foundation/kernel'
import { readTextFile, systemClock, systemEntropy } from '@birthmark/foundation/system'

export const CA_FAULTS = {
  PASSPHRASE_FILE_EMPTY: {
    blame: 'operator',
    message: 'there is no passphrase in {path}',
    remedy: 'Write the passphrase of the CA keys into that file, on one line.',
  },
  CA_INPUT_MISSING: {
    blame: 'caller',
    message: 'there is no file {path}',
    remedy: 'Name a file that is there.',
  },
  CA_CERTIFICATE_NOT_NAMED: {
    blame: 'caller',
    message: 'no certificate is named, or two',
    remedy: 'Name one: --certificate FILE, or --serial HEX.',
  },
} as const
export const caFault: Raise<typeof CA_FAULTS> = faults(CA_FAULTS)

/** Where an authority is, and what opens it. */
export interface CaFlags {
  readonly data: string
  readonly passphraseFile: string
  readonly json?: boolean
}

/** Reads the one line of a passphrase file. @throws `PASSPHRASE_FILE_EMPTY`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` */
export function readPassphrase(path: string): string {
  const passphrase = readTextFile(path)?.trim() ?? ''
  if (passphrase === '') throw caFault('PASSPHRASE_FILE_EMPTY', { path })
  return passphrase
}

/** Reads a text file that must be there. @throws `CA_INPUT_MISSING`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` */
export function readInput(path: string): string {
  const text = readTextFile(path)
  if (text === undefined) throw caFault('CA_INPUT_MISSING', { path })
  return text
}

/**
 * Makes an authority whose two CAs are named after an organisation.
 *
 * @param makerKey The public key, PEM, of the one maker whose work orders it admits.
 */
export async function makeAuthority(
  folder: string,
  passphrase: string,
  name: string,
  log: Log,
  makerKey?: string,
): Promise<void> {
  await createAuthority({
    folder,
    passphrase,
    ...(makerKey !== undefined && { makerKey }),
    rootName: [
      { type: 'O', value: name },
      { type: 'CN', value: `${name} Root` },
    ],
    issuingName: [
      { type: 'O', value: name },
      { type: 'CN', value: `${name} Issuing CA` },
    ],
    clock: systemClock,
    entropy: systemEntropy,
    log,
  })
}

/** Opens an authority for one piece of work and closes it afterwards, whatever came of the work. */
export async function withAuthority<Value>(
  flags: CaFlags & { readonly endpointName?: readonly string[] },
  log: Log,
  work: (authority: Authority) => Promise<Value>,
): Promise<Value> {
  const authority = await openAuthority({
    folder: flags.data,
    passphrase: readPassphrase(flags.passphraseFile),
    ...(flags.endpointName !== undefined && { endpointNames: flags.endpointName }),
    clock: systemClock,
    entropy: systemEntropy,
    log,
  })
  try {
    return await work(authority)
  } finally {
    await authority.close()
  }
}
