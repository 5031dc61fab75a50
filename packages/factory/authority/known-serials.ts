import { instant } from '@birthmark/foundation/kernel'
import { parseCertificates } from '@birthmark/foundation/x509'
import { type KnownSerial, REVOCATION_REASON_NAMES } from './journal-records.ts'
import { setupFault } from './setup-faults.ts'

/**
 * Most serial numbers that are read from one list. Each takes some 100 bytes of memory for as long as the authority is
 * open. At the limit: `KNOWN_SERIALS_UNREADABLE`.
 */
export const KNOWN_SERIALS_COUNT_MAX = 1_000_000

/**
 * Reads the serial numbers that a CA gave before: one in hex per line, the `index.txt` of `openssl ca` with its
 * revocations, or certificates in PEM. Each once.
 *
 * @throws `KNOWN_SERIALS_UNREADABLE` (operator), `CERTIFICATE_UNREADABLE` (peer)
 */
export function parseKnownSerials(text: string): readonly KnownSerial[] {
  if (text.includes('-----BEGIN CERTIFICATE-----')) {
    return once(parseCertificates(text).map(({ serialNumber }) => ({ serial: serialNumber })))
  }
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''))
  return once(
    lines.flatMap((line, index) => (line.trim() === '' || line.startsWith('#') ? [] : [parseLine(line, index + 1)])),
  )
}

function once(known: readonly KnownSerial[]): readonly KnownSerial[] {
  if (known.length > KNOWN_SERIALS_COUNT_MAX) {
    throw unreadable(KNOWN_SERIALS_COUNT_MAX + 1, `at most ${KNOWN_SERIALS_COUNT_MAX} are read from one list`)
  }
  // Where one comes twice, the last line is the newest.
  return [...new Map(known.map((entry) => [entry.serial, entry])).values()]
}

/** `V|R|E expiry revoked[,reason] serial file subject`, by tabs (openssl-ca, DATABASE); or a serial number alone. */
function parseLine(line: string, number: number): KnownSerial {
  const fields = line.split('\t')
  if (fields.length === 1) return { serial: serialOf(line.trim(), number) }
  const [status = '', , revocation = '', serial = ''] = fields
  if (!/^[VRE]$/.test(status) || fields.length !== 6) throw unreadable(number, 'it is no line of an index.txt')
  if (status !== 'R') return { serial: serialOf(serial, number) }
  const [time = '', reason = ''] = revocation.split(',')
  const known = REVOCATION_REASON_NAMES.find((name) => name.toLowerCase() === reason.toLowerCase())
  return {
    serial: serialOf(serial, number),
    revoked: { at: instant(timeOf(time, number)), reason: known ?? 'unspecified' },
  }
}

function serialOf(text: string, line: number): string {
  const digits = text.toLowerCase().replaceAll(':', '').replace(/^0x/, '')
  if (!/^[0-9a-f]{1,42}$/.test(digits)) throw unreadable(line, 'it is no serial number in hex')
  const even = digits.length % 2 === 0 ? digits : `0${digits}`
  const shortest = even.replace(/^(?:00)+(?=..)/, '')
  if (shortest.length <= SERIAL_DIGITS_MAX) return shortest
  throw unreadable(line, 'it is longer than 20 bytes')
}

/** UTCTime, or GeneralizedTime from 2050 on. */
function timeOf(text: string, line: number): number {
  const found = /^(\d\d)?(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  const [, century, ...fields] = found ?? []
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields.map(Number)
  const whole = century === undefined ? (year >= 50 ? 1900 : 2000) + year : Number(century) * 100 + year
  const at = found === null ? Number.NaN : Date.UTC(whole, month - 1, day, hour, minute, second)
  if (Number.isFinite(at)) return at
  throw unreadable(line, 'the time of its revocation is none')
}

function unreadable(line: number, why: string): Error {
  return setupFault('KNOWN_SERIALS_UNREADABLE', { line, why })
}

/** RFC 5280 §4.1.2.2. */
const SERIAL_DIGITS_MAX = 40
