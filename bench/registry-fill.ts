import { DatabaseSync } from 'node:sqlite'

/*
 * Fills a registry with a fleet in bulk, straight in SQLite: what would take hours through the port takes minutes, and
 * leaves the same rows. The file is the bench's own; it need not survive a power cut while it grows.
 */

/** Certificates, things and all that binds them from number `from` to `to`, in the scope with row 1. */
export function fillFleet(path: string, from: number, to: number): void {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -524288')
    // Fingerprints come in no order: an index over them is built at once when all rows are there.
    const index = String(
      database.prepare("SELECT sql FROM sqlite_schema WHERE name = 'certificate_fingerprint'").get()?.['sql'],
    )
    database.exec('DROP INDEX certificate_fingerprint')
    for (let start = from; start < to; start += ROWS_TOGETHER) {
      const numbers = numbersOf(start, Math.min(start + ROWS_TOGETHER, to) - 1)
      database.exec(`BEGIN; ${ROWS.map((row) => `${numbers} ${row}`).join(';')}; COMMIT`)
    }
    database.exec(index)
    database.exec('PRAGMA journal_mode = WAL')
  } finally {
    database.close()
  }
}

const ROWS_TOGETHER = 100_000

function numbersOf(first: number, last: number): string {
  return `WITH RECURSIVE number (n) AS (SELECT ${first} UNION ALL SELECT n + 1 FROM number WHERE n < ${last})`
}

/** As long as the PEM of a P-256 certificate with a few extensions. */
const PEM = `-----BEGIN CERTIFICATE-----\n${`${'A'.repeat(64)}\n`.repeat(11)}-----END CERTIFICATE-----\n`
const UUID = '00000000-0000-4000-8000-000000000001'
/** The CA of every certificate. */
export const FLEET_CA: string = 'ca'.repeat(32)

/**
 * Ten things have the type `rare` and stand at the start: a list of them by attribute has to look at all others. The
 * row ids are the numbers plus one.
 */
const ROWS = [
  `INSERT INTO certificate (id, scope, fingerprint, pem, status, mode, ca, not_before, not_after, created_at,
     modified_at, customer_version, generation_id)
   SELECT n + 1, 1, randomblob(32), '${PEM}', 'ACTIVE', 'DEFAULT', x'${FLEET_CA}', 0, 0, 0, 0, 1, '${UUID}'
   FROM number`,
  `INSERT INTO thing (id, scope, name, uuid, type_name, billing_group, attributes, version, created_at)
   SELECT n + 1, 1, printf('meter-%08d', n), '${UUID}', iif(n < 10, 'rare', 'meter'), 1,
     json_object('sn', printf('%08d', n), 'site', iif(n % 2, 'south', 'north')), 1, 0 FROM number`,
  `INSERT INTO thing_attribute (scope, name, value, thing) SELECT 1, 'sn', printf('%08d', n), n + 1 FROM number`,
  `INSERT INTO thing_attribute (scope, name, value, thing)
   SELECT 1, 'site', iif(n % 2, 'south', 'north'), n + 1 FROM number`,
  `INSERT INTO policy_attachment (certificate, policy) SELECT n + 1, 1 FROM number`,
  `INSERT INTO thing_principal (certificate, thing, exclusive) SELECT n + 1, n + 1, 0 FROM number`,
  `INSERT INTO thing_group_member (thing, thing_group) SELECT n + 1, 1 FROM number`,
]
