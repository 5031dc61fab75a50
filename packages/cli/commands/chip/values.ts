import { readFileSync } from 'node:fs'
import { OBJECTS, OID } from '@birthmark/chip/trust-x'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import { asFileFault, replaceFile } from '@birthmark/foundation/system'
import { InvalidArgumentError } from 'commander'
import type { Output } from '../../output.ts'

/** Reads the identifier of an object from the command line, `0xE0F1` or `E0F1`. */
export function parseOid(text: string): number {
  const digits = /^(?:0x)?([0-9a-fA-F]{4})$/.exec(text)?.[1]
  const oid = digits === undefined ? undefined : Number.parseInt(digits, 16)
  if (oid === undefined || !OBJECTS.has(oid)) {
    throw new InvalidArgumentError('Name an object of the chip, such as 0xE0F1; birthmark chip objects lists them.')
  }
  return oid
}

/** Reads bytes in hex from the command line. */
export function parseHex(text: string): Uint8Array {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw new InvalidArgumentError('Write two hex digits for each byte.')
  return fromHex(text)
}

/** Reads a whole number from the command line. */
export function parseCount(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('Name a whole number.')
  return Number(text)
}

/** Writes an object identifier as the port names slots: `0xE0F1`. */
export function formatOid(oid: number): string {
  return `0x${oid.toString(16).toUpperCase().padStart(4, '0')}`
}

/** Says in words which object this is: `vendor key`, `data 3`. */
export function nameOf(oid: number): string {
  for (const [first, last, name] of SERIES) if (oid >= first && oid <= last) return `${name} ${oid - first + 1}`
  const name = Object.entries(OID).find(([, known]) => known === oid)?.[0]
  return (name ?? 'object').toLowerCase().replaceAll('_', ' ').replace(/^uid$/, 'coprocessor UID')
}

/**
 * Reads a file whole; `-` is standard input.
 *
 * @throws the faults of the file system
 */
export function readInput(path: string): Uint8Array {
  try {
    return Uint8Array.from(readFileSync(path === '-' ? 0 : path))
  } catch (error) {
    throw asFileFault(error, path)
  }
}

/** What a command made: the document for machines, and bytes or text for a file or a pipe. */
export interface Product {
  readonly document: Readonly<Record<string, unknown>>
  readonly content: Uint8Array | string
}

/**
 * Hands over what a command made: into the file `out` when there is one, else, without `--json`, as text on standard
 * output; bytes in hex.
 *
 * @throws the faults of the file system
 */
export function deliver({ document, content }: Product, output: Output, out: string | undefined): void {
  if (out !== undefined) replaceFile(out, content, { mode: 0o644 })
  output.json(out === undefined ? document : { ...document, file: out })
  if (output.jsonWanted) return
  if (out !== undefined) output.say(`Written to ${out}.`)
  else process.stdout.write(typeof content === 'string' ? content : `${toHex(content)}\n`)
}

const SERIES: readonly (readonly [first: number, last: number, name: string])[] = [
  [OID.SESSION_1, OID.SESSION_4, 'session'],
  [OID.DATA_1, OID.DATA_16, 'data'],
  [OID.BIG_DATA_1, OID.BIG_DATA_2, 'big data'],
]
