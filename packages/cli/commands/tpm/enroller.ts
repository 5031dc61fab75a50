import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseOffer, parsePending, parseProof, tpmFault, verifyProof } from '@birthmark/chip/tpm'
import { challengeTpm, nodeTpmCrypto } from '@birthmark/chip/tpm/adapters'
import { equalBytes } from '@birthmark/foundation/kernel'
import { asFileFault, flushFolder, readTextFile, replaceFile, systemClock } from '@birthmark/foundation/system'
import { parseCertificates, toPem, verifyCsr } from '@birthmark/foundation/x509'
import { Command } from 'commander'
import { processOutput } from '../../output.ts'
import { deliverDocument, readDocument, readText, tpmCommandFault } from './documents.ts'

interface ChallengeFlags {
  readonly anchors: string
  readonly intermediates?: string
  readonly pending: string
  readonly out?: string
  readonly json?: boolean
}

/** `birthmark tpm challenge`: judges an offer. */
export function challengeCommand(): Command {
  return new Command('challenge')
    .description('Judge an offer by the roots of TPM makers, and challenge the TPM behind it.')
    .argument('<offer>', 'the file with the offer')
    .requiredOption('--anchors <file>', 'the roots of the makers that you trust, PEM')
    .option('--intermediates <file>', 'CA certificates that the makers publish below their roots, PEM')
    .requiredOption('--pending <file>', 'where to keep, in secret, what the proof is judged by')
    .option('--out <file>', 'write the challenge there')
    .addHelpText('after', CHALLENGE_EXAMPLE)
    .action((path: string, flags: ChallengeFlags) => {
      const output = processOutput({ json: flags.json === true })
      const { anchors, intermediates } = flags
      const trust = {
        anchors: parseCertificates(readText(anchors)),
        intermediates: intermediates === undefined ? [] : parseCertificates(readText(intermediates)),
      }
      const { challenge, pending } = challengeTpm(readDocument(path, parseOffer), trust, systemClock.now())
      replaceFile(flags.pending, `${JSON.stringify(pending)}\n`)
      deliverDocument(challenge, output, flags.out)
    })
}

interface VerifyFlags {
  readonly pending: string
  readonly csr?: string
  readonly json?: boolean
}

/** `birthmark tpm verify`: judges a proof, once. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('Judge a proof. The challenge is used up by it, whatever the verdict.')
    .argument('<proof>', 'the file with the proof')
    .requiredOption('--pending <file>', 'what birthmark tpm challenge kept; it is removed')
    .option('--csr <file>', 'a certificate request that must be for the attested key')
    .addHelpText('after', '\nExample:\n  birthmark tpm verify proof.json --pending pending.json --csr device.csr')
    .action((path: string, flags: VerifyFlags) => {
      const output = processOutput({ json: flags.json === true })
      const proof = readDocument(path, parseProof)
      const csr = flags.csr === undefined ? undefined : verifyCsr(readText(flags.csr))
      const pending = takePending(flags.pending)
      const { publicKey, endorsement, name } = verifyProof({ pending, proof, now: systemClock.now() }, nodeTpmCrypto)
      if (csr !== undefined && !equalBytes(csr.publicKey, publicKey)) throw tpmCommandFault('TPM_CSR_OTHER_KEY')
      output.json({ endorsement, name, publicKey: toPem('PUBLIC KEY', publicKey) })
      if (output.jsonWanted) return
      output.say(`The key was made in the TPM with the endorsement certificate ${endorsement}, and cannot leave it.`)
      process.stdout.write(toPem('PUBLIC KEY', publicKey))
    })
}

/** Takes the pending challenge away for good before anything is judged by it: a proof that comes again finds none. */
function takePending(path: string): ReturnType<typeof parsePending> {
  if (readTextFile(path) === undefined) throw tpmFault('TPM_CHALLENGE_UNKNOWN')
  const pending = readDocument(path, parsePending)
  try {
    rmSync(path)
    flushFolder(dirname(path))
  } catch (error) {
    throw asFileFault(error, path)
  }
  return pending
}

const CHALLENGE_EXAMPLE = `
Example:
  birthmark tpm challenge offer.json --anchors makers.pem --pending pending.json --out challenge.json`
