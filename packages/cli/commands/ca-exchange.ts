import {
  acceptCertificate,
  importAuthority,
  type KeyChoice,
  parseKnownSerials,
  requestCertificate,
} from '@birthmark/factory/authority'
import { encodeUtf8, inFile, silentLog } from '@birthmark/foundation/kernel'
import { replaceFile, systemClock } from '@birthmark/foundation/system'
import {
  type Certificate,
  formatName,
  fromPem,
  parseCertificate,
  parseCertificates,
  readPkcs12,
  SoftwareSigner,
  toPem,
} from '@birthmark/foundation/x509'
import { type Command, Option } from 'commander'
import { processOutput } from '../output.ts'
import {
  type CaFlags,
  caFault,
  caName,
  parseInput,
  passphraseOf,
  readInput,
  readInputBytes,
  readPassphrase,
  withAuthority,
} from './ca-folder.ts'
import {
  example,
  issuingName,
  keyAt,
  makerKeyOf,
  onAuthority,
  rulesOf,
  type SetupFlags,
  settingUp,
  withRules,
} from './ca-options.ts'
import { profileNamed } from './ca-profile.ts'
import { showCommand } from './ca-work.ts'

/** `birthmark ca request`: the key of a CA that another company signs. */
export function caRequest(): Command {
  return settingUp('request', 'Make the key of a CA that another company signs, and the request that goes there.')
    .addOption(signsOption())
    .requiredOption('--out <file>', 'where the request goes (PEM)')
    .addHelpText('after', example('request', '--name "Acme Chips" --customer "Borealis" --out ./acme.csr'))
    .action(requestCommand)
}

async function requestCommand(
  flags: CaFlags & SetupFlags & { readonly signs: 'devices' | 'cas'; readonly out: string },
): Promise<void> {
  const { data, name, signs, out, key, json } = flags
  const subject = signs === 'cas' ? caName(name, 'Intermediate CA') : issuingName(flags)
  const csr = await requestCertificate({
    folder: data,
    ...passphraseOf(flags),
    name: subject,
    key: keyAt(key, flags),
    settings: { ...rulesOf(flags), signs },
    ...makerKeyOf(flags),
  })
  replaceFile(out, toPem('CERTIFICATE REQUEST', csr), { mode: 0o644 })
  const output = processOutput({ json: json === true })
  output.json({ request: out, subject: formatName(subject) })
  if (!output.jsonWanted) output.say(`Send ${out} to whoever signs it; 'birthmark ca accept' takes what comes back.`)
}

/** `birthmark ca accept`: the certificate that came back. */
export function caAccept(): Command {
  return onAuthority('accept', "Take the certificate of this CA, signed elsewhere, and its issuers' up to the root.")
    .requiredOption('--certificate <file...>', 'the certificates, PEM, in one file or several, in any order')
    .addHelpText('after', example('accept', '--certificate ./acme.pem'))
    .action(acceptCommand)
}

async function acceptCommand(flags: CaFlags & { readonly certificate: readonly string[] }): Promise<void> {
  const certificates = certificatesIn(flags.certificate)
  await acceptCertificate({
    folder: flags.data,
    ...passphraseOf(flags),
    certificates,
    clock: systemClock,
    log: silentLog,
  })
  await showCommand(flags)
}

/** `birthmark ca sign`: a CA under this one. */
export function caSign(): Command {
  return onAuthority(
    'sign',
    "Sign another company's CA: its request comes as a file, its certificate goes back as one.",
  )
    .requiredOption('--csr <file>', 'the request, PEM')
    .option('--profile <name>', 'intermediate-ca, issuing-ca, or a profile file for CAs', 'issuing-ca')
    .requiredOption('--out <file>', 'where the certificate and its issuers go (PEM)')
    .addHelpText('after', example('sign', '--csr ./acme.csr --out ./acme.pem'))
    .action(signCommand)
}

async function signCommand(
  flags: CaFlags & { readonly csr: string; readonly profile: string; readonly out: string },
): Promise<void> {
  const { out, json } = flags
  const text = readInput(flags.csr)
  const [csr = encodeUtf8(text)] = fromPem(text, 'CERTIFICATE REQUEST')
  const profile = profileNamed(flags.profile)
  await withAuthority(flags, silentLog, async (authority) => {
    const issued = await authority.issue({ kind: 'ca', csr, profile })
    const bundle = [issued.certificate, ...issued.intermediates, issued.root]
    replaceFile(out, bundle.map((der) => toPem('CERTIFICATE', der)).join(''), { mode: 0o644 })
    const { subject, serialNumber, fingerprint } = parseCertificate(issued.certificate)
    const output = processOutput({ json: json === true })
    output.json({ certificate: out, subject: formatName(subject), serial: serialNumber, fingerprint })
    if (!output.jsonWanted) output.say(`Send ${out} back: it holds ${formatName(subject)} and its issuers.`)
  })
}

/** `birthmark ca import`: a CA that exists. */
export function caImport(): Command {
  return withRules(
    onAuthority('import', 'Make an authority of a CA that exists: PEM files, PKCS#12, or a PKCS#11 object.'),
  )
    .option('--certificate <file...>', 'its certificate and its issuers up to the root, PEM, in any order')
    .option('--key <file or uri>', "its private key in PEM, or 'pkcs11:token=...;object=...?module-path=...'")
    .option('--pkcs12 <file>', 'or both in one PKCS#12 file')
    .option('--key-passphrase-file <path>', 'the file that holds the passphrase of that key, or of that PKCS#12 file')
    .option('--known-serials <file>', "serial numbers that exist: hex lines, openssl's index.txt, or certificates")
    .addOption(signsOption())
    .addHelpText(
      'after',
      example(
        'import',
        '--certificate ./old-ca.pem --key ./old-ca.key --known-serials ./index.txt',
        '--pkcs12 ./old-ca.p12 --key-passphrase-file ./p12.pass',
      ),
    )
    .action(importCommand)
}

interface ImportFlags extends CaFlags, Omit<SetupFlags, 'name'> {
  readonly certificate?: readonly string[]
  readonly pkcs12?: string
  readonly keyPassphraseFile?: string
  readonly knownSerials?: string
  readonly signs: 'devices' | 'cas'
}

async function importCommand(flags: ImportFlags): Promise<void> {
  const { data, signs, knownSerials } = flags
  const { key, certificates } = materialOf(flags)
  await importAuthority({
    folder: data,
    ...passphraseOf(flags),
    key,
    certificates: [...certificates, ...certificatesIn(flags.certificate ?? [])],
    ...(knownSerials !== undefined && { known: parseInput(knownSerials, parseKnownSerials) }),
    settings: { ...rulesOf({ ...flags, name: '' }), signs },
    ...makerKeyOf({ ...flags, name: '' }),
    clock: systemClock,
    log: silentLog,
  })
  await showCommand(flags)
}

function materialOf(flags: ImportFlags): { readonly key: KeyChoice; readonly certificates: readonly Certificate[] } {
  const { key, pkcs12, keyPassphraseFile } = flags
  if ((key === undefined) === (pkcs12 === undefined)) throw caFault('CA_KEY_NOT_NAMED')
  const passphrase = keyPassphraseFile === undefined ? undefined : readPassphrase(keyPassphraseFile)
  if (pkcs12 !== undefined) {
    const read = readBundle(pkcs12, passphrase ?? '')
    return { key: { kind: 'import', signer: read.key }, certificates: read.certificates }
  }
  if (key?.startsWith('pkcs11:') === true) return { key: { kind: 'pkcs11', uri: key }, certificates: [] }
  const signer = parseInput(key ?? '', (pem) => SoftwareSigner.import(pem, passphrase))
  return { key: { kind: 'import', signer }, certificates: [] }
}

function readBundle(path: string, passphrase: string): ReturnType<typeof readPkcs12> {
  const bytes = readInputBytes(path)
  try {
    return readPkcs12(bytes, passphrase)
  } catch (error) {
    throw inFile(path, error)
  }
}

function certificatesIn(files: readonly string[]): readonly Certificate[] {
  return files.flatMap((file) => parseInput(file, parseCertificates))
}

function signsOption(): Option {
  return new Option('--signs <what>', 'what it signs').choices(['devices', 'cas']).default('devices')
}
