import type { AttemptCause, AttemptCauseCode } from './attempt.ts'

/** One row of {@link ATTEMPT_CAUSES}: `{name}` is replaced by the context's value of that name. */
interface AttemptCauseDefinition {
  readonly reason: string
  readonly remedy: string
}

/** What stands in for `{name}` in a reason or remedy. Never a secret: it reaches people and logs. */
export type AttemptCauseContext = Readonly<Record<string, string | number | undefined>>

/** Gives the cause with this code, its sentences filled in; values are cut to {@link CAUSE_VALUE_CHARACTERS_MAX}. */
export function attemptCause(code: AttemptCauseCode, context: AttemptCauseContext = {}): AttemptCause {
  const { reason, remedy } = ATTEMPT_CAUSES[code]
  return { code, reason: fill(reason, context), remedy: fill(remedy, context) }
}

/** Tells whether `code` is the code of a cause. */
export function isAttemptCauseCode(code: string): code is AttemptCauseCode {
  return Object.hasOwn(ATTEMPT_CAUSES, code)
}

function fill(sentence: string, context: AttemptCauseContext): string {
  return sentence.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const text = String(context[name] ?? 'unknown')
    return text.length <= CAUSE_VALUE_CHARACTERS_MAX ? text : `${text.slice(0, CAUSE_VALUE_CHARACTERS_MAX - 1)}…`
  })
}

/** Longest value that is filled into a sentence, in characters; longer ones are cut. Explained decisions are long. */
export const CAUSE_VALUE_CHARACTERS_MAX = 1600

/** Every reason for which a connection is refused or ends. The source of `docs/reference/attempts.md`. */
export const ATTEMPT_CAUSES: Readonly<Record<AttemptCauseCode, AttemptCauseDefinition>> = {
  TLS_EXPECTED: {
    reason: 'The client {why}, and this port speaks TLS only.',
    remedy: 'Let the client use TLS: mqtts:// or https://, with the root of this endpoint and its own certificate.',
  },
  TLS_VERSION_UNSUPPORTED: {
    reason: 'The client offers {versions}, and this endpoint speaks TLS 1.2 or 1.3, as its security policy says.',
    remedy: 'Let the client use TLS 1.2 or 1.3; an old TLS library has to be renewed.',
  },
  TLS_CIPHER_UNSUPPORTED: {
    reason: 'The client offers no cipher suite with ECDHE and AEAD that this endpoint has, but {ciphers}.',
    remedy: 'Let the client offer TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 and the curve P-256, or TLS 1.3.',
  },
  ALPN_UNKNOWN: {
    reason: 'The client offers the application protocols (ALPN) {protocols}, and this port speaks none of them.',
    remedy: 'Let the client offer x-amzn-mqtt-ca for MQTT, x-amzn-http-ca or http/1.1 for HTTPS, or none.',
  },
  ENDPOINT_NOT_TRUSTED: {
    reason: 'The client refuses this endpoint’s certificate: {why}.',
    remedy: 'Give the client this endpoint’s root, let it connect by a host name of the endpoint, and set its clock.',
  },
  PROOF_OF_POSSESSION_FAILED: {
    reason: 'The client’s signature is not by the key of the certificate {certificateId}: it does not have that key.',
    remedy: 'Give the client the private key that belongs to its certificate; a certificate alone is no identity.',
  },
  TLS_HANDSHAKE_FAILED: {
    reason: 'The TLS handshake failed: {why}.',
    remedy: 'Let the client use TLS 1.2 or 1.3, ECDHE and an AEAD cipher, and trust the root of this endpoint.',
  },
  TLS_HANDSHAKE_TIMEOUT: {
    reason: 'The TLS handshake was not finished: {why}.',
    remedy: 'Check the network between the client and this endpoint, and that the client speaks TLS on this port.',
  },
  NO_CLIENT_CERTIFICATE: {
    reason: 'The client showed no certificate in the TLS handshake, and MQTT needs one here.',
    remedy: 'Give the client its certificate and private key, or let it name a custom authorizer.',
  },
  AUTHORIZER_UNKNOWN: {
    reason: 'The client asks to be let in by a custom authorizer, and there is none for it: {why}.',
    remedy: 'Name an authorizer of this account and region (x-amz-customauthorizer-name), or set the default one.',
  },
  AUTHORIZER_INACTIVE: {
    reason: 'The client asks to be let in by a custom authorizer that is switched off: {why}.',
    remedy: 'Set the status of the authorizer to ACTIVE (UpdateAuthorizer), or name another one.',
  },
  AUTHORIZER_SIGNATURE_REFUSED: {
    reason: 'The client’s token for a custom authorizer is not signed as it must be: {why}.',
    remedy:
      'Sign the token with a key of the authorizer and send both, Base64 in URL encoding; TestInvokeAuthorizer tries.',
  },
  AUTHORIZER_REFUSED: {
    reason: 'The custom authorizer does not let the client in: {why}.',
    remedy: 'Check the client’s token, user name and password; the function behind the authorizer decides.',
  },
  AUTHORIZER_FAILED: {
    reason: 'The custom authorizer gave no decision: {why}.',
    remedy: 'Correct the function; TestInvokeAuthorizer and `birthmark functions invoke` show what it answers.',
  },
  AUTHORIZATION_EXPIRED: {
    reason: 'The connection has reached the end of its time: authorizer {authorizer} gave it {seconds} seconds.',
    remedy: 'Connect again; the function says how long a connection lasts (disconnectAfterInSeconds).',
  },
  SIGNATURE_REFUSED: {
    reason: 'The request is not signed (SigV4) as it must be: {why}.',
    remedy: 'Sign as iotdevicegateway for /mqtt and as iotdata for HTTP, with a key of this server; check the clock.',
  },
  CLIENT_CERTIFICATE_UNREADABLE: {
    reason: 'The client’s certificate cannot be used: {why}.',
    remedy: 'Issue the device an X.509 version 3 certificate with an EC key or an RSA key of at least 2048 bits.',
  },
  ISSUER_NOT_REGISTERED: {
    reason:
      'Certificate {certificateId} is not registered, and no registered CA has the name of its issuer {issuer}. ' +
      'The client sent {sent}.',
    remedy:
      'Register the CA that issued it directly (its root does not count), with auto-registration, or the certificate.',
  },
  CHAIN_INCOMPLETE: {
    reason:
      'Certificate {certificateId} is not registered, nor is its issuer {issuer}; CA {caId}, {caName}, is ' +
      'registered and above that one, and only direct issuers count.',
    remedy: 'Register the issuer itself, with auto-registration; then reconnect.',
  },
  ISSUER_ELSEWHERE: {
    reason: 'Certificate {certificateId} is not registered, and the CA that issued it is registered {where}, not here.',
    remedy:
      'Let the client connect by the host name of that account and region, with SNI, or register the CA here too.',
  },
  ISSUER_INACTIVE: {
    reason: 'Certificate {certificateId} is not registered, and its issuing CA {caId} {why}.',
    remedy: 'Activate the CA, or issue the device a certificate from one that is active; then reconnect.',
  },
  AUTO_REGISTRATION_OFF: {
    reason:
      'Certificate {certificateId} is not registered, and its issuing CA {caId} does not register devices by itself.',
    remedy: 'Switch auto-registration of the CA on, or register the certificate; then reconnect.',
  },
  CERTIFICATE_SIGNATURE_INVALID: {
    reason: 'Certificate {certificateId} names {issuer} as its issuer, but no registered CA of that name signed it.',
    remedy: 'Register the CA whose key signed it; if that one is registered already, the certificate is a forgery.',
  },
  CERTIFICATE_EXPIRED: {
    reason: 'Certificate {certificateId} ended on {notAfter}; it is {now} now.',
    remedy: 'Issue the device a new certificate, or set the clock of this machine if it is wrong.',
  },
  CERTIFICATE_NOT_YET_VALID: {
    reason: 'Certificate {certificateId} begins on {notBefore}; it is {now} now.',
    remedy: 'Set the clock of this machine, or of the CA that issued the certificate, if it is wrong; otherwise wait.',
  },
  CERTIFICATE_KEY_USAGE: {
    reason: 'Certificate {certificateId} is not for TLS clients: {why}.',
    remedy: 'Issue the device a certificate with key usage digitalSignature and extended key usage clientAuth.',
  },
  CERTIFICATE_NOT_REGISTERED: {
    reason: 'Certificate {certificateId} is not registered: {why}.',
    remedy:
      'Register the certificate itself (RegisterCertificateWithoutCA), or issue the device one from a registered CA.',
  },
  CERTIFICATE_ELSEWHERE: {
    reason: 'Certificate {certificateId} is registered {where}, not here.',
    remedy:
      'Let the client connect by the host name of that account and region, with SNI, or register the certificate here.',
  },
  CERTIFICATE_INACTIVE: {
    reason: 'Certificate {certificateId} is registered and INACTIVE.',
    remedy: 'Set its status to ACTIVE (UpdateCertificate), then reconnect.',
  },
  CERTIFICATE_REVOKED: {
    reason: 'Certificate {certificateId} is registered and REVOKED.',
    remedy: 'Issue the device a new certificate; revocation is final.',
  },
  CERTIFICATE_PENDING_ACTIVATION: {
    reason: 'Certificate {certificateId} is registered and PENDING_ACTIVATION: {why}.',
    remedy: 'Set its status to ACTIVE (UpdateCertificate), then reconnect.',
  },
  CERTIFICATE_PENDING_TRANSFER: {
    reason: 'Certificate {certificateId} is being transferred to another account.',
    remedy: 'Accept, reject or cancel the transfer, set its status to ACTIVE, then reconnect.',
  },
  SNI_MISSING: {
    reason: 'Certificate {certificateId} is of mode SNI_ONLY and the client named no server in the TLS handshake.',
    remedy: 'Connect by host name, with server name indication; clients send none for an IP address.',
  },
  SNI_FOREIGN: {
    reason:
      'Certificate {certificateId} is of mode SNI_ONLY and the client asked for {sni}, which is not this endpoint.',
    remedy: 'Connect by one of the host names of this endpoint.',
  },
  PROVISIONED_FIRST_CONNECTION: {
    reason: 'The first connection of certificate {certificateId} provisioned it: {why}. It ends here, as planned.',
    remedy: 'Reconnect: the device is provisioned.',
  },
  PROVISIONING_FAILED: {
    reason: 'Provisioning {what} failed: {why}.',
    remedy: '{remedy}',
  },
  TEMPLATE_INVALID: {
    reason: 'Provisioning {what} failed, because of its template: {why}.',
    remedy: '{remedy}',
  },
  PARAMETER_MISSING: {
    reason: 'Provisioning {what} failed, for want of a parameter: {why}.',
    remedy: '{remedy}',
  },
  PROVISIONING_REQUEST_INVALID: {
    reason: 'A request to provision {what} was refused: {why}.',
    remedy: '{remedy}',
  },
  CLAIM_OUTSIDE_ALLOW_LIST: {
    reason: 'Provisioning {what} was refused: {why}.',
    remedy: '{remedy}',
  },
  CLAIM_EXHAUSTED: {
    reason: 'Provisioning {what} was refused: {why}.',
    remedy: '{remedy}',
  },
  CLAIM_BRAKED: {
    reason: 'Provisioning {what} is braked, as if the claim had leaked: {why}.',
    remedy: 'See `birthmark alarms`; an honest device connects again and goes on. Replace a claim that has leaked.',
  },
  THING_TAKEN: {
    reason: 'Provisioning {what} was refused: {why}.',
    remedy: '{remedy}',
  },
  OWNERSHIP_TOKEN_EXPIRED: {
    reason: 'Provisioning {what} was refused: {why}.',
    remedy: '{remedy}',
  },
  OWNERSHIP_TOKEN_INVALID: {
    reason: 'Provisioning {what} was refused: {why}.',
    remedy: '{remedy}',
  },
  HOOK_REFUSED: {
    reason: 'Provisioning {what} was refused: {why}.',
    remedy: '{remedy}',
  },
  HOOK_SLOW: {
    reason: 'Provisioning {what} was refused: {why}.',
    remedy: '{remedy}',
  },
  HOOK_FAILED: {
    reason: 'Provisioning {what} was refused: {why}.',
    remedy: '{remedy}',
  },
  REGISTERED_PENDING_ACTIVATION: {
    reason: 'Certificate {certificateId} was registered as PENDING_ACTIVATION; its issuing CA {caId} has no template.',
    remedy: 'Set its status to ACTIVE (UpdateCertificate) and attach a policy; the device then reconnects.',
  },
  CONNECT_EXPECTED: {
    reason: 'The client did not begin with an MQTT CONNECT: {why}.',
    remedy: 'Use this port for MQTT only, and let the client send CONNECT first.',
  },
  CONNECT_TIMEOUT: {
    reason: 'No MQTT CONNECT came: {why}.',
    remedy: 'Let the client send CONNECT as soon as TLS is up.',
  },
  CONNECT_PROTOCOL_VERSION: {
    reason: 'The client speaks another MQTT version: {why}.',
    remedy: 'Use MQTT 3.1.1 or 5.0.',
  },
  CLIENT_ID_INVALID: {
    reason: 'The client id was refused: {why}.',
    remedy: '{remedy}',
  },
  CLIENT_ID_TOO_FAST: {
    reason: 'The client id connects too fast: {why}.',
    remedy: '{remedy}',
  },
  CLIENT_ID_TAKEN_OVER: {
    reason: 'Another connection came with the same client id, {clientId}, and replaced this one.',
    remedy: 'Give each device a client id of its own; if the device itself reconnected, nothing is wrong.',
  },
  CONNECTION_DELETED: {
    reason: 'An operator ended the connection of client id {clientId}.',
    remedy: 'Nothing is wrong with the device; it may connect again.',
  },
  POLICY_DENIED_CONNECT: {
    reason: '{why}',
    remedy: 'Correct the policies of the certificate, its attachment to a thing, or the client id, then reconnect.',
  },
  POLICY_DENIED_PUBLISH: {
    reason: '{why}',
    remedy: 'Correct the policies of the certificate, or the topic.',
  },
  POLICY_DENIED_SUBSCRIBE: {
    reason: '{why}',
    remedy: 'Correct the policies of the certificate (resource topicfilter/), or the topic filter.',
  },
  POLICY_DENIED_REQUEST: {
    reason: '{why}',
    remedy: 'Correct the policies of the certificate, or what the client asks for.',
  },
  NO_POLICY_ATTACHED: {
    reason: 'Certificate {certificateId} is ACTIVE and has no policy, so it may do nothing.',
    remedy: 'Attach a policy that allows iot:Connect (AttachPolicy), then reconnect.',
  },
  HTTP_EXPECTED: {
    reason: 'The client does not speak HTTP, and by its application protocol (ALPN) it should here: {why}.',
    remedy: 'Let a client of MQTT offer the ALPN x-amzn-mqtt-ca on this port, or connect to the MQTT port.',
  },
  HTTP_REQUEST_REFUSED: {
    reason: 'The request was refused: {why}.',
    remedy: 'Correct the request as the answer says; the operations are those of AWS IoT’s data plane.',
  },
  HTTP_REQUEST_TIMEOUT: {
    reason: 'The client sent no whole request over HTTP: {why}.',
    remedy: 'Check the network; a client of MQTT has to offer the ALPN x-amzn-mqtt-ca on this port.',
  },
  WEBSOCKET_REFUSED: {
    reason: 'The request to open a WebSocket was refused: {why}.',
    remedy: 'Open it with GET /mqtt, version 13, and the subprotocol mqtt.',
  },
  WEBSOCKET_EXPIRED: {
    reason: 'A WebSocket that was signed by the access key {key} has reached the end of its time: {why}.',
    remedy: 'Connect again, with a new signature.',
  },
  MQTT_PROTOCOL_ERROR: {
    reason: 'The client broke a rule of MQTT: {why}.',
    remedy: '{remedy}',
  },
  MQTT_LIMIT_REACHED: {
    reason: 'The client went beyond a limit: {why}.',
    remedy: '{remedy}',
  },
  MQTT_FEATURE_UNSUPPORTED: {
    reason: 'The client asked for what this endpoint does not do: {why}.',
    remedy: '{remedy}',
  },
  KEEP_ALIVE_TIMEOUT: {
    reason: 'The client fell silent: {why}.',
    remedy: 'Send PINGREQ within the keep-alive that CONNACK names, and check the network.',
  },
  CONNECTION_LOST: {
    reason: 'The connection ended without a DISCONNECT: {why}.',
    remedy: 'Check the network and the client’s log; a client that stops on purpose sends DISCONNECT.',
  },
  SERVER_SHUTTING_DOWN: {
    reason: 'This server is shutting down.',
    remedy: 'Reconnect with a growing pause.',
  },
  SERVER_ERROR: {
    reason: 'The server failed, and the client could not help it: {why}.',
    remedy: '{remedy}',
  },
}
