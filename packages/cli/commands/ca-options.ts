import type { AuthoritySettings, KeyChoice } from '@birthmark/factory/authority'
import { parseMakerKey } from '@birthmark/factory/order'
import type { DistinguishedName, SignatureAlgorithm } from '@birthmark/foundation/x509'
import { Command, InvalidArgumentError, Option } from 'commander'
import { caName, parseInput } from './ca-folder.ts'

/** What the commands that set up a CA have in common. */
export interface SetupFlags {
  readonly name: string
  readonly customer?: string
  readonly algorithm?: string
  readonly key?: string
  readonly allowMlDsa?: boolean
  readonly certificatesMax?: number
  readonly makerKey?: string
}

/** A command on an authority's folder. */
export function onAuthority(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .requiredOption('--data <folder>', "the authority's folder")
    .option('--passphrase-file <path>', "the file that holds the passphrase of the authority's keys")
}

/** A command that sets up a CA: its name, its key, and what it may do. */
export function settingUp(name: string, description: string): Command {
  return withRules(onAuthority(name, description))
    .option('--name <name>', 'name of the organisation in the CA certificates', 'Birthmark')
    .option('--customer <name>', 'the one customer that the issuing CA is for, in its name')
    .option('--key <uri>', "where the key is, or is to be made: 'pkcs11:token=...;object=...?module-path=...'")
    .addOption(new Option('--algorithm <name>', 'of the keys made here').choices([...ALGORITHMS.keys()]))
}

/** Adds the options that say what an authority may do. */
export function withRules(command: Command): Command {
  return command
    .option('--allow-ml-dsa', 'allow ML-DSA-65 for this CA and its devices (RFC 9881)')
    .option('--certificates-max <n>', 'most certificates that this CA may ever sign', certificateCount)
    .option('--maker-key <file>', 'admit only work orders that this maker signed')
}

/** Gives what an authority may do, as the flags say it. */
export function rulesOf({ allowMlDsa, certificatesMax }: SetupFlags): Partial<Omit<AuthoritySettings, 'signs'>> {
  return {
    ...(allowMlDsa === true && { mlDsa: true }),
    ...(certificatesMax !== undefined && { certificatesMax }),
  }
}

/** Gives the text of the pinned maker's key. */
export function makerKeyOf({ makerKey }: SetupFlags): { readonly makerKey?: string } {
  return makerKey === undefined ? {} : { makerKey: parseInput(makerKey, soundMakerKey) }
}

/** Looks at a maker's key where its file is still known; the authority takes the text. */
function soundMakerKey(pem: string): string {
  parseMakerKey(pem)
  return pem
}

/** Gives where a key is: behind a module, or made in the folder. */
export function keyAt(uri: string | undefined, { algorithm }: SetupFlags): KeyChoice {
  // Modules make no ML-DSA keys as yet: such a key would have to be there.
  if (uri !== undefined && algorithm === 'ml-dsa-65') return { kind: 'pkcs11', uri }
  if (uri !== undefined) return { kind: 'pkcs11', uri, generate: algorithm === 'p384' ? 'ec-p384' : 'ec-p256' }
  return { kind: 'make', algorithm: ALGORITHMS.get(algorithm ?? '') ?? 'ecdsa-p256-sha256' }
}

/** Gives the name of an issuing CA; one for a customer says so. */
export function issuingName({
  name,
  customer,
}: {
  readonly name: string
  readonly customer?: string
}): DistinguishedName {
  return caName(name, customer === undefined ? 'Issuing CA' : `Issuing CA for ${customer}`)
}

/** Writes the examples that stand below the options. */
export function example(name: string, ...more: readonly string[]): string {
  const lines = more.map((words) => `  birthmark ca ${name} --data ./ca --passphrase-file ./ca.pass ${words}`)
  return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.join('\n')}`
}

function certificateCount(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('Name a whole number from 1 on.')
}

/** The algorithms of keys that are made here; RSA is for CAs that exist already. */
const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['p256', 'ecdsa-p256-sha256'],
  ['p384', 'ecdsa-p384-sha384'],
  ['ml-dsa-65', 'ml-dsa-65'],
])
