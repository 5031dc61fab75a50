import { type Bytes, HeldBytes } from './bytes.ts'

/** One record; `fields` is `undefined` when it is too long, no UTF-8, or against the rules. */
export interface CsvRecord {
  readonly number: number
  readonly fields: readonly string[] | undefined
  readonly why?: string
}

/** What ends the reading: a quoted field that never ends. */
export class CsvBroken extends Error {
  readonly number: number

  constructor(number: number, why: string) {
    super(why)
    this.number = number
  }
}

/**
 * Reads comma separated values (RFC 4180): fields in quotes may hold commas, quotes (doubled) and line ends. Lines end
 * in CR LF or LF; empty lines are passed over, as is a byte order mark. Holds one record at a time.
 *
 * @throws {@link CsvBroken}
 */
export async function* readCsv(bytes: Bytes, recordBytesMax: number): AsyncGenerator<CsvRecord, void, undefined> {
  const held = new HeldBytes(recordBytesMax)
  let number = 0
  let inQuotes = false
  for await (const chunk of bytes()) {
    let from = 0
    for (let at = 0; at < chunk.length; at += 1) {
      const octet = chunk[at]
      if (octet === QUOTE) inQuotes = !inQuotes
      if (octet !== LINE_FEED || inQuotes) continue
      held.add(chunk.subarray(from, at))
      from = at + 1
      const record = recordOf(number + 1, held)
      if (record === undefined) continue
      number += 1
      yield record
    }
    held.add(chunk.subarray(from))
  }
  if (inQuotes) throw new CsvBroken(number + 1, 'a field in quotes has no end')
  const last = recordOf(number + 1, held)
  if (last !== undefined) yield last
}

function recordOf(number: number, held: HeldBytes): CsvRecord | undefined {
  const { text, why = 'it cannot be read' } = held.take()
  if (text === undefined) return { number, fields: undefined, why }
  const line = (number === 1 ? text.replace(/^\uFEFF/, '') : text).replace(/\r$/, '')
  if (line === '') return undefined
  const fields = fieldsOf(line)
  return fields === undefined ? { number, fields, why: 'a quote stands in the midst of a field' } : { number, fields }
}

/** RFC 4180 §2: a field is wholly in quotes or has none. */
function fieldsOf(line: string): string[] | undefined {
  const fields: string[] = []
  for (let at = 0; at <= line.length; at += 1) {
    FIELD.lastIndex = at
    const found = FIELD.exec(line)
    if (found === null) return undefined
    const [whole, quoted, plain = ''] = found
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    at += whole.length
    if (at < line.length && line[at] !== ',') return undefined
  }
  return fields
}

const FIELD = /"((?:[^"]|"")*)"|([^",]*)/y
const LINE_FEED = 0x0a
const QUOTE = 0x22
