import { Fault, type Instant, instant, later, type Machine, seconds, TokenBucket } from '@birthmark/foundation/kernel'
import { admitPublish } from './admit-publish.ts'
import { encodePacket } from './encode-packet.ts'
import { encodeFarewell, reasonOf } from './farewell.ts'
import { mqttFault } from './faults.ts'
import { Inbound } from './inbound.ts'
import { judgeSubscriptions } from './judge-subscriptions.ts'
import { Outbound } from './outbound.ts'
import type { Acknowledgement, Disconnect, Packet, ProtocolVersion, Publish, Subscribe, Unsubscribe } from './packet.ts'
import { NO_PROPERTIES } from './properties.ts'
import { REASON, SUBACK_FAILURE } from './reason-code.ts'
import type { RefusalCause, SessionEffect, SessionEnd, SessionInput, SessionOptions } from './session.ts'
import type { TopicFilter } from './topic.ts'
import { TopicAliases } from './topic-aliases.ts'

/**
 * The server's side of one connection whose CONNECT was accepted. What outlives the connection is kept elsewhere: the
 * effects tell what. After the close effect every input is ignored.
 *
 * Every fault that it finds, and every fault of the decoder that it is told, ends the session. An MQTT 5.0 client is
 * told the reason with a DISCONNECT; 3.1.1 has no means to.
 */
export class ServerSession implements Machine<SessionInput, SessionEffect> {
  readonly #options: SessionOptions
  readonly #version: ProtocolVersion
  readonly #inbound: Inbound
  readonly #publishes: TokenBucket
  readonly #outbound: Outbound
  readonly #aliases: TopicAliases
  /** The filters subscribed to, by their text; made with the first one. */
  #subscriptions: Map<string, TopicFilter> | undefined
  /** What the current input calls for. Nothing is kept between inputs: messages hold on to the chunks they came in. */
  #effects: SessionEffect[] = NO_EFFECTS
  #heardAt: Instant
  #silentAt: Instant | undefined
  #hasEnded = false

  constructor(options: SessionOptions) {
    const { accepted, profile } = options
    this.#options = options
    this.#version = accepted.version
    this.#aliases = new TopicAliases(profile.topicAliasMax)
    this.#publishes = new TokenBucket(profile.publishesInPerSecond)
    this.#inbound = new Inbound({
      version: accepted.version,
      inflightMax: profile.inboundInflightMax,
      received: options.resumedReceived,
      send: (packet) => this.#send(packet),
    })
    this.#outbound = new Outbound({
      version: accepted.version,
      packetBytesMax: accepted.clientPacketBytesMax,
      inflightMax: accepted.outboundInflightMax,
      queueCountMax: profile.outboundQueueCountMax,
      queueBytesMax: profile.outboundQueueBytesMax,
      perSecond: profile.publishesOutPerSecond,
      aliasMax: accepted.outboundAliasMax,
      marksRepetitions: profile.marksRepetitions,
    })
    for (const filter of options.resumed ?? []) this.#remember(filter)
    this.#heardAt = options.now
    this.#silentAt = this.#silentAfter(options.now)
  }

  /** Tells when {@link tick} must run. It moves only when it runs, not with every packet, so that timers are few. */
  get nextDeadline(): Instant | undefined {
    const { wakeAt } = this.#outbound
    if (wakeAt === undefined || this.#hasEnded) return this.#silentAt
    return this.#silentAt === undefined ? wakeAt : instant(Math.min(wakeAt, this.#silentAt))
  }

  /** Messages of QoS 1 and 2 that may be given now. */
  get room(): number {
    return this.#hasEnded ? 0 : this.#outbound.room
  }

  receive(input: SessionInput, now: Instant): readonly SessionEffect[] {
    if (this.#hasEnded) return NO_EFFECTS
    const effects: SessionEffect[] = []
    this.#effects = effects
    try {
      this.#take(input, now)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#fail({ because: 'fault', fault: error }, now)
    } finally {
      this.#effects = NO_EFFECTS
    }
    return effects
  }

  tick(now: Instant): readonly SessionEffect[] {
    if (this.#hasEnded) return NO_EFFECTS
    const effects: SessionEffect[] = []
    this.#outbound.wake(now, effects)
    if (this.#silentAt === undefined || now < this.#silentAt) return effects
    // A client that we do not read from cannot be heard.
    if (this.#inbound.isPaused) this.#heardAt = now
    const deadline = this.#silentAfter(this.#heardAt)
    this.#silentAt = deadline
    if (deadline !== undefined && now >= deadline) {
      const silence = this.#options.accepted.keepAlive * KEEP_ALIVE_FACTOR
      this.#effects = effects
      this.#fail({ because: 'fault', fault: mqttFault('MQTT_KEEP_ALIVE_TIMEOUT', { seconds: silence }) }, now)
      this.#effects = NO_EFFECTS
    }
    return effects
  }

  #take(input: SessionInput, now: Instant): void {
    switch (input.on) {
      case 'packet':
        this.#heardAt = now
        return this.#takePacket(input.packet, now)
      case 'deliver':
        // Without the right to receive, a message just does not come (AWS IoT Core developer guide, policy actions).
        if (!this.#options.policy.receive(input.delivery.message.topic)) {
          if (input.stored !== undefined) this.#effects.push({ do: 'settled', stored: input.stored })
          return
        }
        return this.#outbound.deliver(input.delivery, input.qos, input.stored, now, this.#effects)
      case 'resume-released':
        return this.#outbound.resumeReleased(input.stored, this.#effects)
      case 'acknowledged':
        return this.#inbound.settle(input.packetId, REASON.SUCCESS, this.#effects)
      case 'publish-failed':
        // MQTT 3.1.1 cannot refuse a message: without its PUBACK the client sends it again on its next connection.
        if (this.#version === 4) throw mqttFault('MQTT_BUS_UNAVAILABLE')
        return this.#inbound.settle(input.packetId, REASON.UNSPECIFIED_ERROR, this.#effects)
      case 'congested':
        return this.#outbound.setCongested(true, now, this.#effects)
      case 'drained':
        return this.#outbound.setCongested(false, now, this.#effects)
      case 'fault':
        return this.#fail({ because: 'fault', fault: input.fault }, now)
      case 'close':
        return this.#end({ because: 'ordered', order: input.order }, input.withoutWill !== true, now)
      case 'connection-lost':
        return this.#end({ because: 'connection-lost' }, true, now)
    }
  }

  #takePacket(packet: Packet, now: Instant): void {
    switch (packet.type) {
      case 'publish':
        return this.#publish(packet, now)
      case 'puback':
        return this.#outbound.acknowledge(packet.packetId, now, this.#effects)
      case 'pubrec':
      case 'pubrel':
      case 'pubcomp':
        return this.#takeExactlyOnce(packet, now)
      case 'subscribe':
        return this.#subscribe(packet, now)
      case 'unsubscribe':
        return this.#unsubscribe(packet)
      case 'pingreq':
        return this.#send({ type: 'pingresp' })
      case 'disconnect':
        return this.#disconnect(packet, now)
      case 'connect':
      case 'connack':
      case 'suback':
      case 'unsuback':
      case 'pingresp':
      case 'auth':
        throw unexpected(packet)
    }
  }

  /** The packets of QoS 2 (MQTT 5.0 §4.3.3). */
  #takeExactlyOnce(packet: Acknowledgement, now: Instant): void {
    const { packetId, reasonCode } = packet
    if (this.#options.profile.qosMax < 2) throw unexpected(packet)
    if (packet.type === 'pubrel') this.#inbound.release(packetId, this.#effects)
    else if (packet.type === 'pubrec') this.#outbound.received(packetId, reasonCode, now, this.#effects)
    else this.#outbound.completed(packetId, now, this.#effects)
  }

  #publish(packet: Publish, now: Instant): void {
    const { packetId, properties, qos } = packet
    const { profile } = this.#options
    if (qos > profile.qosMax) throw mqttFault('MQTT_QOS_UNSUPPORTED')
    if (packet.retain && !profile.retainAvailable) throw mqttFault('MQTT_RETAIN_UNSUPPORTED')
    if (properties.subscriptionIdentifiers) throw mqttFault('MQTT_SUBSCRIPTION_IDENTIFIER_IN_PUBLISH')
    const text = this.#aliases.topicOf(packet)
    if (!this.#inbound.begin(packet, this.#effects)) return
    if (!this.#publishes.take(1, now)) {
      const fault = mqttFault('MQTT_PUBLISHES_TOO_FAST', { max: profile.publishesInPerSecond })
      return this.#refusePublish(packetId, { because: 'fault', fault }, now)
    }
    const admitted = admitPublish(packet, text, this.#options, now)
    if ('because' in admitted) return this.#refusePublish(packetId, admitted, now)
    this.#effects.push({ do: 'publish', message: admitted, packetId, isWill: false })
  }

  /**
   * MQTT 5.0 can refuse one QoS 1 message. Anything else that must not be published ends the session, and so does a
   * reserved topic (AWS IoT Core developer guide, reserved topics).
   */
  #refusePublish(packetId: number | undefined, cause: RefusalCause, now: Instant): void {
    const code = cause.because === 'fault' ? cause.fault.code : ''
    if (THROTTLED.has(code)) return this.#discard(packetId, cause)
    if (this.#version === 4 || packetId === undefined || code === 'MQTT_TOPIC_RESERVED') return this.#fail(cause, now)
    this.#effects.push({ do: 'refuse', cause })
    this.#inbound.settle(packetId, reasonOf(cause), this.#effects)
  }

  /** What comes too fast is not published; MQTT 3.1.1 cannot say so, and its client sends it again. */
  #discard(packetId: number | undefined, cause: RefusalCause): void {
    this.#effects.push({ do: 'refuse', cause })
    if (packetId === undefined) return
    if (this.#version === 4) this.#inbound.forget(packetId, this.#effects)
    else this.#inbound.settle(packetId, reasonOf(cause), this.#effects)
  }

  #subscribe(packet: Subscribe, now: Instant): void {
    if (packet.properties.subscriptionIdentifiers && !this.#options.profile.subscriptionIdentifiers) {
      throw mqttFault('MQTT_SUBSCRIPTION_IDENTIFIER_UNSUPPORTED')
    }
    const judgements = judgeSubscriptions(packet, this.#options, this.#subscriptions ?? NO_SUBSCRIPTIONS)
    const refusals = judgements.filter((judgement) => !judgement.granted)
    const forbidden = refusals.find((refused) => refused.isForbidden)
    const endsForbidden = this.#version === 4 && this.#options.deniedSubscribe === 'close'
    if (forbidden !== undefined && endsForbidden) return this.#fail(forbidden.cause, now)
    // A packet that is refused as a whole has one cause for all of its filters.
    for (const cause of new Set(refusals.map((refused) => refused.cause))) this.#effects.push({ do: 'refuse', cause })
    const reasonCodes = judgements.map((judgement) => {
      if (!judgement.granted) return this.#version === 5 ? judgement.reasonCode : SUBACK_FAILURE
      const { filter, grant } = judgement
      this.#remember(filter)
      this.#effects.push({ do: 'subscribe', filter, grant })
      return grant.qos
    })
    this.#send({ type: 'suback', packetId: packet.packetId, reasonCodes, properties: NO_PROPERTIES })
    for (const judgement of judgements) {
      if (!judgement.granted || !judgement.replay) continue
      this.#effects.push({ do: 'replay', filter: judgement.filter, grant: judgement.grant })
    }
  }

  #unsubscribe({ packetId, filters }: Unsubscribe): void {
    const reasonCodes = filters.map((text) => {
      const filter = this.#subscriptions?.get(text)
      if (filter === undefined) return REASON.NO_SUBSCRIPTION_EXISTED
      this.#subscriptions?.delete(text)
      this.#effects.push({ do: 'unsubscribe', filter })
      return REASON.SUCCESS
    })
    this.#send({ type: 'unsuback', packetId, reasonCodes, properties: NO_PROPERTIES })
  }

  #remember(filter: TopicFilter): void {
    this.#subscriptions ??= new Map()
    this.#subscriptions.set(filter, filter)
  }

  #disconnect({ reasonCode: reason, properties }: Disconnect, now: Instant): void {
    // MQTT 5.0 §3.14.2.2.2: an interval cannot be raised from 0.
    const { sessionExpiryInterval: wished } = properties
    const { accepted, profile } = this.#options
    if (wished && accepted.sessionExpiry === 0) {
      throw mqttFault('MQTT_SESSION_EXPIRY_RAISED')
    }
    // MQTT 5.0 §3.14.4 [MQTT-3.14.4-3]: only a normal disconnection discards the will.
    const expiry = wished === undefined ? accepted.sessionExpiry : Math.min(wished, profile.sessionExpiryMax)
    this.#end({ because: 'disconnected', reasonCode: reason }, reason !== REASON.SUCCESS, now, expiry)
  }

  /** Ends the session because of what the client did. */
  #fail(cause: RefusalCause, now: Instant): void {
    this.#end(cause, true, now)
  }

  #end(
    end: SessionEnd,
    publishWill: boolean,
    now: Instant,
    sessionExpiry = this.#options.accepted.sessionExpiry,
  ): void {
    this.#hasEnded = true
    this.#silentAt = undefined
    const { accepted, connectionId: publisher } = this.#options
    if (publishWill && accepted.will !== undefined) {
      const { delay, ...will } = accepted.will
      const message = { ...will, publisher, receivedAt: now }
      // MQTT 5.0 §3.1.3.2.2: the end of the session ends the delay.
      const seconds = Math.min(delay, sessionExpiry)
      if (seconds === 0) this.#effects.push({ do: 'publish', message, packetId: undefined, isWill: true })
      else this.#effects.push({ do: 'delay-will', message, seconds })
    }
    const bytes = this.#version === 5 ? encodeFarewell(end, accepted.clientPacketBytesMax) : undefined
    if (bytes !== undefined) this.#effects.push({ do: 'send', bytes })
    this.#effects.push({ do: 'close', end, sessionExpiry })
  }

  /** MQTT 5.0 §3.1.2.11.4 [MQTT-3.1.2-24]: an answer that the client has no room for cannot be given. */
  #send(packet: Packet): void {
    const bytes = encodePacket(packet, this.#version)
    const room = this.#options.accepted.clientPacketBytesMax
    if (bytes.length > room) throw mqttFault('MQTT_MAXIMUM_PACKET_SIZE_TOO_SMALL', { bytes: room, min: bytes.length })
    this.#effects.push({ do: 'send', bytes })
  }

  /** MQTT 5.0 §3.1.2.10 [MQTT-3.1.2-22]: one and a half times the keep-alive; 0 switches it off. */
  #silentAfter(heardAt: Instant): Instant | undefined {
    const { keepAlive } = this.#options.accepted
    return keepAlive === 0 ? undefined : later(heardAt, seconds(keepAlive * KEEP_ALIVE_FACTOR))
  }
}

function unexpected(packet: Packet): Fault {
  return mqttFault('MQTT_PACKET_UNEXPECTED', { packet: packet.type.toUpperCase() })
}

/** The refusals that are about the moment and not about the message. */
const THROTTLED: ReadonlySet<string> = new Set([
  'MQTT_PUBLISHES_TOO_FAST',
  'MQTT_RETAINED_TOO_FAST',
  'MQTT_RETAINED_TOO_MANY',
])
const KEEP_ALIVE_FACTOR = 1.5
const NO_SUBSCRIPTIONS: ReadonlyMap<string, TopicFilter> = new Map()
/** Stands for no effects, and is never added to. */
const NO_EFFECTS: SessionEffect[] = []
