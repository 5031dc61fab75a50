/**
 * The statements that bring a store of retained messages from version n (its index here) to n + 1. An entry never
 * changes once it was released. Times are milliseconds. A message is its MQTT 5.0 PUBLISH with QoS 0.
 */
export const RETAINED_MIGRATIONS: readonly string[] = [
  `
  PRAGMA application_id = 1114795371;

  CREATE TABLE retained (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    topic TEXT NOT NULL,
    qos INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    expires_at INTEGER,
    packet BLOB NOT NULL,
    UNIQUE (account, region, topic)
  ) STRICT;

  CREATE INDEX retained_expiry ON retained (expires_at) WHERE expires_at IS NOT NULL;
  `,
]
