/** What is known of a certificate that moves, or moved, between accounts; in the account of its row. */
export const TRANSFER_TABLES = `
  CREATE TABLE certificate_transfer (
    certificate INTEGER PRIMARY KEY,
    scope INTEGER NOT NULL,
    incoming INTEGER NOT NULL,
    account TEXT NOT NULL,
    message TEXT,
    reject_reason TEXT,
    sent_at INTEGER NOT NULL,
    accepted_at INTEGER,
    rejected_at INTEGER
  ) STRICT;
  CREATE INDEX certificate_transfer_scope ON certificate_transfer (scope, incoming, certificate);
`

/** Provisioning templates and the versions of their text. */
export const TEMPLATE_TABLES = `
  CREATE TABLE template (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    description TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    role_arn TEXT NOT NULL,
    hook TEXT,
    default_version INTEGER NOT NULL,
    last_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX template_name ON template (scope, name);
  CREATE INDEX template_scope ON template (scope);

  CREATE TABLE template_version (
    template INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (template, version)
  ) STRICT, WITHOUT ROWID;
`
