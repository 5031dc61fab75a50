import { tlsFault } from './faults.ts'

/** Where a connection stands. The endings tell which version was chosen. */
export type ClientState =
  | 'START'
  | 'WAIT_SERVER_HELLO'
  | 'WAIT_SECOND_SERVER_HELLO'
  | 'WAIT_ENCRYPTED_EXTENSIONS_13'
  | 'WAIT_CERTIFICATE_OR_REQUEST_13'
  | 'WAIT_CERTIFICATE_13'
  | 'WAIT_CERTIFICATE_VERIFY_13'
  | 'WAIT_FINISHED_13'
  | 'ANSWERING_13'
  | 'CONNECTED_13'
  | 'CLOSING_13'
  | 'PEER_CLOSED_13'
  | 'WAIT_CERTIFICATE_12'
  | 'WAIT_SERVER_KEY_EXCHANGE_12'
  | 'WAIT_REQUEST_OR_DONE_12'
  | 'WAIT_DONE_12'
  | 'ANSWERING_12'
  | 'WAIT_CHANGE_CIPHER_SPEC_12'
  | 'WAIT_FINISHED_12'
  | 'CONNECTED_12'
  | 'CLOSING_12'
  | 'CLOSED'

/** What moves a connection: a message or record of the server, or a step of this side. */
export type ClientEvent =
  | 'start'
  | 'hello_retry_request'
  | 'server_hello_13'
  | 'server_hello_12'
  | 'encrypted_extensions'
  | 'certificate_request'
  | 'certificate'
  | 'certificate_verify'
  | 'server_key_exchange'
  | 'server_hello_done'
  | 'change_cipher_spec'
  | 'finished'
  | 'answered'
  | 'application_data'
  | 'new_session_ticket'
  | 'key_update'
  | 'hello_request'
  | 'close'
  | 'close_notify'

/**
 * The life of a connection (RFC 8446 Appendix A.1, RFC 5246 §7.3). A pair that is absent is refused with
 * `TLS_MESSAGE_UNEXPECTED`. Three things are not drawn because they lead from everywhere to CLOSED: a fault, the end of
 * the transport, and `close` before the handshake is over. `answered` is this side's last flight, which may have to
 * wait for the chip's signature; until then nothing that the server sends is looked at.
 */
export const TRANSITIONS: Readonly<Record<ClientState, Readonly<Partial<Record<ClientEvent, ClientState>>>>> = {
  START: { start: 'WAIT_SERVER_HELLO' },
  // RFC 8446 §5 would drop a ChangeCipherSpec here too, but servers send none before their first message (§D.4).
  WAIT_SERVER_HELLO: {
    hello_retry_request: 'WAIT_SECOND_SERVER_HELLO',
    server_hello_13: 'WAIT_ENCRYPTED_EXTENSIONS_13',
    server_hello_12: 'WAIT_CERTIFICATE_12',
  },
  WAIT_SECOND_SERVER_HELLO: {
    server_hello_13: 'WAIT_ENCRYPTED_EXTENSIONS_13',
    change_cipher_spec: 'WAIT_SECOND_SERVER_HELLO',
  },

  // TLS 1.3. A ChangeCipherSpec before the server's Finished is for middleboxes and dropped (RFC 8446 §5).
  WAIT_ENCRYPTED_EXTENSIONS_13: {
    encrypted_extensions: 'WAIT_CERTIFICATE_OR_REQUEST_13',
    change_cipher_spec: 'WAIT_ENCRYPTED_EXTENSIONS_13',
  },
  WAIT_CERTIFICATE_OR_REQUEST_13: {
    certificate_request: 'WAIT_CERTIFICATE_13',
    certificate: 'WAIT_CERTIFICATE_VERIFY_13',
    change_cipher_spec: 'WAIT_CERTIFICATE_OR_REQUEST_13',
  },
  WAIT_CERTIFICATE_13: { certificate: 'WAIT_CERTIFICATE_VERIFY_13', change_cipher_spec: 'WAIT_CERTIFICATE_13' },
  WAIT_CERTIFICATE_VERIFY_13: {
    certificate_verify: 'WAIT_FINISHED_13',
    change_cipher_spec: 'WAIT_CERTIFICATE_VERIFY_13',
  },
  WAIT_FINISHED_13: { finished: 'ANSWERING_13', change_cipher_spec: 'WAIT_FINISHED_13' },
  ANSWERING_13: { answered: 'CONNECTED_13' },
  // A certificate_request is absent: authentication after the handshake is not offered (RFC 8446 §4.6.2).
  CONNECTED_13: {
    application_data: 'CONNECTED_13',
    new_session_ticket: 'CONNECTED_13',
    key_update: 'CONNECTED_13',
    close: 'CLOSING_13',
    close_notify: 'PEER_CLOSED_13',
  },
  // RFC 8446 §6.1: each side closes its own direction only.
  CLOSING_13: {
    application_data: 'CLOSING_13',
    new_session_ticket: 'CLOSING_13',
    key_update: 'CLOSING_13',
    close_notify: 'CLOSED',
  },
  PEER_CLOSED_13: { close: 'CLOSED' },

  // TLS 1.2
  WAIT_CERTIFICATE_12: { certificate: 'WAIT_SERVER_KEY_EXCHANGE_12' },
  WAIT_SERVER_KEY_EXCHANGE_12: { server_key_exchange: 'WAIT_REQUEST_OR_DONE_12' },
  WAIT_REQUEST_OR_DONE_12: { certificate_request: 'WAIT_DONE_12', server_hello_done: 'ANSWERING_12' },
  WAIT_DONE_12: { server_hello_done: 'ANSWERING_12' },
  ANSWERING_12: { answered: 'WAIT_CHANGE_CIPHER_SPEC_12' },
  WAIT_CHANGE_CIPHER_SPEC_12: { change_cipher_spec: 'WAIT_FINISHED_12' },
  WAIT_FINISHED_12: { finished: 'CONNECTED_12' },
  // hello_request is answered with no_renegotiation (RFC 5746 §4.2, RFC 5246 §7.2.2).
  CONNECTED_12: {
    application_data: 'CONNECTED_12',
    hello_request: 'CONNECTED_12',
    close: 'CLOSING_12',
    // RFC 5246 §7.2.1: the answer is close_notify at once, in both directions.
    close_notify: 'CLOSED',
  },
  CLOSING_12: { application_data: 'CLOSING_12', hello_request: 'CLOSING_12', close_notify: 'CLOSED' },
  CLOSED: {},
}

/**
 * Gives the state after `event`.
 *
 * @throws `TLS_MESSAGE_UNEXPECTED`
 */
export function nextState(state: ClientState, event: ClientEvent): ClientState {
  const next = TRANSITIONS[state][event]
  if (next === undefined) throw tlsFault('TLS_MESSAGE_UNEXPECTED', { message: event, state })
  return next
}

/** Tells whether application data may be sent in `state`. */
export function canSend(state: ClientState): boolean {
  return state === 'CONNECTED_12' || state === 'CONNECTED_13' || state === 'PEER_CLOSED_13'
}

/** Tells whether the handshake is still under way in `state`. */
export function isHandshake(state: ClientState): boolean {
  return state.startsWith('WAIT_') || state.startsWith('ANSWERING_')
}

/** Tells whether this side's last flight is on its way, which waits for a signature. */
export function isAnswering(state: ClientState): boolean {
  return state === 'ANSWERING_12' || state === 'ANSWERING_13'
}

/** Tells whether this side has closed and the server has not. */
export function isClosing(state: ClientState): boolean {
  return state === 'CLOSING_12' || state === 'CLOSING_13'
}

/** Tells whether the server is listened to: not after its close_notify (RFC 8446 §6.1), nor while answering. */
export function isListening(state: ClientState): boolean {
  return !isAnswering(state) && state !== 'PEER_CLOSED_13' && state !== 'CLOSED'
}
