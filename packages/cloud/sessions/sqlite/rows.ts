import { type ProtocolVersion, parseTopicFilter, type QoS, readStoredMessage } from '@birthmark/cloud/mqtt'
import type { Row } from '@birthmark/cloud/registry/sqlite'
import { type Instant, instant } from '@birthmark/foundation/kernel'
import type { KeptWill, SessionRecord, SessionSubscription, WaitingMessage } from '../store.ts'

/** Reads a row of the table session. */
export function sessionOf(row: Row): SessionRecord {
  return {
    id: Number(row['id']),
    scope: { account: String(row['account']), region: String(row['region']) },
    clientId: String(row['client_id']),
    version: versionOf(row['version']),
    expiry: Number(row['expiry']),
    disconnectedAt: momentOf(row['disconnected_at']),
    will: willOf(row),
  }
}

/** Reads a row of the table subscription. */
export function subscriptionOf(row: Row): SessionSubscription {
  const filter = parseTopicFilter(String(row['filter']), ANY_FILTER)
  const identifier = row['identifier']
  return {
    filter,
    qos: qosOf(row['qos']),
    noLocal: row['no_local'] === 1,
    ...(row['retain_as_published'] === 1 && { retainAsPublished: true }),
    ...(identifier !== null && { identifier: Number(identifier) }),
  }
}

/** Reads a row of the table message. */
export function waitingMessageOf(row: Row): WaitingMessage {
  const packet = bytesOf(row['packet'])
  const receivedAt = instant(Number(row['received_at']))
  return {
    place: Number(row['place']),
    bytes: packet.length,
    delivery: packet.length === 0 ? undefined : readStoredMessage(packet, { qos: qosOf(row['qos']), receivedAt }),
  }
}

function willOf(row: Row): KeptWill | undefined {
  if (row['will'] === null) return undefined
  const receivedAt = instant(Number(row['will_received_at']))
  const { message, marks } = readStoredMessage(bytesOf(row['will']), { qos: qosOf(row['will_qos']), receivedAt })
  return {
    message: { ...message, retain: marks.retain },
    delay: Number(row['will_delay']),
    dueAt: momentOf(row['will_due_at']),
  }
}

function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}

function momentOf(value: unknown): Instant | undefined {
  return value === null ? undefined : instant(Number(value))
}

function qosOf(value: unknown): QoS {
  return value === 0 || value === 2 ? value : 1
}

function versionOf(value: unknown): ProtocolVersion {
  return value === 5 ? 5 : 4
}

const ANY_FILTER = { topicBytesMax: 65_535, topicSlashesMax: 65_535 }
