import { createHash } from 'node:crypto'
import { elementSigner } from '@birthmark/chip'
import { KEY_USAGE } from '@birthmark/chip/trust-x'
import type { TrustX } from '@birthmark/chip/trust-x/adapters'
import { isFault, toHex } from '@birthmark/foundation/kernel'
import { createCsr, fromPem, pointFromSpki, spkiFromPoint, toPem, verifyCsr } from '@birthmark/foundation/x509'
import { type Command, Option } from 'commander'
import { type ChipFlags, chipCommandFault, commandOnChip, onChip } from './open-chip.ts'
import { deliver, formatOid, parseHex, parseOid, readInput } from './values.ts'

interface KeygenFlags extends ChipFlags {
  readonly curve: keyof typeof CURVES
  readonly store?: number
  readonly out?: string
}

/** `birthmark chip keygen`: a key pair inside the chip. */
export function keygenCommand(): Command {
  return commandOnChip('keygen', 'Make a key pair inside the chip and give its public half as PEM.', [
    'keygen 0xE0F1 --chip ./meter.chip --out ./meter-key.pem',
    'keygen 0xE0F2 --store 0xF1D2 --socket ./meter.sock',
  ])
    .argument('<slot>', 'a key slot, 0xE0F1 to 0xE0F3; its old key is gone then', parseOid)
    .addOption(new Option('--curve <curve>', 'the curve').choices(Object.keys(CURVES)).default('p256'))
    .option('--store <object>', 'keep the public half in a data object too, 0xF1D1 for example (P-256 only)', parseOid)
    .option('--out <file>', 'write the PEM there')
    .action((oid: number, flags: KeygenFlags) => onChip(flags, (chip, output) => makeKey(chip, output, oid, flags)))
}

const makeKey = async (...[chip, output, oid, flags]: KeyWork<KeygenFlags>): Promise<void> => {
  const spki = spkiFromPoint(flags.curve, await chip.genKeyPair(oid, CURVES[flags.curve], USAGE))
  if (flags.store !== undefined) await chip.setDataObject(flags.store, spki, { erase: true })
  const content = toPem('PUBLIC KEY', spki)
  deliver({ document: { slot: formatOid(oid), curve: flags.curve, publicKey: content }, content }, output, flags.out)
}

interface CsrFlags extends ChipFlags {
  readonly commonName: string
  readonly publicKey?: string
  readonly publicObject?: number
  readonly out?: string
}

/** `birthmark chip csr`: a certificate request, signed in the chip. */
export function csrCommand(): Command {
  return commandOnChip('csr', 'Make a certificate request (PKCS#10, PEM) that a P-256 key of the chip signs.', [
    'csr 0xE0F1 --common-name meter-1 --public-key ./meter-key.pem --chip ./meter.chip --out ./meter.csr',
    'csr 0xE0F2 --common-name meter-1 --public-object 0xF1D2 --socket ./meter.sock',
  ])
    .argument('<slot>', 'the key', parseOid)
    .requiredOption('--common-name <name>', 'the subject’s common name')
    .option('--public-key <file>', "the key's public half, as keygen gave it (a chip does not tell it again)")
    .option('--public-object <object>', 'the data object that keygen stored it in', parseOid)
    .option('--out <file>', 'write the PEM there')
    .action((oid: number, flags: CsrFlags) => onChip(flags, (chip, output) => makeRequest(chip, output, oid, flags)))
}

const makeRequest = async (...[chip, output, oid, flags]: KeyWork<CsrFlags>): Promise<void> => {
  const publicKey = await publicKeyOf(chip, flags)
  const signer = elementSigner(chip, formatOid(oid), publicKey)
  const der = await createCsr({ subject: [{ type: 'CN', value: flags.commonName }], signer })
  try {
    verifyCsr(der)
  } catch (error) {
    if (!isFault(error)) throw error
    throw chipCommandFault('CHIP_PUBLIC_KEY_WRONG', { slot: formatOid(oid) }, error)
  }
  const content = toPem('CERTIFICATE REQUEST', der)
  deliver({ document: { slot: formatOid(oid), csr: content }, content }, output, flags.out)
}

interface SignFlags extends ChipFlags {
  readonly in?: string
  readonly digest?: Uint8Array
  readonly out?: string
}

/** `birthmark chip sign`: a message, or a digest. */
export function signCommand(): Command {
  return commandOnChip('sign', 'Sign with ECDSA and give the DER signature.', [
    'sign 0xE0F1 --in ./firmware.bin --chip ./meter.chip --out ./firmware.sig',
    'sign 0xE0F1 --digest 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae --socket ./meter.sock',
  ])
    .argument('<slot>', 'the key', parseOid)
    .option('--in <file>', 'the message, which is hashed with SHA-256 here; - is standard input')
    .option('--digest <hex>', 'a digest that is made already', parseHex)
    .option('--out <file>', 'write the signature there')
    .action((oid: number, flags: SignFlags) =>
      onChip(flags, async (chip, output) => {
        const content = await chip.calcSign(oid, digestOf(flags))
        deliver({ document: { slot: formatOid(oid), signature: toHex(content) }, content }, output, flags.out)
      }),
    )
}

interface VerifyFlags extends SignFlags {
  readonly signature: string
  readonly publicKey?: string
  readonly certificateObject?: number
}

/** `birthmark chip verify`: exit status 1 when the signature is not the one. */
export function verifyCommand(): Command {
  return commandOnChip('verify', 'Let the chip verify an ECDSA signature; exit status 1 when it is wrong.', [
    'verify --in ./firmware.bin --signature ./firmware.sig --public-key ./meter-key.pem --chip ./meter.chip',
    'verify --in ./firmware.bin --signature ./firmware.sig --certificate-object 0xE0E8 --socket ./meter.sock',
  ])
    .requiredOption('--signature <file>', 'the signature, DER')
    .option('--in <file>', 'the message, which is hashed with SHA-256 here; - is standard input')
    .option('--digest <hex>', 'a digest that is made already', parseHex)
    .option('--public-key <file>', 'the public key, PEM')
    .option('--certificate-object <object>', 'a certificate or trust anchor in the chip', parseOid)
    .action((flags: VerifyFlags) =>
      onChip(flags, async (chip, output) => {
        const valid = await chip.verifySign(digestOf(flags), readInput(flags.signature), verifierOf(flags))
        output.json({ valid })
        if (!output.jsonWanted) output.say(valid ? 'The signature is right.' : 'The signature is wrong.')
        if (!valid) process.exitCode = 1
      }),
    )
}

type KeyWork<Flags> = [chip: TrustX, output: Parameters<Parameters<typeof onChip>[1]>[1], oid: number, flags: Flags]

async function publicKeyOf(chip: TrustX, { publicKey, publicObject }: CsrFlags): Promise<Uint8Array> {
  if (publicKey !== undefined && publicObject === undefined) return readPublicKey(publicKey)
  if (publicObject !== undefined && publicKey === undefined) return chip.getDataObject(publicObject)
  throw chipCommandFault('CHIP_INPUT_UNCLEAR', { options: '--public-key FILE and --public-object OBJECT' })
}

function verifierOf({ publicKey, certificateObject }: VerifyFlags): Parameters<TrustX['verifySign']>[2] {
  if (certificateObject !== undefined && publicKey === undefined) return { certificate: certificateObject }
  if (publicKey === undefined || certificateObject !== undefined) {
    throw chipCommandFault('CHIP_INPUT_UNCLEAR', { options: '--public-key FILE and --certificate-object OBJECT' })
  }
  const spki = readPublicKey(publicKey)
  const point = pointFromSpki(spki)
  return { curve: point.length > P256_POINT_BYTES ? CURVES.p384 : CURVES.p256, point }
}

function readPublicKey(path: string): Uint8Array {
  const [spki] = fromPem(Buffer.from(readInput(path)).toString('latin1'), 'PUBLIC KEY')
  if (spki === undefined) throw chipCommandFault('CHIP_PUBLIC_KEY_UNREADABLE', { path })
  return spki
}

function digestOf({ in: path, digest }: SignFlags): Uint8Array {
  if (digest !== undefined && path === undefined) return digest
  if (path !== undefined && digest === undefined) return createHash('sha256').update(readInput(path)).digest()
  throw chipCommandFault('CHIP_INPUT_UNCLEAR', { options: '--in FILE and --digest HEX' })
}

const CURVES = { p256: 'ec-p256', p384: 'ec-p384' } as const
const USAGE = KEY_USAGE.AUTHENTICATION | KEY_USAGE.SIGN | KEY_USAGE.KEY_AGREEMENT

/** 04 X Y (SEC 1 version 2.0 §2.3.3); the chip's other curve has longer ones. */
const P256_POINT_BYTES = 65
