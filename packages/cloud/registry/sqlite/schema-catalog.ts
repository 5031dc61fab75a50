/**
 * Thing types, groups, billing groups, tags, and the index over things. What refers to a group by its row id may
 * outlive
 * it: an id is never given again, so a deletion need not look for a million members.
 */
export const CATALOG_TABLES: string = `
  CREATE TABLE thing_attribute (
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL COLLATE NOCASE,
    thing INTEGER NOT NULL,
    PRIMARY KEY (scope, name, value, thing)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX thing_name_folded ON thing (scope, name COLLATE NOCASE);
  CREATE INDEX thing_type_folded ON thing (scope, type_name COLLATE NOCASE, type_name) WHERE type_name IS NOT NULL;
  CREATE INDEX thing_billing_group ON thing (billing_group) WHERE billing_group IS NOT NULL;

  CREATE TABLE thing_type (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    uuid TEXT NOT NULL,
    description TEXT,
    searchable TEXT NOT NULL,
    propagating TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deprecated_at INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX thing_type_name ON thing_type (scope, name);
  CREATE INDEX thing_type_scope ON thing_type (scope);

  CREATE TABLE thing_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    uuid TEXT NOT NULL,
    parent INTEGER,
    depth INTEGER NOT NULL,
    description TEXT,
    attributes TEXT NOT NULL,
    query TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX thing_group_name ON thing_group (scope, name);
  CREATE INDEX thing_group_scope ON thing_group (scope);
  CREATE INDEX thing_group_parent ON thing_group (parent) WHERE parent IS NOT NULL;
  CREATE INDEX thing_group_query ON thing_group (scope) WHERE query IS NOT NULL;

  CREATE TABLE thing_group_member (
    thing INTEGER NOT NULL,
    thing_group INTEGER NOT NULL,
    PRIMARY KEY (thing, thing_group)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX thing_group_member_group ON thing_group_member (thing_group, thing);

  CREATE TABLE thing_group_policy (
    thing_group INTEGER NOT NULL,
    policy INTEGER NOT NULL,
    PRIMARY KEY (thing_group, policy)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX thing_group_policy_policy ON thing_group_policy (policy, thing_group);

  CREATE TABLE billing_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    uuid TEXT NOT NULL,
    description TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX billing_group_name ON billing_group (scope, name);
  CREATE INDEX billing_group_scope ON billing_group (scope);

  CREATE TABLE tag (
    scope INTEGER NOT NULL,
    resource TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (scope, resource, key)
  ) STRICT, WITHOUT ROWID;
  ${[
    ['policy', "'policy/' || OLD.name"],
    ['template', "'provisioningtemplate/' || OLD.name"],
    ['ca', "'cacert/' || lower(hex(OLD.fingerprint))"],
    ['thing_type', "'thingtype/' || OLD.name"],
    ['thing_group', "'thinggroup/' || OLD.name"],
    ['billing_group', "'billinggroup/' || OLD.name"],
  ]
    .map(
      ([table, resource]) => `
  CREATE TRIGGER ${table}_tags AFTER DELETE ON ${table} BEGIN
    DELETE FROM tag WHERE scope = OLD.scope AND resource = ${resource};
  END;`,
    )
    .join('')}
`
