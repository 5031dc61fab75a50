import { type Fault, faults, type Raise } from '@birthmark/foundation/kernel'
import type { AlertName } from './alert.ts'

/** Everything that ends a TLS connection, or keeps one from starting, with the alert that tells the server. */
export const TLS_FAULTS = {
  // The server's certificate
  TLS_HOST_NAME_MISMATCH: {
    blame: 'peer',
    message: "the server's certificate is not for {host}",
    remedy: 'Connect by a name that the certificate carries, or give the server a certificate for this name.',
    spec: 'RFC 9525 §6',
    alert: 'bad_certificate',
  },
  TLS_CERTIFICATE_EXPIRED: {
    blame: 'peer',
    message: "a certificate in the server's chain has expired",
    remedy: "Renew the server's certificate; if it is current, set the device's clock.",
    spec: 'RFC 5280 §6.1.3',
    alert: 'certificate_expired',
  },
  TLS_CERTIFICATE_NOT_YET_VALID: {
    blame: 'peer',
    message: "a certificate in the server's chain is not valid yet",
    remedy: "Set the device's clock; if it is right, the server uses its new certificate too early.",
    spec: 'RFC 5280 §6.1.3',
    alert: 'certificate_expired',
  },
  TLS_CERTIFICATE_FOREIGN: {
    blame: 'peer',
    message: "the server's chain does not lead to a trust anchor of this device",
    remedy: 'Connect to the endpoint that the trust anchor belongs to, or make the server send its intermediates.',
    spec: 'RFC 5280 §6.1',
    alert: 'unknown_ca',
  },
  TLS_CERTIFICATE_UNSUITABLE: {
    blame: 'peer',
    message: "the server's chain is not fit for a TLS server: {why}",
    remedy: 'Issue the server a certificate with serverAuth and digitalSignature from a proper CA.',
    spec: 'RFC 5280 §6.1.4',
    alert: 'bad_certificate',
  },
  TLS_CERTIFICATE_MALFORMED: {
    blame: 'peer',
    message: "a certificate in the server's chain cannot be read",
    remedy: "Check the server's certificate file; every entry must be one DER certificate.",
    spec: 'RFC 5280 §4.1',
    alert: 'bad_certificate',
  },
  TLS_CERTIFICATE_KEY_UNSUPPORTED: {
    blame: 'peer',
    message: "the server's key cannot make the signatures that this client accepts",
    remedy: 'Give the server an ECDSA certificate on P-256 or P-384 (RSA of 2048 bits or more also does for TLS 1.3).',
    spec: 'RFC 8446 §4.4.2.2',
    alert: 'unsupported_certificate',
  },
  TLS_CHAIN_TOO_LONG: {
    blame: 'peer',
    message: 'the server sent {count} certificates, more than {max}',
    remedy: 'Make the server send its own certificate and the intermediates, nothing else.',
    alert: 'bad_certificate',
  },
  TLS_SIGNATURE_INVALID: {
    blame: 'peer',
    message: "the server's signature over {what} is wrong",
    remedy: "The server lacks its certificate's key, or somebody changed the handshake: do not trust the network.",
    spec: 'RFC 8446 §4.4.3, RFC 5246 §7.4.3',
    alert: 'decrypt_error',
  },

  // Negotiation
  TLS_VERSION_NOT_OFFERED: {
    blame: 'peer',
    message: 'the server chose protocol version {version}, which this client did not offer',
    remedy: 'Enable TLS 1.2 or 1.3 on the server, as this client offers.',
    spec: 'RFC 8446 §4.2.1',
    alert: 'protocol_version',
  },
  TLS_DOWNGRADED: {
    blame: 'peer',
    message: 'the server supports TLS 1.3 but was made to choose TLS 1.2',
    remedy: 'Somebody between here and the server changed the ClientHello: do not trust the network.',
    spec: 'RFC 8446 §4.1.3',
    alert: 'illegal_parameter',
  },
  TLS_CIPHER_SUITE_NOT_OFFERED: {
    blame: 'peer',
    message: 'the server chose cipher suite {suite}, which this client did not offer',
    remedy: 'Check the server: it must choose among what the ClientHello lists.',
    spec: 'RFC 8446 §4.1.3, RFC 5246 §7.4.1.3',
    alert: 'illegal_parameter',
  },
  TLS_GROUP_NOT_OFFERED: {
    blame: 'peer',
    message: 'the server chose key exchange group {group}, which it must not choose here',
    remedy: 'Check the server: it must choose among what the ClientHello lists.',
    spec: 'RFC 8446 §4.1.4 and §4.2.8, RFC 8422 §5.4',
    alert: 'illegal_parameter',
  },
  TLS_KEY_SHARE_INVALID: {
    blame: 'peer',
    message: "the server's share of the key exchange is no valid public key",
    remedy: 'Check the server; the share must be a point of the group that it chose.',
    spec: 'RFC 8446 §4.2.8.2 and §7.4.2',
    alert: 'illegal_parameter',
  },
  TLS_SCHEME_NOT_OFFERED: {
    blame: 'peer',
    message: 'the server signed with scheme {scheme}, which it must not use here',
    remedy: 'Check the server: the scheme must be offered and fit the key of its certificate.',
    spec: 'RFC 8446 §4.2.3 and §4.4.3',
    alert: 'illegal_parameter',
  },
  TLS_ALPN_NOT_OFFERED: {
    blame: 'peer',
    message: 'the server chose an application protocol that this client did not offer',
    remedy: 'Check the server: it must choose one of the offered protocols or none.',
    spec: 'RFC 7301 §3.1',
    alert: 'illegal_parameter',
  },
  TLS_EXTENSION_NOT_OFFERED: {
    blame: 'peer',
    message: '{structure} carries extension {extension}, which this client did not offer',
    remedy: 'Check the server: it may only answer extensions of the ClientHello.',
    spec: 'RFC 8446 §4.2, RFC 5246 §7.4.1.4',
    alert: 'unsupported_extension',
  },
  TLS_EXTENSION_MISSING: {
    blame: 'peer',
    message: '{structure} lacks extension {extension}',
    remedy: 'Check the server: the extension is mandatory there.',
    spec: 'RFC 8446 §9.2',
    alert: 'missing_extension',
  },
  TLS_RENEGOTIATION_UNSAFE: {
    blame: 'peer',
    message: 'the server does not take part in secure renegotiation',
    remedy: 'Update the server: without the extension another connection could be spliced into this one.',
    spec: 'RFC 5746 §3.4',
    alert: 'handshake_failure',
  },
  TLS_PARAMETER_ILLEGAL: {
    blame: 'peer',
    message: '{structure} has a {parameter} that it must not have',
    remedy: 'Check the server; the value contradicts the standard or what this client sent.',
    spec: 'RFC 8446 §6.2',
    alert: 'illegal_parameter',
  },
  TLS_IDENTITY_NOT_ACCEPTED: {
    blame: 'operator',
    message: "the server asks for a client certificate but takes no {scheme} signatures, which this device's key makes",
    remedy: 'Allow that signature scheme on the server.',
    spec: 'RFC 8446 §4.4.2.3, RFC 5246 §7.4.4',
    alert: 'handshake_failure',
  },

  // The conversation
  TLS_FINISHED_WRONG: {
    blame: 'peer',
    message: "the server's Finished does not match this handshake",
    remedy: 'Somebody changed the handshake on its way: do not trust the network.',
    spec: 'RFC 8446 §4.4.4, RFC 5246 §7.4.9',
    alert: 'decrypt_error',
  },
  TLS_MESSAGE_UNEXPECTED: {
    blame: 'peer',
    message: 'the server sent {message} in state {state}',
    remedy: 'Check the server; the standard has no such message at this point.',
    spec: 'RFC 8446 §4 and Appendix A.1, RFC 5246 §7.3',
    alert: 'unexpected_message',
  },
  TLS_MESSAGE_MALFORMED: {
    blame: 'peer',
    message: "the server's {structure} does not have the form of the standard",
    remedy: 'Check the server, and that nothing in between rewrites its bytes.',
    spec: 'RFC 8446 §6.2',
    alert: 'decode_error',
  },
  TLS_MESSAGE_TOO_LARGE: {
    blame: 'peer',
    message: 'the server announced a handshake message of {size} bytes, more than {max}',
    remedy: "Shorten the server's certificate chain.",
    alert: 'decode_error',
  },
  TLS_TOO_MANY_RECORDS_WITHOUT_DATA: {
    blame: 'peer',
    message: 'the server sent more than {max} records in a row that carry no data',
    remedy: 'Check the server: only an attacker keeps a client busy this way.',
    alert: 'unexpected_message',
  },

  // Records
  TLS_RECORD_NOT_TLS: {
    blame: 'peer',
    message: 'the peer sent bytes that are no TLS record',
    remedy: 'Check host and port: whatever listens there does not speak TLS.',
    spec: 'RFC 8446 §5.1',
    alert: 'unexpected_message',
  },
  TLS_RECORD_MALFORMED: {
    blame: 'peer',
    message: 'the server sent {what}, which the record protocol forbids',
    remedy: 'Check the server, and that nothing in between rewrites its bytes.',
    spec: 'RFC 8446 §5.1 and §5.4, RFC 5246 §6.2.1',
    alert: 'unexpected_message',
  },
  TLS_RECORD_TOO_LARGE: {
    blame: 'peer',
    message: 'the server sent a record of {size} bytes, more than {max}',
    remedy: 'Check the server, and that nothing in between rewrites its bytes.',
    spec: 'RFC 8446 §5.1 and §5.2, RFC 5246 §6.2',
    alert: 'record_overflow',
  },
  TLS_RECORD_TAMPERED: {
    blame: 'peer',
    message: 'a record is not what the server sealed',
    remedy: 'Somebody changed, dropped or repeated bytes on their way: do not trust the network.',
    spec: 'RFC 8446 §5.2, RFC 5246 §6.2.3.3',
    alert: 'bad_record_mac',
  },
  TLS_KEY_EXHAUSTED: {
    blame: 'busy',
    message: 'this connection sealed {max} records, as many as one key may',
    remedy: 'Connect again; TLS 1.3 connections change the key by themselves.',
    spec: 'RFC 8446 §5.5',
    alert: 'close_notify',
  },

  // Ends; the server has gone, or has said so itself: no alert
  TLS_TRUNCATED: {
    blame: 'peer',
    message: 'the connection ended without close_notify in state {state}',
    remedy: 'Do not trust that all data arrived. If it goes on, ask the server why it drops this device.',
    spec: 'RFC 8446 §6.1',
    alert: undefined,
  },
  TLS_TRANSPORT_FAILED: {
    blame: 'operator',
    message: 'the transport failed: {why}',
    remedy: 'Check the network between this device and the server, then connect again.',
    alert: undefined,
  },
  TLS_PEER_CLOSED: {
    blame: 'peer',
    message: 'the server has closed the connection and takes no more data',
    remedy: 'Connect again to send the rest.',
    spec: 'RFC 5246 §7.2.1',
    alert: undefined,
  },
  TLS_PEER_ALERT: {
    blame: 'peer',
    message: 'the server ended the connection with alert {alert}',
    remedy: "Look the alert up in the server's log: it names what the server did not accept.",
    spec: 'RFC 8446 §6',
    alert: undefined,
  },
  TLS_CLIENT_CERTIFICATE_REFUSED: {
    blame: 'operator',
    message: "the server refused this device's certificate with alert {alert}",
    remedy:
      "Check that the certificate is valid and that the server knows it or its issuer; ask for the server's reason.",
    spec: 'RFC 8446 §6.2',
    alert: undefined,
  },
  TLS_HANDSHAKE_TIMEOUT: {
    blame: 'peer',
    message: 'the handshake took longer than {limit} ms and stood in state {state}',
    remedy: 'Check the network and the server, then connect again.',
    alert: undefined,
  },
  TLS_CLOSE_TIMEOUT: {
    blame: 'peer',
    message: 'the server neither sent anything nor closed for {limit} ms after this side closed',
    remedy: 'Nothing is lost on this side; check why the server leaves connections open.',
    alert: undefined,
  },

  // This side
  TLS_SIGNING_FAILED: {
    blame: 'operator',
    message: "the device's key gave no signature that fits its certificate",
    remedy: 'Check the chip or token that holds the key; the cause says what it answered.',
    alert: 'internal_error',
  },
  TLS_ENTROPY_FAILED: {
    blame: 'operator',
    message: 'the entropy source gave no usable private key in {tries} tries',
    remedy: 'Check the random generator: its output is not random.',
    spec: 'NIST SP 800-56A Rev. 3 §5.6.1.2.2',
    alert: 'internal_error',
  },
  TLS_OPTIONS_INVALID: {
    blame: 'caller',
    message: 'cannot connect with these options: {why}',
    remedy: 'Correct the option that the message names.',
    alert: undefined,
  },
  TLS_NOT_CONNECTED: {
    blame: 'caller',
    message: '{input} is not possible in state {state}',
    remedy: 'Send data only between the effects connected and closed, and start only once.',
    alert: undefined,
  },
  TLS_INTERNAL: {
    blame: 'bug',
    message: 'the TLS client failed in state {state}',
    remedy: 'Report it with the cause; the connection was ended.',
    alert: 'internal_error',
  },
} as const
export const tlsFault: Raise<typeof TLS_FAULTS> = faults(TLS_FAULTS)

/** Gives the alert that tells the server about a fault of this room; `undefined` when none is sent. */
export function alertFor(fault: Fault): AlertName | undefined {
  return ALERTS.get(fault.code)
}

const ALERTS: ReadonlyMap<string, AlertName | undefined> = new Map(
  Object.entries(TLS_FAULTS).map(([code, row]) => [code, row.alert]),
)
