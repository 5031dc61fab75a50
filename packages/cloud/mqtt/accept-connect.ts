import { type Entropy, Fault, type FaultContext, toHex } from '@birthmark/foundation/kernel'
import { type AcceptedWill, acceptWill } from './accept-will.ts'
import { encodePacket } from './encode-packet.ts'
import { mqttFault, reasonCode } from './faults.ts'
import type { Connack, Connect, ProtocolVersion } from './packet.ts'
import type { BrokerProfile } from './profile.ts'
import { type ConnackProperties, NO_PROPERTIES } from './properties.ts'
import { REASON, RETURN_CODE } from './reason-code.ts'
import { REASON_CODES } from './reason-codes-by-packet.ts'
import { utf8Length } from './utf8.ts'

/** A CONNECT that this broker can serve. Who the client is and what it may do is judged elsewhere. */
export interface AcceptedConnect {
  readonly ok: true
  readonly version: ProtocolVersion
  /** The client's, or the one assigned to it. */
  readonly clientId: string
  /** Seconds in force, 0 for none. */
  readonly keepAlive: number
  readonly will: AcceptedWill | undefined
  /** Largest packet the client takes, in bytes; `Infinity` when it did not say. */
  readonly clientPacketBytesMax: number
  /** QoS 1 messages on their way to the client, at most: its Receive Maximum or the profile's limit, the lower one. */
  readonly outboundInflightMax: number
  /** Topic aliases that we may set: the client's Topic Alias Maximum or the profile's, the lower one. */
  readonly outboundAliasMax: number
  /** Whether the client wishes to begin without what an earlier connection left. */
  readonly cleanStart: boolean
  /** Seconds that the session outlives its connection, as granted; 0: not at all. */
  readonly sessionExpiry: number
  /** Whether the client wished its session to outlive the connection, granted or not. */
  readonly wishedPersistence: boolean
  /** The answer to send when the client is let in. */
  readonly connack: Connack
}

/** A CONNECT that cannot be served. */
export interface RefusedConnect {
  readonly ok: false
  /** The CONNACK to send before closing, encoded; `undefined` when the connection is closed without one. */
  readonly answer: Uint8Array | undefined
  readonly cause: Fault
}

/**
 * Judges a CONNECT by the standard and the profile, before anyone asks who the client is. Copies what it keeps.
 *
 * @param entropy Makes a client identifier where the client leaves it to the server.
 */
export function acceptConnect(
  connect: Connect,
  profile: BrokerProfile,
  entropy: Entropy,
): AcceptedConnect | RefusedConnect {
  try {
    return accept(connect, profile, entropy)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { ok: false, answer: refusalAnswer(error, connect.protocolVersion), cause: error }
  }
}

/**
 * Gives the encoded CONNACK that refuses a CONNECT because of `cause`, one that could not be decoded included;
 * `undefined` when the connection is closed without one, as MQTT 3.1.1 demands where it has no code for it (§3.2.2.3
 * [MQTT-3.2.2-6]).
 *
 * @param version What the decoder knows: `undefined` when the client's version is none of ours, or it sent no CONNECT.
 */
export function refusalAnswer(cause: Fault, version: ProtocolVersion | undefined): Uint8Array | undefined {
  if (cause.code === 'MQTT_PROTOCOL_LEVEL_UNSUPPORTED') return versionRefusal(cause.context['level'])
  if (version === 5) return refusal(connackReason(cause), 5)
  const identifier = version === 4 && cause.code === 'MQTT_CLIENT_ID_INVALID'
  return identifier ? refusal(RETURN_CODE.IDENTIFIER_REJECTED, 4) : undefined
}

function accept(connect: Connect, profile: BrokerProfile, entropy: Entropy): AcceptedConnect {
  const { protocolVersion: version, properties } = connect
  if (properties.authenticationMethod !== undefined) throw mqttFault('MQTT_AUTHENTICATION_METHOD_UNSUPPORTED')
  const clientId = parseClientId(connect, profile) ?? `auto-${toHex(entropy.bytes(16))}`
  const keepAlive = clampKeepAlive(connect.keepAlive, profile)
  const wishedExpiry = wishedSessionExpiry(connect)
  const sessionExpiry = Math.min(wishedExpiry, profile.sessionExpiryMax)
  return {
    ok: true,
    version,
    clientId,
    keepAlive,
    will: connect.will === undefined ? undefined : acceptWill(connect.will, profile),
    clientPacketBytesMax: parseClientPacketBytesMax(connect, profile),
    outboundInflightMax: Math.min(properties.receiveMaximum ?? 65_535, profile.outboundInflightMax),
    outboundAliasMax: Math.min(properties.topicAliasMaximum ?? 0, profile.topicAliasMax),
    cleanStart: connect.cleanStart,
    sessionExpiry,
    wishedPersistence: wishedExpiry > 0,
    connack: {
      type: 'connack',
      sessionPresent: false,
      reasonCode: 0,
      properties:
        version === 4 ? NO_PROPERTIES : connackProperties(connect, { clientId, keepAlive, sessionExpiry }, profile),
    },
  }
}

/** Gives the client's identifier, `undefined` when the server shall choose one. */
function parseClientId({ clientId, cleanStart, protocolVersion }: Connect, profile: BrokerProfile): string | undefined {
  const max = profile.clientIdBytesMax
  if (clientId === '') {
    // MQTT 3.1.1 §3.1.3.1 [MQTT-3.1.3-7]: without an identifier the session must be clean; 5.0 has no such rule.
    if (protocolVersion === 4 && !cleanStart) throw mqttFault('MQTT_CLIENT_ID_INVALID', { max })
    return undefined
  }
  if (clientId.startsWith('$') || utf8Length(clientId) > max) throw mqttFault('MQTT_CLIENT_ID_INVALID', { max })
  return clientId
}

/** MQTT 3.1.1 has no interval: a session that is not clean lasts (§3.1.2.4). */
function wishedSessionExpiry({ protocolVersion, cleanStart, properties }: Connect): number {
  if (protocolVersion === 4) return cleanStart ? 0 : Number.POSITIVE_INFINITY
  return properties.sessionExpiryInterval ?? 0
}

function clampKeepAlive(wished: number, { keepAliveMin, keepAliveMax }: BrokerProfile): number {
  if (keepAliveMax === 0) return wished
  return wished === 0 ? keepAliveMax : Math.min(Math.max(wished, keepAliveMin), keepAliveMax)
}

function parseClientPacketBytesMax({ properties }: Connect, profile: BrokerProfile): number {
  const bytes = properties.maximumPacketSize ?? Number.POSITIVE_INFINITY
  const min = profile.clientPacketBytesMin
  if (bytes < min) throw mqttFault('MQTT_MAXIMUM_PACKET_SIZE_TOO_SMALL', { bytes, min })
  return bytes
}

/** Says what this broker does and does not do, whether or not the client would guess it (MQTT 5.0 §3.2.2.3). */
function connackProperties(
  { clientId: wishedId, keepAlive: wishedKeepAlive, properties }: Connect,
  { clientId, keepAlive, sessionExpiry }: Pick<AcceptedConnect, 'clientId' | 'keepAlive' | 'sessionExpiry'>,
  profile: BrokerProfile,
): ConnackProperties {
  return {
    ...((properties.sessionExpiryInterval ?? 0) === sessionExpiry ? {} : { sessionExpiryInterval: sessionExpiry }),
    ...(wishedId === clientId ? {} : { assignedClientIdentifier: clientId }),
    ...(wishedKeepAlive === keepAlive ? {} : { serverKeepAlive: keepAlive }),
    receiveMaximum: profile.inboundInflightMax,
    topicAliasMaximum: profile.topicAliasMax,
    ...(profile.qosMax === 1 && { maximumQoS: 1 }),
    retainAvailable: profile.retainAvailable,
    maximumPacketSize: profile.packetBytesMax,
    wildcardSubscriptionAvailable: true,
    subscriptionIdentifiersAvailable: profile.subscriptionIdentifiers,
    sharedSubscriptionAvailable: true,
  }
}

/**
 * Says that the protocol level is not supported, to a newer client as 5.0 does and to an older one as 3.1.1 does
 * (MQTT 5.0 §3.1.2.2, 3.1.1 §3.1.2.2 [MQTT-3.1.2-2]).
 */
function versionRefusal(level: FaultContext[string]): Uint8Array {
  if (typeof level === 'number' && level > 5) return refusal(REASON.UNSUPPORTED_PROTOCOL_VERSION, 5)
  return refusal(RETURN_CODE.UNACCEPTABLE_PROTOCOL_VERSION, 4)
}

function connackReason(cause: Fault): number {
  const code = reasonCode(cause)
  return REASON_CODES.CONNACK.has(code) ? code : REASON.PROTOCOL_ERROR
}

function refusal(code: number, version: ProtocolVersion): Uint8Array {
  return encodePacket({ type: 'connack', sessionPresent: false, reasonCode: code, properties: NO_PROPERTIES }, version)
}
