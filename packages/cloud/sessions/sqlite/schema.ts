/**
 * The statements that bring a session store from version n (its index here) to n + 1. An entry never changes once it
 * was released. Times are milliseconds. A message is its MQTT 5.0 PUBLISH with QoS 0.
 */
export const SESSION_MIGRATIONS: readonly string[] = [
  `
  PRAGMA application_id = 1114795371;

  CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    client_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    expiry INTEGER NOT NULL,
    disconnected_at INTEGER,
    will BLOB,
    will_qos INTEGER,
    will_received_at INTEGER,
    will_delay INTEGER,
    will_due_at INTEGER,
    UNIQUE (account, region, client_id)
  ) STRICT;

  CREATE TABLE subscription (
    session INTEGER NOT NULL,
    filter TEXT NOT NULL,
    qos INTEGER NOT NULL,
    no_local INTEGER NOT NULL,
    retain_as_published INTEGER NOT NULL,
    identifier INTEGER,
    PRIMARY KEY (session, filter)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE message (
    session INTEGER NOT NULL,
    place INTEGER NOT NULL,
    qos INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- Empty when the client has received it, which it tells of a message of QoS 2.
    packet BLOB NOT NULL,
    PRIMARY KEY (session, place)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE received (
    session INTEGER NOT NULL,
    packet_id INTEGER NOT NULL,
    PRIMARY KEY (session, packet_id)
  ) STRICT, WITHOUT ROWID;
  `,
]
