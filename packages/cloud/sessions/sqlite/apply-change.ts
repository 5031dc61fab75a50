import { Delivery } from '@birthmark/cloud/mqtt'
import type { Statements } from '@birthmark/cloud/registry/sqlite'
import type { SessionChange, SessionCounts, SessionRecord } from '../store.ts'

/** Makes one change, within a transaction. @returns how much more there is than before */
export function applySessionChange(sql: Statements, change: SessionChange): SessionCounts {
  switch (change.do) {
    case 'begin': {
      const { scope, clientId } = change.session
      const known = sql.one(
        'SELECT id FROM session WHERE account = ? AND region = ? AND client_id = ?',
        scope.account,
        scope.region,
        clientId,
      )
      const ended = known === undefined ? NO_MORE : end(sql, Number(known['id']))
      begin(sql, change.session)
      return { ...ended, sessions: ended.sessions + 1 }
    }
    case 'end':
      return end(sql, change.id)
    case 'update':
      update(sql, change.session)
      return NO_MORE
    case 'subscribe': {
      const { filter, qos, noLocal, retainAsPublished, identifier } = change.subscription
      const options = [noLocal ? 1 : 0, retainAsPublished === true ? 1 : 0, identifier ?? null]
      sql.run('INSERT OR REPLACE INTO subscription VALUES (?, ?, ?, ?, ?, ?)', change.id, filter, qos, ...options)
      return NO_MORE
    }
    case 'unsubscribe':
      sql.run('DELETE FROM subscription WHERE session = ? AND filter = ?', change.id, change.filter)
      return NO_MORE
    case 'keep': {
      const { id, place, qos, receivedAt, expiresAt, packet } = change
      sql.run('INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)', id, place, qos, receivedAt, expiresAt ?? null, packet)
      return { sessions: 0, messages: 1 }
    }
    case 'release':
      sql.run(
        "UPDATE message SET packet = x'', expires_at = NULL WHERE session = ? AND place = ?",
        change.id,
        change.place,
      )
      return NO_MORE
    case 'receive':
      sql.run('INSERT OR IGNORE INTO received VALUES (?, ?)', change.id, change.packetId)
      return NO_MORE
    case 'forget':
      sql.run('DELETE FROM received WHERE session = ? AND packet_id = ?', change.id, change.packetId)
      return NO_MORE
    case 'settle':
      return {
        sessions: 0,
        messages: -sql.run('DELETE FROM message WHERE session = ? AND place = ?', change.id, change.place),
      }
  }
}

function begin(sql: Statements, { id, scope, clientId, version, expiry, ...rest }: SessionRecord): void {
  sql.run(
    'INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    id,
    scope.account,
    scope.region,
    clientId,
    version,
    expiry,
    rest.disconnectedAt ?? null,
    ...willColumns(rest.will),
  )
}

function update(sql: Statements, { id, expiry, disconnectedAt, will }: SessionRecord): void {
  sql.run(
    'UPDATE session SET expiry = ?, disconnected_at = ?, will = ?, will_qos = ?, will_received_at = ?, ' +
      'will_delay = ?, will_due_at = ? WHERE id = ?',
    expiry,
    disconnectedAt ?? null,
    ...willColumns(will),
    id,
  )
}

function end(sql: Statements, id: number): SessionCounts {
  sql.run('DELETE FROM subscription WHERE session = ?', id)
  sql.run('DELETE FROM received WHERE session = ?', id)
  return {
    sessions: -sql.run('DELETE FROM session WHERE id = ?', id),
    messages: -sql.run('DELETE FROM message WHERE session = ?', id),
  }
}

function willColumns(will: SessionRecord['will']): (Uint8Array | number | null)[] {
  if (will === undefined) return [null, null, null, null, null]
  const { message, delay, dueAt } = will
  const packet = new Delivery(message, { retain: message.retain === true, identifiers: [] }).qos0(5)
  return [packet, message.qos, message.receivedAt, delay, dueAt ?? null]
}

const NO_MORE: SessionCounts = { sessions: 0, messages: 0 }
