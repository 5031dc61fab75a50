import { CA_SAME_SUBJECT_MAX, type ConflictReason } from '../changes.ts'
import { bytesOf, count, registrationConfigText } from './rows.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'

/** Adds a certificate. */
export function registerCertificate(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'register-certificate'>,
): ConflictReason | undefined {
  const { certificate } = change
  const added = sql.run(
    `INSERT INTO certificate (scope, fingerprint, pem, status, mode, ca, not_before, not_after, created_at, modified_at,
       customer_version, generation_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    scope,
    bytesOf(certificate.id),
    certificate.pem,
    certificate.status,
    certificate.mode,
    certificate.caId === undefined ? null : bytesOf(certificate.caId),
    certificate.notBefore,
    certificate.notAfter,
    certificate.createdAt,
    certificate.modifiedAt,
    certificate.customerVersion,
    certificate.generationId,
  )
  return added === 0 ? 'exists' : undefined
}

/** Changes the status of a certificate, where the change says from what. */
export function setCertificateStatus(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'set-certificate-status'>,
): ConflictReason | undefined {
  const row = sql.one(CERTIFICATE_STATUS, bytesOf(change.id), scope)
  if (row === undefined) return 'absent'
  if (!change.from.some((status) => status === row['status'])) return 'state'
  if (row['status'] === change.to) return undefined
  sql.run(
    'UPDATE certificate SET status = ?, modified_at = ?, customer_version = customer_version + 1 WHERE id = ?',
    change.to,
    change.at,
    count(row['id']),
  )
  return undefined
}

/** Removes a certificate, and its policies when forced. */
export function deleteCertificate(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'delete-certificate'>,
): ConflictReason | undefined {
  const row = sql.one(CERTIFICATE_STATUS, bytesOf(change.id), scope)
  if (row === undefined) return 'absent'
  if (row['status'] === 'ACTIVE') return 'state'
  if (row['status'] === 'PENDING_TRANSFER') return 'pending-transfer'
  const id = count(row['id'])
  if (sql.one('SELECT 1 FROM thing_principal WHERE certificate = ?', id) !== undefined) return 'attached'
  const policies = sql.one('SELECT 1 FROM policy_attachment WHERE certificate = ?', id)
  if (policies !== undefined && !change.force) return 'attached'
  sql.run('DELETE FROM policy_attachment WHERE certificate = ?', id)
  sql.run('DELETE FROM certificate_transfer WHERE certificate = ?', id)
  sql.run('DELETE FROM certificate_offer WHERE certificate = ?', id)
  sql.run('DELETE FROM provisioning_claim WHERE certificate = ?', id)
  sql.run('DELETE FROM certificate WHERE id = ?', id)
  return undefined
}

/** Adds a CA. */
export function registerCa({ sql, scope }: ScopedTables, change: ChangeOf<'register-ca'>): ConflictReason | undefined {
  const { ca, keyHash } = change
  if (sql.one('SELECT 1 FROM ca WHERE scope = ? AND fingerprint = ?', scope, bytesOf(ca.id)) !== undefined)
    return 'exists'
  const same = sql.one('SELECT count(*) AS n FROM ca WHERE scope = ? AND subject_hash = ?', scope, ca.subjectHash)
  if (count(same?.['n']) >= CA_SAME_SUBJECT_MAX) return 'limit'
  if (ca.mode === 'DEFAULT' && keyHash !== undefined) {
    if (sql.one(SAME_IN_REGION, ca.subjectHash, scope, scope, keyHash) !== undefined) return 'taken'
  }
  sql.run(
    `INSERT INTO ca (scope, fingerprint, pem, subject_hash, key_hash, status, mode, auto_registration,
       registration_config, not_before, not_after, created_at, modified_at, customer_version, generation_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    scope,
    bytesOf(ca.id),
    ca.pem,
    ca.subjectHash,
    keyHash ?? null,
    ca.status,
    ca.mode,
    ca.autoRegistration ? 1 : 0,
    registrationConfigText(ca.registrationConfig),
    ca.notBefore,
    ca.notAfter,
    ca.createdAt,
    ca.modifiedAt,
    ca.customerVersion,
    ca.generationId,
  )
  return undefined
}

/** Changes the members of a CA that the change names. */
export function updateCa({ sql, scope }: ScopedTables, change: ChangeOf<'update-ca'>): ConflictReason | undefined {
  const row = sql.one('SELECT * FROM ca WHERE scope = ? AND fingerprint = ?', scope, bytesOf(change.id))
  if (row === undefined) return 'absent'
  const status = change.status ?? row['status']
  const automatic = change.autoRegistration === undefined ? row['auto_registration'] : Number(change.autoRegistration)
  const config =
    change.registrationConfig === undefined
      ? row['registration_config']
      : registrationConfigText(change.registrationConfig)
  sql.run(
    `UPDATE ca SET status = ?, auto_registration = ?, registration_config = ?, modified_at = ?,
       customer_version = customer_version + 1 WHERE id = ?`,
    status ?? null,
    automatic ?? null,
    config ?? null,
    change.at,
    count(row['id']),
  )
  return undefined
}

/** Removes a CA; the certificates that it issued stay. */
export function deleteCa({ sql, scope }: ScopedTables, change: ChangeOf<'delete-ca'>): ConflictReason | undefined {
  const row = sql.one('SELECT id, status FROM ca WHERE scope = ? AND fingerprint = ?', scope, bytesOf(change.id))
  if (row === undefined) return 'absent'
  if (row['status'] === 'ACTIVE') return 'state'
  sql.run('DELETE FROM ca WHERE id = ?', count(row['id']))
  return undefined
}

const CERTIFICATE_STATUS = 'SELECT id, status FROM certificate WHERE fingerprint = ? AND scope = ?'

const SAME_IN_REGION = `
  SELECT 1 FROM scope s JOIN ca c ON c.scope = s.id AND c.subject_hash = ?
  WHERE s.region = (SELECT region FROM scope WHERE id = ?) AND s.id <> ? AND c.mode = 'DEFAULT' AND c.key_hash = ?`
