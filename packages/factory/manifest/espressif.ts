import { messageOf } from '@birthmark/foundation/kernel'
import { fromPem } from '@birthmark/foundation/x509'
import type { Bytes } from './bytes.ts'
import { CsvBroken, type CsvRecord, readCsv } from './csv.ts'
import { MANIFEST_LIMITS } from './limits.ts'
import { Problems, type RawRow } from './row.ts'
import { unreadable } from './unreadable.ts'

/**
 * Reads the list that Espressif gives with modules provisioned in its factory: CSV (RFC 4180) with a header, in it a
 * column `MAC` or `node_id` and a column `cert` or `certs` with PEM over several lines, the device's own first. Other
 * columns are passed over. The format has no signature.
 *
 * @throws `MANIFEST_UNREADABLE` when the header lacks a column or a quoted field has no end
 */
export async function* readEspressif(bytes: Bytes): AsyncGenerator<RawRow, void, undefined> {
  let columns: Columns | undefined
  try {
    for await (const record of readCsv(bytes, MANIFEST_LIMITS.rowBytes.value)) {
      if (columns === undefined) columns = readHeader(record)
      else yield readRecord(record, columns)
    }
  } catch (error) {
    if (error instanceof CsvBroken) throw unreadable('espressif', error.number, error.message)
    throw error
  }
  if (columns === undefined) throw unreadable('espressif', 1, 'it is empty')
}

interface Columns {
  readonly count: number
  readonly id: number
  readonly isMac: boolean
  readonly certificate: number
}

function readHeader({ fields, why = '' }: CsvRecord): Columns {
  if (fields === undefined) throw unreadable('espressif', 1, why)
  if (fields.length > MANIFEST_LIMITS.csvColumns.value) throw unreadable('espressif', 1, 'it has too many columns')
  const names = fields.map((field) => field.trim().toLowerCase())
  if (new Set(names).size !== names.length) throw unreadable('espressif', 1, 'two columns have one name')
  const id = names.findIndex((name) => name === 'mac' || name === 'node_id')
  const certificate = names.findIndex((name) => name === 'cert' || name === 'certs')
  if (id === -1) throw unreadable('espressif', 1, 'the header has no column MAC or node_id')
  if (certificate === -1) throw unreadable('espressif', 1, 'the header has no column cert or certs')
  return { count: names.length, id, isMac: names[id] === 'mac', certificate }
}

/** Rows are counted as in a table: the header is row 1. */
function readRecord({ number: row, fields, why }: CsvRecord, columns: Columns): RawRow {
  const problems = new Problems()
  if (fields?.length !== columns.count) {
    const expected = `it has ${fields?.length ?? 0} fields and the header ${columns.count}`
    problems.add(fields === undefined ? 'limit' : 'form', why ?? expected)
    return { row, identities: [], problems: problems.list }
  }
  const uid = readId(fields[columns.id] ?? '', columns, problems)
  const certificates = readPem(fields[columns.certificate] ?? '', problems)
  return {
    row,
    ...(uid !== undefined && { uid }),
    identities: certificates.length > 0 ? [{ certificates }] : [],
    problems: problems.list,
  }
}

function readId(field: string, { isMac }: Columns, problems: Problems): string | undefined {
  const id = isMac ? field.trim().replaceAll(/[:-]/g, '').toLowerCase() : field.trim()
  if ((isMac ? MAC : NODE_ID).test(id)) return id
  const form = isMac ? 'its MAC must be 12 or 16 hex digits' : 'its node_id must be 1 to 128 of a-z, A-Z, 0-9, - and _'
  problems.add('id', form)
  return undefined
}

function readPem(field: string, problems: Problems): Uint8Array[] {
  try {
    const certificates = fromPem(field, 'CERTIFICATE')
    if (certificates.length === 0) problems.add('certificate', 'it holds no certificate in PEM')
    if (field.includes('PRIVATE KEY')) problems.add('key', 'it holds a private key, which is no longer private')
    return certificates
  } catch (error) {
    problems.add('certificate', messageOf(error))
    return []
  }
}

/** EUI-48 or EUI-64. */
const MAC = /^(?:[0-9a-f]{12}|[0-9a-f]{16})$/
const NODE_ID = /^[a-zA-Z0-9_-]{1,128}$/
