import { encodePacket } from './encode-packet.ts'
import { reasonCode } from './faults.ts'
import type { Disconnect } from './packet.ts'
import { NO_PROPERTIES } from './properties.ts'
import { REASON } from './reason-code.ts'
import { REASON_CODES } from './reason-codes-by-packet.ts'
import type { CloseOrder, RefusalCause, SessionEnd } from './session.ts'

/**
 * Gives the DISCONNECT that tells an MQTT 5.0 client why its session ends: with words, without, or not at all, as it
 * has room for them (MQTT 5.0 §3.14.2.2.3 [MQTT-3.14.2-3], §3.1.2.11.4 [MQTT-3.1.2-24]); `undefined` too when it knows.
 *
 * @param room Largest packet that the client takes, in bytes.
 */
export function encodeFarewell(end: SessionEnd, room: number): Uint8Array | undefined {
  const plain = plainFarewell(end)
  if (plain === undefined) return undefined
  const words = end.because === 'fault' ? wordsOf(end) : undefined
  const worded: Disconnect = words === undefined ? plain : { ...plain, properties: { reasonString: words } }
  return [worded, plain].map((packet) => encodePacket(packet, 5)).find(({ length }) => length <= room)
}

/** Gives the MQTT 5.0 reason code of a refusal. */
export function reasonOf(cause: RefusalCause): number {
  return cause.because === 'denied' ? REASON.NOT_AUTHORIZED : reasonCode(cause.fault)
}

function plainFarewell(end: SessionEnd): Disconnect | undefined {
  switch (end.because) {
    case 'fault':
    case 'denied':
      return disconnect(reasonOf(end))
    case 'ordered':
      return disconnect(REASON_BY_ORDER[end.order])
    case 'disconnected':
    case 'connection-lost':
      return undefined
  }
}

/** Some reasons exist in other packets only. */
function disconnect(code: number): Disconnect {
  const reason = REASON_CODES.DISCONNECT.has(code) ? code : REASON.PROTOCOL_ERROR
  return { type: 'disconnect', reasonCode: reason, properties: NO_PROPERTIES }
}

/** What the client has to do with may be told to it; what goes on in here may not. */
function wordsOf({ fault }: Extract<SessionEnd, { because: 'fault' }>): string | undefined {
  return fault.blame === 'peer' || fault.blame === 'busy' ? fault.message : undefined
}

const REASON_BY_ORDER: Readonly<Record<CloseOrder, number>> = {
  'taken-over': REASON.SESSION_TAKEN_OVER,
  'shutting-down': REASON.SERVER_SHUTTING_DOWN,
  administrative: REASON.ADMINISTRATIVE_ACTION,
  'not-authorized': REASON.NOT_AUTHORIZED,
  'server-error': REASON.UNSPECIFIED_ERROR,
}
