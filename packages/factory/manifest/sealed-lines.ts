import { createHash } from 'node:crypto'
import { type Members, readJsonObject } from '@birthmark/factory/json'
import { encodeUtf8, type Fault } from '@birthmark/foundation/kernel'
import type { SignatureAlgorithm, Signer } from '@birthmark/foundation/x509'
import { manifestFault } from './faults.ts'

/** What stands in a file of sealed lines. What reads members gives `undefined` when it noted a problem. */
export interface LineForms<Heading, Parsed, Device, Ending extends Closing> {
  readonly heading: (members: Members) => Heading | undefined
  readonly device: (members: Members) => Parsed | undefined
  /** Judges a device that is in its form. @throws `MANIFEST_INVALID` */
  readonly accept: (parsed: Parsed, heading: Heading, number: number) => Device
  readonly ending: (members: Members) => Ending | undefined
}

/** What every last line says: how many devices there are, and the SHA-256 of every byte before it. */
export interface Closing {
  readonly devices: number
  readonly sha256: string
}

/** A signature over the closing line, and with its hash over the whole file. */
export interface Seal {
  readonly algorithm: SignatureAlgorithm
  readonly signature: Uint8Array
  /** What was signed: the closing line with its line feed. */
  readonly message: Uint8Array
}

/**
 * Reads JSON lines that a hash closes, and maybe a signature, one line after the other. Nothing it gave may be used
 * before {@link SealedReader.end} has been reached.
 */
export class SealedReader<Heading, Parsed, Device, Ending extends Closing> {
  readonly #forms: LineForms<Heading, Parsed, Device, Ending>
  readonly #digest = createHash('sha256')
  #heading: Heading | undefined
  #count = 0
  #ending: Ending | undefined
  #closingLine = ''
  #seal: Seal | undefined

  constructor(forms: LineForms<Heading, Parsed, Device, Ending>) {
    this.#forms = forms
  }

  /** Takes the next line, without its line feed; gives the device in it. @throws `MANIFEST_INVALID` */
  take(line: string, number: number): Device | undefined {
    if (this.#ending !== undefined) {
      if (this.#seal !== undefined || !line.startsWith('{"signature"'))
        throw invalid(number, 'it comes after the last line')
      this.#seal = { ...parseLine(line, number, readSignature), message: encodeUtf8(`${this.#closingLine}\n`) }
      return undefined
    }
    if (this.#heading !== undefined && line.startsWith('{"devices"')) {
      this.#ending = this.#close(line, number)
      this.#closingLine = line
      return undefined
    }
    const device = this.#open(line, number)
    this.#digest.update(`${line}\n`)
    return device
  }

  /** Says that the file ends here. @param number That of the line that would come next. @throws `MANIFEST_INVALID` */
  end(number: number): { readonly heading: Heading; readonly ending: Ending; readonly seal: Seal | undefined } {
    if (this.#heading === undefined) throw invalid(number, 'the heading is missing')
    if (this.#ending === undefined) throw invalid(number, 'the last line, with the hash, is missing')
    return { heading: this.#heading, ending: this.#ending, seal: this.#seal }
  }

  #open(line: string, number: number): Device | undefined {
    const heading = this.#heading
    if (heading === undefined) {
      this.#heading = parseLine(line, number, this.#forms.heading)
      return undefined
    }
    this.#count += 1
    return this.#forms.accept(parseLine(line, number, this.#forms.device), heading, number)
  }

  #close(line: string, number: number): Ending {
    const ending = parseLine(line, number, this.#forms.ending)
    if (ending.devices !== this.#count) {
      throw invalid(number, `it counts ${ending.devices} devices where ${this.#count} are`)
    }
    if (ending.sha256 !== this.#digest.copy().digest('hex'))
      throw invalid(number, 'the lines before it do not match its hash')
    return ending
  }
}

/**
 * Writes such lines: the heading, one line per device, the closing line, and with a signer the signature.
 *
 * @param closing What the closing line says beside the number of devices and the hash.
 */
export async function* sealedLines(
  heading: object,
  devices: AsyncIterable<object>,
  closing: object,
  signer: Signer | undefined,
): AsyncGenerator<string, void, undefined> {
  const digest = createHash('sha256')
  const line = (content: object): string => {
    const text = `${JSON.stringify(content)}\n`
    digest.update(text)
    return text
  }
  let count = 0
  yield line(heading)
  for await (const device of devices) {
    yield line(device)
    count += 1
  }
  const last = `${JSON.stringify({ devices: count, ...closing, sha256: digest.digest('hex') })}\n`
  yield last
  if (signer !== undefined) yield await signatureLine(last, signer)
}

/** Gives the line that signs a closing line. @param closing With its line feed. */
export async function signatureLine(closing: string, signer: Signer): Promise<string> {
  const value = Buffer.from(await signer.sign(encodeUtf8(closing))).toString('base64')
  return `${JSON.stringify({ signature: { algorithm: signer.algorithm, value } })}\n`
}

/** Says which line of one of our own files is wrong. */
export function invalid(line: number, why: string): Fault {
  return manifestFault('MANIFEST_INVALID', { line, why })
}

/** 64 hex digits in lower case. */
export const SHA256: RegExp = /^[0-9a-f]{64}$/

function parseLine<Value>(line: string, number: number, read: (members: Members) => Value | undefined): Value {
  const parsed = readJsonObject(line, read, number)
  if (parsed.ok && parsed.value !== undefined) return parsed.value
  throw invalid(number, parsed.ok ? 'it is incomplete' : parsed.problems.join('; '))
}

function readSignature(members: Members): Omit<Seal, 'message'> | undefined {
  return members.object('signature', (inner) => ({
    algorithm: inner.word('algorithm', ['ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pkcs1-sha256', 'ml-dsa-65']),
    signature: inner.base64('value', SIGNATURE_BYTES_MAX),
  }))
}

/** ML-DSA-65 has 3309 bytes (FIPS 204 table 2), the other kinds far fewer. */
const SIGNATURE_BYTES_MAX = 4096
