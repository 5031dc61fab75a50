import type { AccessKeyRecord, AuditEntry, AuditFilter, AuditRecord } from '../access-records.ts'
import { count, oneOf, optionalText, text, time } from './rows.ts'
import type { Row, Statements } from './statements.ts'

/** Reads a row of `access_key`. */
export function accessKeyOf(row: Row): AccessKeyRecord {
  const token = optionalText(row['session_token'])
  return {
    id: text(row['key_id']),
    secret: text(row['secret']),
    name: text(row['name']),
    createdAt: time(row['created_at']),
    role: text(row['role']),
    permissions: text(row['permissions']),
    session: token === undefined ? undefined : { token, expiresAt: time(row['expires_at']) },
  }
}

/** Reads the audit log of an account, newest first. */
export function readAudit(sql: Statements, account: string, filter: AuditFilter): readonly AuditRecord[] {
  const rows = sql.all(
    `SELECT sequence, action, outcome, body FROM audit_entry WHERE account = ?1 AND sequence < ?2
     AND (?3 IS NULL OR access_key = ?3) AND (?4 IS NULL OR action = ?4) AND (?5 IS NULL OR outcome = ?5)
     ORDER BY sequence DESC LIMIT ?6`,
    account,
    filter.before ?? Number.MAX_SAFE_INTEGER,
    filter.accessKeyId ?? null,
    filter.action ?? null,
    filter.outcome ?? null,
    filter.limit,
  )
  return rows.map(auditRecordOf)
}

function auditRecordOf(row: Row): AuditRecord {
  const body: Readonly<Record<string, unknown>> = Object(JSON.parse(text(row['body'])))
  const resources = body['resources']
  const optional = (name: string): string | undefined => {
    const value = body[name]
    return typeof value === 'string' ? value : undefined
  }
  return {
    sequence: count(row['sequence']),
    at: time(Number(body['at'])),
    region: String(body['region']),
    accessKeyId: String(body['accessKeyId']),
    keyName: String(body['keyName']),
    action: text(row['action']),
    resources: Array.isArray(resources) ? resources.map(String) : [],
    sourceIp: optional('sourceIp'),
    userAgent: optional('userAgent'),
    requestId: String(body['requestId']),
    outcome: oneOf(row['outcome'], OUTCOMES),
    code: optional('code'),
  }
}

const OUTCOMES = ['done', 'denied', 'refused', 'failed'] as const satisfies readonly AuditEntry['outcome'][]
