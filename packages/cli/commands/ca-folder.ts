import { existsSync, readFileSync } from 'node:fs'
import { type Authority, createAuthority, openAuthority } from '@birthmark/factory/authority'
import { faults, inFile, type Log, type Raise } from '@birthmark/foundation/kernel'
import { asFileFault, readTextFile, replaceFile, systemClock, systemEntropy } from '@birthmark/foundation/system'
import { type DistinguishedName, SoftwareSigner } from '@birthmark/foundation/x509'

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
  KEY_FILE_TAKEN: {
    blame: 'operator',
    message: 'there is a file {path} already, and a key that was replaced would be gone for good',
    remedy: 'Name another file, or move that one away if nothing trusts its key any more.',
  },
  CA_PASSPHRASE_NOT_NAMED: {
    blame: 'caller',
    message: 'the passphrase of a key is needed, and its file was not named',
    remedy: 'Add --passphrase-file FILE; only an authority whose keys are all behind PKCS#11 modules has none.',
  },
  CA_KEY_NOT_NAMED: {
    blame: 'caller',
    message: 'no private key is named, or two',
    remedy: 'Name one: --key FILE, --key PKCS11-URI, or --pkcs12 FILE.',
  },
  CA_PLUG_NOT_NAMED: {
    blame: 'caller',
    message: 'no way to the CA elsewhere is named, or two',
    remedy: 'Name one: --command PROGRAM WORDS..., or --url ADDRESS.',
  },
  CA_PROFILE_BREAKS_RULES: {
    blame: 'operator',
    message: 'certificates of the profile in {file} would break rules: {rules}',
    remedy: 'Change the profile until every rule holds; docs/reference/profiles.md lists them.',
  },
  CA_CERTIFICATE_UNKNOWN: {
    blame: 'caller',
    message: 'no certificate with the serial number {serial} exists here, or may exist',
    remedy: 'Give the serial number in hex, and the folder of the authority that issued the certificate.',
  },
  CA_AUTHORITY_NOT_NAMED: {
    blame: 'caller',
    message: 'no authority is named, or two',
    remedy: 'Name one: --data FOLDER, or --socket PATH of the process that serves it.',
  },
  CA_SOCKET_UNREACHABLE: {
    blame: 'operator',
    message: 'no authority answers on {path}: {why}',
    remedy: "Start it with 'birthmark ca serve', or name its folder with --data.",
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
  readonly passphraseFile?: string
  readonly json?: boolean
}

/** Reads the one line of a passphrase file. @throws `PASSPHRASE_FILE_EMPTY`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` */
export function readPassphrase(path: string): string {
  const passphrase = readTextFile(path)?.trim() ?? ''
  if (passphrase === '') throw caFault('PASSPHRASE_FILE_EMPTY', { path })
  return passphrase
}

/** Gives the passphrase that the flags lead to, or none. */
export function passphraseOf({ passphraseFile }: CaFlags): { readonly passphrase?: string } {
  return passphraseFile === undefined ? {} : { passphrase: readPassphrase(passphraseFile) }
}

/** Reads a text file that must be there. @throws `CA_INPUT_MISSING`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` */
export function readInput(path: string): string {
  const text = readTextFile(path)
  if (text === undefined) throw caFault('CA_INPUT_MISSING', { path })
  return text
}

/**
 * Reads a text file that must be there with `parse`, whose faults then name the file.
 *
 * @throws `CA_INPUT_MISSING`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE`, and what `parse` throws
 */
export function parseInput<Value>(path: string, parse: (text: string) => Value): Value {
  const text = readInput(path)
  try {
    return parse(text)
  } catch (error) {
    throw inFile(path, error)
  }
}

/** Opens a private key, encrypted PKCS#8 in PEM. @throws What {@link parseInput} throws, and of keys */
export function openKeyFile(path: string, passphrase: string): SoftwareSigner {
  return parseInput(path, (pem) => SoftwareSigner.fromEncryptedPem(pem, passphrase))
}

/** Gives a path that a command reads from by itself, once there is something. @throws `CA_INPUT_MISSING` */
export function namedFile(path: string): string {
  if (!existsSync(path)) throw caFault('CA_INPUT_MISSING', { path })
  return path
}

/** Writes a new private key, encrypted, where no file is. @throws `KEY_FILE_TAKEN`, and of files */
export function writeNewKey(path: string, pem: string): void {
  if (existsSync(path)) throw caFault('KEY_FILE_TAKEN', { path })
  replaceFile(path, pem)
}

/** Reads a file of bytes that must be there. @throws `CA_INPUT_MISSING`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` */
export function readInputBytes(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw caFault('CA_INPUT_MISSING', { path })
    throw asFileFault(error, path)
  }
}

/** Makes an authority whose two CAs are named after an organisation. */
export async function makeAuthority(folder: string, passphrase: string, name: string, log: Log): Promise<void> {
  await createAuthority({
    folder,
    passphrase,
    rootName: caName(name, 'Root'),
    issuingName: caName(name, 'Issuing CA'),
    clock: systemClock,
    entropy: systemEntropy,
    log,
  })
}

/** Gives the name of a CA: the organisation, and what the CA is. */
export function caName(organisation: string, what: string): DistinguishedName {
  return [
    { type: 'O', value: organisation },
    { type: 'CN', value: `${organisation} ${what}` },
  ]
}

/** Opens an authority for one piece of work and closes it afterwards, whatever came of the work. */
export async function withAuthority<Value>(
  flags: CaFlags & { readonly endpointName?: readonly string[] },
  log: Log,
  work: (authority: Authority) => Promise<Value>,
): Promise<Value> {
  const authority = await openAuthority({
    folder: flags.data,
    ...passphraseOf(flags),
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
