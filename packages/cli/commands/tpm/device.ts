import {
  answerChallenge,
  type EndorsementKind,
  makeOffer,
  parseChallenge,
  readEndorsements,
  type Tpm,
} from '@birthmark/chip/tpm'
import { openTpm, readPkcs11Key, tpmIdentity } from '@birthmark/chip/tpm/adapters'
import { formatName, parseCertificate } from '@birthmark/foundation/x509'
import { Command, Option } from 'commander'
import { processOutput } from '../../output.ts'
import { readPin } from '../token/pins.ts'
import { deliverDocument, readDocument } from './documents.ts'

interface TpmFlags {
  readonly tpm: string
  readonly kind?: EndorsementKind
  readonly out?: string
  readonly json?: boolean
}

/** `birthmark tpm info`: what a TPM and its maker say of it. */
export function infoCommand(): Command {
  return onDevice('info', 'Show the TPM, and the certificates that its maker put into it.')
    .addHelpText('after', '\nExamples:\n  birthmark tpm info\n  birthmark tpm info --tpm 2321 --json')
    .action(async (flags: TpmFlags) => {
      const output = processOutput({ json: flags.json === true })
      await withTpm(flags, async (tpm) => {
        const properties = await tpm.properties()
        const endorsements = (await readEndorsements(tpm)).map(({ kind, certificate: der }) => {
          const certificate = parseCertificate(der)
          const { fingerprint, issuer, notAfter } = certificate
          const until = new Date(notAfter).toISOString()
          return { kind, ...tpmIdentity(certificate), issuer: formatName(issuer), notAfter: until, fingerprint }
        })
        output.json({ ...properties, endorsements })
        if (output.jsonWanted) return
        output.say(`${properties.manufacturer} ${properties.model}, firmware ${properties.firmware}`)
        for (const { kind, manufacturer = 'unnamed', model = '', issuer, notAfter } of endorsements) {
          output.say(`Endorsement ${kind}: ${manufacturer} ${model}, by ${issuer}, until ${notAfter}`)
        }
        if (endorsements.length === 0) output.say('It holds no endorsement certificate: nobody can tell who made it.')
      })
    })
}

/** `birthmark tpm offer`: the first word of a device. */
export function offerCommand(): Command {
  return onDevice('offer', 'Say which TPM this device has and which key will attest: for who enrols it.')
    .addOption(kindOption())
    .option('--out <file>', 'write the offer there')
    .addHelpText('after', '\nExample:\n  birthmark tpm offer --out offer.json')
    .action(async (flags: TpmFlags) => {
      const output = processOutput({ json: flags.json === true })
      const offer = await withTpm(flags, (tpm) => makeOffer(tpm, kindOf(flags)))
      deliverDocument(offer, output, flags.out)
    })
}

interface AttestFlags extends TpmFlags {
  readonly store: string
  readonly token: string
  readonly key: string
  readonly pinFile: string
}

/** `birthmark tpm attest`: answers a challenge. */
export function attestCommand(): Command {
  return onDevice('attest', 'Answer a challenge: let the TPM say that a key of tpm2-pkcs11 is its own.')
    .argument('<challenge>', 'the file with the challenge')
    .requiredOption('--store <folder>', "tpm2-pkcs11's store, TPM2_PKCS11_STORE of the programs that use the key")
    .requiredOption('--token <label>', "the token's label")
    .requiredOption('--key <label>', "the key's label")
    .requiredOption('--pin-file <file>', "a file with the token's PIN")
    .addOption(kindOption())
    .option('--out <file>', 'write the proof there')
    .addHelpText('after', ATTEST_EXAMPLE)
    .action(async (path: string, flags: AttestFlags) => {
      const output = processOutput({ json: flags.json === true })
      const challenge = readDocument(path, parseChallenge)
      const pin = readPin(flags.pinFile)
      const proof = await withTpm(flags, async (tpm) => {
        const key = await readPkcs11Key(tpm, { ...flags, pin })
        return answerChallenge(tpm, challenge, key, kindOf(flags))
      })
      deliverDocument(proof, output, flags.out)
    })
}

function onDevice(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--tpm <where>', 'a device file, the path of a Unix socket, or a TCP port on loopback', '/dev/tpmrm0')
}

function kindOption(): Option {
  const option = new Option('--kind <kind>', 'which endorsement key; default is the first that has a certificate')
  return option.choices(['rsa-2048', 'ec-p256', 'ec-p384'] satisfies readonly EndorsementKind[])
}

function kindOf({ kind }: TpmFlags): { readonly kind?: EndorsementKind } {
  return kind === undefined ? {} : { kind }
}

async function withTpm<Value>({ tpm: where }: TpmFlags, use: (tpm: Tpm) => Promise<Value>): Promise<Value> {
  const tpm = await openTpm(/^\d{1,5}$/.test(where) ? Number(where) : where)
  try {
    return await use(tpm)
  } finally {
    await tpm.close()
  }
}

const ATTEST_EXAMPLE = `
Example:
  birthmark tpm attest challenge.json --store ./store --token device --key key --pin-file pin --out proof.json`
