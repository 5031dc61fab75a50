import type { DatabaseSync } from 'node:sqlite'
import type { Instant } from '@birthmark/foundation/kernel'
import { ACCESS_TABLES } from './schema-access.ts'
import { CATALOG_TABLES } from './schema-catalog.ts'
import { TEMPLATE_TABLES, TRANSFER_TABLES } from './schema-identity.ts'
import { PROVISIONING_TABLES } from './schema-provisioning.ts'

/**
 * The statements that bring a registry from version n (its index here) to n + 1. An entry never changes once it was
 * released; a change of the schema is a new entry at the end.
 *
 * Every row has an integer id that is never given twice: what refers to it stays small, lists continue at it, and new
 * rows go to the end of the table. Certificate ids are kept as their 32 bytes. Times are milliseconds.
 */
export const MIGRATIONS: readonly string[] = [
  `
  PRAGMA application_id = 1114795371;

  CREATE TABLE scope (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    registration_code TEXT,
    endpoint_prefix TEXT UNIQUE,
    opened_at INTEGER,
    UNIQUE (account, region)
  ) STRICT;

  CREATE TABLE certificate (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    pem TEXT NOT NULL,
    status TEXT NOT NULL,
    mode TEXT NOT NULL,
    ca BLOB,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    customer_version INTEGER NOT NULL,
    generation_id TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX certificate_fingerprint ON certificate (fingerprint, scope);
  CREATE INDEX certificate_scope ON certificate (scope);
  CREATE INDEX certificate_ca ON certificate (scope, ca) WHERE ca IS NOT NULL;

  CREATE TABLE ca (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    pem TEXT NOT NULL,
    subject_hash TEXT NOT NULL,
    key_hash TEXT,
    status TEXT NOT NULL,
    mode TEXT NOT NULL,
    auto_registration INTEGER NOT NULL,
    registration_config TEXT,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    customer_version INTEGER NOT NULL,
    generation_id TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX ca_fingerprint ON ca (scope, fingerprint);
  CREATE INDEX ca_subject ON ca (scope, subject_hash);
  CREATE INDEX ca_scope ON ca (scope);

  CREATE TABLE policy (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    default_version INTEGER NOT NULL,
    last_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    generation_id TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX policy_name ON policy (scope, name);
  CREATE INDEX policy_scope ON policy (scope);

  CREATE TABLE policy_version (
    policy INTEGER NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (policy, version)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE policy_attachment (
    certificate INTEGER NOT NULL,
    policy INTEGER NOT NULL,
    PRIMARY KEY (certificate, policy)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX policy_attachment_policy ON policy_attachment (policy, certificate);

  CREATE TABLE thing (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    uuid TEXT NOT NULL,
    type_name TEXT,
    billing_group INTEGER,
    attributes TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX thing_name ON thing (name, scope);
  CREATE INDEX thing_scope ON thing (scope);

  CREATE TABLE thing_principal (
    certificate INTEGER NOT NULL,
    thing INTEGER NOT NULL,
    exclusive INTEGER NOT NULL,
    PRIMARY KEY (certificate, thing)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX thing_principal_thing ON thing_principal (thing, certificate);
  ${TEMPLATE_TABLES}
  ${ACCESS_TABLES}
  ${TRANSFER_TABLES}
  ${PROVISIONING_TABLES}
  ${CATALOG_TABLES}
  `,
]

/** Marks a file as a registry of ours: "Brmk" in its header (https://sqlite.org/fileformat2.html), set by version 1. */
export const APPLICATION_ID = 1_114_795_371

/**
 * Brings a database to the version after the last of `migrations`, each in a transaction of its own that also notes it
 * in the table `schema_version`.
 */
export function migrate(database: DatabaseSync, migrations: readonly string[], now: Instant): void {
  for (let version = schemaVersion(database); version < migrations.length; version += 1) {
    try {
      database.exec(`
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
        INSERT INTO schema_version VALUES (${version + 1}, ${now});
        ${migrations[version]};
        COMMIT;
      `)
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
}

/** Gives the version of a database, 0 for an empty one. */
export function schemaVersion(database: DatabaseSync): number {
  const found = database.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'schema_version'").get()
  if (found?.['n'] !== 1) return 0
  return Number(database.prepare('SELECT max(version) AS version FROM schema_version').get()?.['version'])
}
