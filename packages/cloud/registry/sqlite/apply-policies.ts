import { type ConflictReason, POLICIES_PER_TARGET_MAX, POLICY_VERSIONS_MAX } from '../changes.ts'
import { bytesOf, count } from './rows.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'
import type { Row } from './statements.ts'

/** Makes a policy with its version 1. */
export function createPolicy(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'create-policy'>,
): ConflictReason | undefined {
  const { policy } = change
  if (sql.one(POLICY, scope, policy.name) !== undefined) return 'exists'
  const id = sql.insert(
    `INSERT INTO policy (scope, name, default_version, last_version, created_at, modified_at, generation_id)
     VALUES (?, ?, 1, 1, ?, ?, ?)`,
    scope,
    policy.name,
    policy.createdAt,
    policy.modifiedAt,
    policy.generationId,
  )
  sql.run(ADD_VERSION, id, 1, policy.document, policy.createdAt)
  return undefined
}

/** Adds a version to a policy; numbers are never given twice. */
export function createPolicyVersion(
  tables: ScopedTables,
  change: ChangeOf<'create-policy-version'>,
): ConflictReason | undefined {
  const policy = policyRow(tables, change.policyName)
  if (policy === undefined) return 'absent'
  const versions = tables.sql.one('SELECT count(*) AS n FROM policy_version WHERE policy = ?', policy.id)
  if (count(versions?.['n']) >= POLICY_VERSIONS_MAX) return 'limit'
  const version = policy.last + 1
  tables.sql.run(ADD_VERSION, policy.id, version, change.document, change.at)
  tables.sql.run(
    'UPDATE policy SET last_version = ?, default_version = ?, modified_at = ? WHERE id = ?',
    version,
    change.setAsDefault ? version : policy.current,
    change.at,
    policy.id,
  )
  return undefined
}

/** Puts another version of a policy into force. */
export function setDefaultPolicyVersion(
  tables: ScopedTables,
  change: ChangeOf<'set-default-policy-version'>,
): ConflictReason | undefined {
  const policy = policyRow(tables, change.policyName)
  if (policy === undefined || versionRow(tables, policy.id, change.versionId) === undefined) return 'absent'
  tables.sql.run(
    'UPDATE policy SET default_version = ?, modified_at = ? WHERE id = ?',
    Number(change.versionId),
    change.at,
    policy.id,
  )
  return undefined
}

/** Removes a version that is not in force. */
export function deletePolicyVersion(
  tables: ScopedTables,
  change: ChangeOf<'delete-policy-version'>,
): ConflictReason | undefined {
  const policy = policyRow(tables, change.policyName)
  if (policy === undefined || versionRow(tables, policy.id, change.versionId) === undefined) return 'absent'
  if (Number(change.versionId) === policy.current) return 'default'
  tables.sql.run('DELETE FROM policy_version WHERE policy = ? AND version = ?', policy.id, Number(change.versionId))
  return undefined
}

/** Removes a policy that nothing uses. */
export function deletePolicy(tables: ScopedTables, change: ChangeOf<'delete-policy'>): ConflictReason | undefined {
  const policy = policyRow(tables, change.name)
  if (policy === undefined) return 'absent'
  const { sql } = tables
  if (sql.one('SELECT 1 FROM policy_attachment WHERE policy = ?', policy.id) !== undefined) return 'attached'
  if (sql.one('SELECT 1 FROM thing_group_policy WHERE policy = ?', policy.id) !== undefined) return 'attached'
  const others = sql.one('SELECT 1 FROM policy_version WHERE policy = ? AND version <> ?', policy.id, policy.current)
  if (others !== undefined) return 'versions'
  sql.run('DELETE FROM policy_version WHERE policy = ?', policy.id)
  sql.run('DELETE FROM policy WHERE id = ?', policy.id)
  return undefined
}

/** Puts a policy on a certificate, once. */
export function attachPolicy(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'attach-policy'>,
): ConflictReason | undefined {
  const policy = sql.one('SELECT id FROM policy WHERE scope = ? AND name = ?', scope, change.policyName)
  if (policy === undefined) return 'absent'
  const certificate = sql.one(CERTIFICATE_ID, bytesOf(change.certificateId), scope)
  if (certificate === undefined) return 'target-absent'
  const attached = sql.all('SELECT policy FROM policy_attachment WHERE certificate = ?', count(certificate['id']))
  if (attached.some((other) => other['policy'] === policy['id'])) return undefined
  if (attached.length >= POLICIES_PER_TARGET_MAX) return 'limit'
  sql.run(
    'INSERT INTO policy_attachment (certificate, policy) VALUES (?, ?)',
    count(certificate['id']),
    count(policy['id']),
  )
  return undefined
}

/** Takes a policy off a certificate. */
export function detachPolicy({ sql, scope }: ScopedTables, change: ChangeOf<'detach-policy'>): undefined {
  sql.run(
    `DELETE FROM policy_attachment
     WHERE policy = (SELECT id FROM policy WHERE scope = ? AND name = ?)
       AND certificate = (SELECT id FROM certificate WHERE fingerprint = ? AND scope = ?)`,
    scope,
    change.policyName,
    bytesOf(change.certificateId),
    scope,
  )
}

function policyRow(
  { sql, scope }: ScopedTables,
  name: string,
): { id: number; current: number; last: number } | undefined {
  const row = sql.one(POLICY, scope, name)
  if (row === undefined) return undefined
  return { id: count(row['id']), current: count(row['default_version']), last: count(row['last_version']) }
}

/** Finds a version by its id as text; only the canonical spelling of a number is one. */
function versionRow({ sql }: ScopedTables, policy: number, versionId: string): Row | undefined {
  if (!/^[1-9][0-9]{0,8}$/.test(versionId)) return undefined
  return sql.one('SELECT 1 FROM policy_version WHERE policy = ? AND version = ?', policy, Number(versionId))
}

const POLICY = 'SELECT id, default_version, last_version FROM policy WHERE scope = ? AND name = ?'
const ADD_VERSION = 'INSERT INTO policy_version (policy, version, document, created_at) VALUES (?, ?, ?, ?)'
const CERTIFICATE_ID = 'SELECT id FROM certificate WHERE fingerprint = ? AND scope = ?'
