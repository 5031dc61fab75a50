/** Alert descriptions (RFC 8446 §6 and B.2, RFC 5246 §7.2, RFC 7301 §3.2). */
const ROWS = [
  [0, 'close_notify'],
  [10, 'unexpected_message'],
  [20, 'bad_record_mac'],
  [22, 'record_overflow'],
  [40, 'handshake_failure'],
  [42, 'bad_certificate'],
  [43, 'unsupported_certificate'],
  [44, 'certificate_revoked'],
  [45, 'certificate_expired'],
  [46, 'certificate_unknown'],
  [47, 'illegal_parameter'],
  [48, 'unknown_ca'],
  [49, 'access_denied'],
  [50, 'decode_error'],
  [51, 'decrypt_error'],
  [70, 'protocol_version'],
  [71, 'insufficient_security'],
  [80, 'internal_error'],
  [86, 'inappropriate_fallback'],
  [90, 'user_canceled'],
  [100, 'no_renegotiation'],
  [109, 'missing_extension'],
  [110, 'unsupported_extension'],
  [112, 'unrecognized_name'],
  [113, 'bad_certificate_status_response'],
  [115, 'unknown_psk_identity'],
  [116, 'certificate_required'],
  [120, 'no_application_protocol'],
] as const

/** The name of an alert, as the standards spell it. */
export type AlertName = (typeof ROWS)[number][1]

/** An alert as it was received. */
export interface Alert {
  /** Level 1: the connection may go on. TLS 1.3 gives the level no meaning (RFC 8446 §6). */
  readonly warning: boolean
  /** Its name, or `alert 123` for a description that no standard names here. */
  readonly name: string
}

/** Writes an alert with the level that its description has (RFC 8446 §6). */
export function encodeAlert(name: AlertName): Uint8Array {
  return Uint8Array.of(WARNINGS.has(name) ? LEVEL_WARNING : LEVEL_FATAL, DESCRIPTIONS.get(name) ?? 80)
}

/** Reads an alert; `undefined` when it is not two bytes with a level of 1 or 2. */
export function decodeAlert(content: Uint8Array): Alert | undefined {
  const [level, description] = content
  if (content.length !== 2 || description === undefined) return undefined
  if (level !== LEVEL_WARNING && level !== LEVEL_FATAL) return undefined
  return { warning: level === LEVEL_WARNING, name: NAMES.get(description) ?? `alert ${description}` }
}

const LEVEL_WARNING = 1
const LEVEL_FATAL = 2
const WARNINGS: ReadonlySet<AlertName> = new Set(['close_notify', 'user_canceled', 'no_renegotiation'])
const NAMES: ReadonlyMap<number, AlertName> = new Map(ROWS)
const DESCRIPTIONS: ReadonlyMap<AlertName, number> = new Map(ROWS.map(([code, name]) => [name, code]))
