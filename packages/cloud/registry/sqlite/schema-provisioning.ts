/** What provisioning keeps beside things and certificates. */
export const PROVISIONING_TABLES = `
  CREATE TABLE certificate_offer (
    certificate INTEGER PRIMARY KEY,
    scope INTEGER NOT NULL,
    token_hash BLOB NOT NULL,
    principal TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_for TEXT
  ) STRICT;
  CREATE UNIQUE INDEX certificate_offer_token ON certificate_offer (token_hash);
  CREATE INDEX certificate_offer_expiry ON certificate_offer (scope, expires_at);

  CREATE TABLE provisioning_claim (
    certificate INTEGER PRIMARY KEY,
    scope INTEGER NOT NULL,
    template_name TEXT NOT NULL,
    policy_document TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX provisioning_claim_expiry ON provisioning_claim (scope, expires_at);

  CREATE TABLE allow_list (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    template_name TEXT NOT NULL,
    parameter TEXT NOT NULL,
    once INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX allow_list_name ON allow_list (scope, name);

  CREATE TABLE allowed_value (
    list INTEGER NOT NULL,
    value TEXT NOT NULL,
    used_by BLOB,
    PRIMARY KEY (list, value)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE stored_document (
    scope INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    unique_key TEXT,
    PRIMARY KEY (scope, kind, name)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX stored_document_key ON stored_document (kind, unique_key) WHERE unique_key IS NOT NULL;
`
