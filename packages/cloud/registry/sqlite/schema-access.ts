/** Who may call, and what was done. The audit log belongs to an account, whatever its region. */
export const ACCESS_TABLES = `
  CREATE TABLE access_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    key_id TEXT NOT NULL UNIQUE,
    secret TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    permissions TEXT NOT NULL,
    session_token TEXT,
    expires_at INTEGER,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX access_key_scope ON access_key (scope);

  CREATE TABLE audit_entry (
    account TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    access_key TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (account, sequence)
  ) STRICT, WITHOUT ROWID;
`
