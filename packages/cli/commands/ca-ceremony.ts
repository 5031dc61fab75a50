import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { type CeremonyRecord, runCeremony, verifyCeremony } from '@birthmark/factory/authority'
import { inFile, isFault, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { formatName, parseCertificate } from '@birthmark/foundation/x509'
import { Command } from 'commander'
import { type Output, processOutput } from '../output.ts'
import { parseInput, passphraseOf, readInput } from './ca-folder.ts'

/** `birthmark ca ceremony`: keys made before witnesses. */
export function caCeremony(): Command {
  return new Command('ceremony')
    .description('A key ceremony: a script is worked through step by step, and the root signs what was done.')
    .addCommand(ceremonyRun())
    .addCommand(ceremonyVerify())
}

function ceremonyRun(): Command {
  return new Command('run')
    .description('Work through a script. Each step waits for the name of somebody who is present.')
    .requiredOption('--script <file>', 'the script; the files that it names are beside it')
    .requiredOption('--transcript <file>', 'where the transcript goes')
    .option('--passphrase-file <path>', "the file that holds the passphrase of the root's key")
    .option('--yes', 'do every step without asking; the transcript says so')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark ca ceremony run --script ./ceremony.json --transcript ./ceremony.jsonl' +
        ' --passphrase-file ./ca.pass',
    )
    .action(runCommand)
}

async function runCommand(flags: {
  readonly script: string
  readonly transcript: string
  readonly passphraseFile?: string
  readonly yes?: boolean
  readonly json?: boolean
}): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const people = flags.yes === true ? undefined : asker(output)
  try {
    const root = await runCeremony({
      script: readInput(flags.script),
      folder: dirname(flags.script),
      transcriptPath: flags.transcript,
      ...passphraseOf({ data: '', ...flags }),
      confirm: async (step, what) => {
        output.say(`Step ${step}: ${what}`)
        return people === undefined ? 'nobody was asked (--yes)' : people.ask()
      },
      clock: systemClock,
      entropy: systemEntropy,
      log: silentLog,
    })
    output.json({ transcript: flags.transcript, root: formatName(root.subject), fingerprint: root.fingerprint })
    if (!output.jsonWanted)
      output.say(`${formatName(root.subject)} sealed ${flags.transcript}.\nSHA-256 ${root.fingerprint}`)
  } catch (error) {
    throw isFault(error, 'CEREMONY_SCRIPT_INVALID') ? inFile(flags.script, error) : error
  } finally {
    people?.close()
  }
}

/** Takes names from standard input, one line a step; an empty line or the end of input says no. */
function asker(output: Output): { ask(): Promise<string | undefined>; close(): void } {
  const lines = createInterface(process.stdin)
  const names = lines[Symbol.asyncIterator]()
  return {
    async ask() {
      output.say('  Your name, to say that it may be done (an empty line breaks the ceremony off):')
      const { value, done } = await names.next()
      const name = done === true ? '' : value.trim()
      return name === '' ? undefined : name
    },
    close: () => lines.close(),
  }
}

function ceremonyVerify(): Command {
  return new Command('verify')
    .description('Verify the transcript of a ceremony: its chain, its steps, and the signature of the root.')
    .argument('<transcript>', 'the transcript')
    .option('--root <file>', 'the certificate of the root that must have signed it, PEM')
    .addHelpText('after', '\nExample:\n  birthmark ca ceremony verify ./ceremony.jsonl --root ./root/root.pem')
    .action(verifyCommand)
}

function verifyCommand(path: string, flags: { readonly root?: string; readonly json?: boolean }): void {
  const output = processOutput({ json: flags.json === true })
  const expected = flags.root === undefined ? undefined : parseInput(flags.root, parseCertificate)
  const { root, records, head } = parseInput(path, (text) => verifyCeremony(text, expected))
  const told = records.filter((record) => record.kind !== 'sealed')
  output.json({ root: formatName(root.subject), fingerprint: root.fingerprint, head, records: told })
  if (output.jsonWanted) return
  for (const record of told) for (const line of linesOf(record)) output.say(line)
  output.say(`Sealed by ${formatName(root.subject)}, SHA-256 ${root.fingerprint}.`)
  if (expected === undefined)
    output.say('Compare this fingerprint with the one that you were told: nothing else says whose root it is.')
}

function linesOf(record: Exclude<CeremonyRecord, { readonly kind: 'sealed' }>): readonly string[] {
  switch (record.kind) {
    case 'ceremony':
      return [record.title, ...record.present.map(({ name, role }) => `  present: ${name}, ${role}`)]
    case 'begun':
      return [`${record.step}. ${record.what}  (${record.confirmedBy})`]
    case 'done':
      return record.facts.map(({ name, value }) => `   ${name}: ${value}`)
    case 'broken-off':
      return [`${record.step}. broken off: ${record.why}`]
  }
}
