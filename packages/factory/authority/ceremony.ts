import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ChainedLog } from '@birthmark/factory/ledger'
import { type Clock, type Entropy, encodeUtf8, inFile, type Log, messageOf } from '@birthmark/foundation/kernel'
import { asFileFault, replaceFile } from '@birthmark/foundation/system'
import { type Certificate, formatName, parseCertificate, toPem, verifyCsr } from '@birthmark/foundation/x509'
import {
  type CeremonyFacts,
  type CeremonyRecord,
  readCeremonyRecord,
  sealedMessage,
  TRANSCRIPT_FORMAT,
  writeCeremonyRecord,
} from './ceremony-records.ts'
import { type CeremonyStep, parseCeremonyScript } from './ceremony-script.ts'
import { createAuthority } from './create.ts'
import { readAuthorityCertificate } from './folder.ts'
import { openKey } from './keys.ts'
import { openAuthority } from './open.ts'
import { CheckedProfile } from './profile-file.ts'
import { setupFault } from './setup-faults.ts'

/** What a ceremony needs. */
export interface CeremonyOptions {
  /** The script, as its file holds it. */
  readonly script: string
  /** Where the files that the script names are. */
  readonly folder: string
  /** Where the transcript goes; absent so far. */
  readonly transcriptPath: string
  /** Encrypts, or opens, the key of a root in a folder. */
  readonly passphrase?: string
  /**
   * Asks whether a step may be done, and is told what it is. Gives the name of whoever says so; `undefined` breaks the
   * ceremony off.
   */
  readonly confirm: (step: number, what: string) => Promise<string | undefined>
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
}

/**
 * Runs a key ceremony: each step is confirmed, written down, done, and written down again with what came of it; at the
 * end the root's key signs the transcript. A ceremony that breaks off says so in its transcript and is not resumed:
 * what was made stays, and another script goes on from there.
 *
 * @returns The root.
 * @throws `CEREMONY_SCRIPT_INVALID`, `CEREMONY_TRANSCRIPT_EXISTS`, `CEREMONY_BROKEN_OFF`, and what the steps throw
 */
export async function runCeremony(options: CeremonyOptions): Promise<Certificate> {
  const { script: text, transcriptPath } = options
  const script = parseCeremonyScript(text)
  if (existsSync(transcriptPath)) throw setupFault('CEREMONY_TRANSCRIPT_EXISTS', { path: transcriptPath })
  const transcript = await openTranscript(options)
  try {
    const { title, present } = script
    await transcript.append({
      kind: 'ceremony',
      format: TRANSCRIPT_FORMAT,
      title,
      script: sha256(encodeUtf8(text)),
      present,
    })
    for (const [index, step] of script.steps.entries()) await runStep(index + 1, step, transcript, options)
    return await seal(rootFolderOf(script.steps, options), transcript, options)
  } finally {
    await transcript.close()
  }
}

function openTranscript({ transcriptPath: path, clock, log }: CeremonyOptions): Promise<ChainedLog<CeremonyRecord>> {
  const replay = (): void => undefined
  return ChainedLog.open({ path, clock, log, write: writeCeremonyRecord, read: readCeremonyRecord, replay })
}

async function runStep(
  number: number,
  step: CeremonyStep,
  transcript: ChainedLog<CeremonyRecord>,
  options: CeremonyOptions,
): Promise<void> {
  const what = describe(step)
  const confirmedBy = await options.confirm(number, what)
  if (confirmedBy === undefined) {
    await transcript.append({ kind: 'broken-off', step: number, why: 'nobody confirmed the step' })
    throw setupFault('CEREMONY_BROKEN_OFF', { step: number, what })
  }
  await transcript.append({ kind: 'begun', step: number, what, confirmedBy })
  try {
    await transcript.append({ kind: 'done', step: number, facts: await act(step, options) })
  } catch (error) {
    const why = messageOf(error)
      .replaceAll(/\p{Cc}/gu, ' ')
      .slice(0, WHY_CHARACTERS_MAX)
    await transcript.append({ kind: 'broken-off', step: number, why })
    throw error
  }
}

/** Says in a sentence what a step does. */
function describe(step: CeremonyStep): string {
  switch (step.do) {
    case 'confirm':
      return step.text
    case 'make-root':
      return `Make the root of ${step.name} in ${step.folder}, with a key ${step.algorithm}${placeOf(step)}.`
    case 'open-root':
      return `Open the root in ${step.folder}.`
    case 'sign-ca':
      return `Sign the CA that ${step.csr} asks for, under the profile ${step.profile}, into ${step.out}.`
    case 'hash':
      return `Write down the hash of ${step.file}.`
  }
}

function placeOf({ key }: { readonly key?: string }): string {
  return key === undefined ? '' : ` at ${key}`
}

async function act(step: CeremonyStep, options: CeremonyOptions): Promise<CeremonyFacts> {
  switch (step.do) {
    case 'confirm':
      return []
    case 'make-root':
      return makeRoot(step, options)
    case 'open-root':
      return rootFacts(readAuthorityCertificate(join(options.folder, step.folder), 'rootCertificate'))
    case 'sign-ca':
      return signCa(step, options)
    case 'hash':
      return [{ name: `SHA-256 of ${step.file}`, value: sha256(readBytes(join(options.folder, step.file))) }]
  }
}

async function makeRoot(
  { folder, name, algorithm, key }: CeremonyStep & { readonly do: 'make-root' },
  { folder: place, passphrase, clock, entropy, log }: CeremonyOptions,
): Promise<CeremonyFacts> {
  const generate = algorithm === 'ecdsa-p384-sha384' ? 'ec-p384' : 'ec-p256'
  const { root } = await createAuthority({
    folder: join(place, folder),
    ...(passphrase !== undefined && { passphrase }),
    rootName: [
      { type: 'O', value: name },
      { type: 'CN', value: `${name} Root` },
    ],
    algorithm,
    ...(key !== undefined && { rootKey: { kind: 'pkcs11', uri: key, generate } }),
    ...(algorithm === 'ml-dsa-65' && { settings: { mlDsa: true } }),
    clock,
    entropy,
    log,
  })
  return rootFacts(root)
}

function rootFacts(root: Certificate): CeremonyFacts {
  return [
    { name: 'root', value: formatName(root.subject) },
    { name: 'SHA-256 of its certificate', value: root.fingerprint },
    { name: 'SHA-256 of its public key', value: sha256(root.publicKey) },
    { name: 'valid until', value: new Date(root.notAfter).toISOString() },
  ]
}

async function signCa(
  { csr: file, profile: named, out }: CeremonyStep & { readonly do: 'sign-ca' },
  options: CeremonyOptions,
): Promise<CeremonyFacts> {
  const { folder, passphrase, clock, entropy, log } = options
  const { der } = parseFile(folder, file, (text) => verifyCsr(text, { mlDsa: true }))
  const profile = existsSync(join(folder, named))
    ? parseFile(folder, named, (text) => CheckedProfile.parse(text))
    : named
  const root = rootFolderOf(parseCeremonyScript(options.script).steps, options)
  const opened = { folder: root, ...(passphrase !== undefined && { passphrase }), clock, entropy, log }
  const authority = await openAuthority(opened)
  try {
    const issued = await authority.issue({ kind: 'ca', csr: der, profile })
    const bundle = [issued.certificate, ...issued.intermediates, issued.root]
    const pem = bundle.map((each) => toPem('CERTIFICATE', each)).join('')
    replaceFile(join(folder, out), pem, { mode: 0o644 })
    const made = parseCertificate(issued.certificate)
    return [
      { name: `SHA-256 of ${file}`, value: sha256(readBytes(join(folder, file))) },
      { name: 'CA', value: formatName(made.subject) },
      { name: 'serial number', value: made.serialNumber },
      { name: 'SHA-256 of its certificate', value: made.fingerprint },
      { name: `SHA-256 of ${out}`, value: sha256(encodeUtf8(pem)) },
    ]
  } finally {
    await authority.close()
  }
}

/** The root's key signs the hash of the last line; what was written can then not be changed without that key. */
async function seal(
  rootFolder: string,
  transcript: ChainedLog<CeremonyRecord>,
  { passphrase }: CeremonyOptions,
): Promise<Certificate> {
  const root = readAuthorityCertificate(rootFolder, 'rootCertificate')
  const key = await openKey(rootFolder, 'root', passphrase)
  try {
    const signature = await key.signer.sign(encodeUtf8(sealedMessage(transcript.head.hash)))
    await transcript.append({ kind: 'sealed', root: root.der, signature })
    return root
  } finally {
    await key.close()
  }
}

function rootFolderOf(steps: readonly CeremonyStep[], { folder }: CeremonyOptions): string {
  const step = steps.find((candidate) => candidate.do === 'make-root' || candidate.do === 'open-root')
  return join(folder, step !== undefined && 'folder' in step ? step.folder : '')
}

/** Reads a file that the script names; what is wrong in it names the file, as the script does. */
function parseFile<Value>(folder: string, name: string, parse: (text: string) => Value): Value {
  const text = readBytes(join(folder, name)).toString()
  try {
    return parse(text)
  } catch (error) {
    throw inFile(name, error)
  }
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw asFileFault(error, path)
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** How much of a failure's text goes into the transcript, in characters. */
const WHY_CHARACTERS_MAX = 1000
