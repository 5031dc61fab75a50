import type { Receiver } from '@birthmark/cloud/bus'
import type { DisconnectReason, PresenceFacts } from '@birthmark/cloud/events'
import {
  type AcceptedConnect,
  type CloseOrder,
  Delivery,
  keptMessage,
  type Message,
  NO_PROPERTIES,
  parseTopicName,
  type RefusalCause,
  ServerSession,
  type SessionEffect,
  type SessionEnd,
  type SessionInput,
  type StoredMark,
  serviceOf,
  type TopicFilter,
  topicMatches,
} from '@birthmark/cloud/mqtt'
import type { CertificateId } from '@birthmark/cloud/registry'
import type { Consumer, DurableSession } from '@birthmark/cloud/sessions'
import { type Driven, drive, messageOf } from '@birthmark/foundation/kernel'
import type { Principal } from './admission.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { AttemptRecord } from './attempt-log.ts'
import { ClientCertificate } from './client-certificate.ts'
import type { ConnectionPorts } from './connection-ports.ts'
import { describeEnd, stepOf } from './describe-end.ts'
import type { BoundIdentity } from './identity.ts'
import { type LiveConnection, type Revocation, revocationCause } from './live-connections.ts'
import { causeOfEnd, causeOfError, causeOfRefusal } from './mqtt-causes.ts'
import { disconnectReasonOf, SessionPresence } from './presence.ts'
import { SendGate } from './send-gate.ts'
import { ALLOW_EVERYTHING, IdentityPolicy } from './session-policy.ts'
import type { ServiceRequest, TopicService } from './topic-service.ts'
import type { Wire } from './wire.ts'

/** A client that was let in. */
export interface SessionOrigin {
  readonly attempt: AttemptRecord
  readonly wire: Wire
  readonly accepted: AcceptedConnect
  readonly remoteAddress: string
  readonly principal: Principal
}

/** A session at work: its machine, the bus, its policies, and the wire to its client. */
export class LiveSession implements LiveConnection, Receiver, Consumer {
  readonly connectionId: string
  readonly #origin: SessionOrigin
  readonly #ports: ConnectionPorts
  readonly #policy: IdentityPolicy | undefined
  readonly #machine: ServerSession
  readonly #driven: Driven<SessionInput>
  /** What outlives the connection; absent when nothing does. */
  readonly #durable: DurableSession | undefined
  /** Holds answers back until what they promise is on disk. */
  readonly #gate: SendGate | undefined
  #identity: BoundIdentity | undefined
  /** Messages that came while the policies were out of date; their turn comes under the new ones. */
  #held: { readonly delivery: Delivery; readonly qos: 0 | 1 }[] | undefined
  /** The subscriptions that a service's answers come by, with their QoS. */
  #answerFilters: Map<TopicFilter, 0 | 1> | undefined
  #isPaused = false
  /** What is known of the end of the socket. */
  #lost = ''
  #hasEnded = false
  #dropped = 0
  #delayedWill: { readonly message: Message; readonly seconds: number } | undefined
  /** Absent on the listener without TLS, of which nobody is told. */
  #presence: SessionPresence | undefined

  constructor(origin: SessionOrigin, ports: ConnectionPorts, durable: DurableSession | undefined) {
    const { attempt, principal, accepted } = origin
    this.connectionId = attempt.id
    this.#origin = origin
    this.#ports = ports
    this.#identity = principal === 'anybody' ? undefined : principal.identity
    this.#policy = this.#identity && new IdentityPolicy(this.#identity.policies, ports.registry.scope)
    this.#durable = durable
    this.#gate =
      durable &&
      new SendGate(
        origin.wire,
        () => this.#pump(),
        (error) => this.fail(error),
      )
    const resumed = durable?.subscriptions ?? []
    for (const { filter, qos } of resumed) this.#noteAnswers(filter, qos)
    this.#machine = new ServerSession({
      accepted,
      connectionId: this.connectionId,
      policy: this.#policy ?? ALLOW_EVERYTHING,
      profile: ports.profile,
      services: ports.serviceNames,
      deniedSubscribe: ports.deniedSubscribe,
      resumed: resumed.map(({ filter }) => filter),
      mayShare: (filter) => ports.bus.mayShare(filter),
      now: ports.clock.now(),
    })
    const { clock, timers } = ports
    this.#driven = drive(this.#machine, { clock, timers, perform: (effect) => this.#performSafely(effect) })
  }

  get certificateId(): CertificateId | undefined {
    const { principal } = this.#origin
    return principal === 'anybody' ? undefined : principal.id
  }

  get clientId(): string {
    return this.#origin.accepted.clientId
  }

  get thingName(): string | undefined {
    return this.#identity?.thingName
  }

  get bound(): BoundIdentity | undefined {
    return this.#identity
  }

  /** Messages of QoS 1 that would be sent at once. */
  get room(): number {
    return this.#held === undefined && this.#gate?.isShut !== true ? this.#machine.room : 0
  }

  /** Answers the client, and lets it have what its session has kept. @param kept What the answer waits for. */
  begin(connack: Uint8Array, kept: Promise<void> | undefined): void {
    this.#durable?.attach(this)
    if (this.#gate !== undefined && kept !== undefined) this.#gate.shut(kept)
    this.#send(connack)
  }

  /** Tells the world that the client is connected; its CONNACK is on its way. */
  announce(): void {
    const { principal } = this.#origin
    if (principal === 'anybody') return
    this.#presence = new SessionPresence(this.#ports.presence, () => this.#presenceFacts(principal.id))
  }

  /** Gives the session what happened; ignored once it has ended. */
  receive(input: SessionInput): void {
    if (this.#hasEnded) return
    try {
      this.#driven.receive(input)
      if (input.on === 'packet') this.#presence?.settle(input.packet.type)
      if (input.on === 'packet' || input.on === 'drained') this.#pump()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Tells the session that its socket is gone. */
  lose(why: string): void {
    this.#lost = why
    this.receive({ on: 'connection-lost' })
  }

  deliver(delivery: Delivery, qos: 0 | 1, stored?: StoredMark): void {
    if (this.#held === undefined) {
      return this.receive({ on: 'deliver', delivery, qos, ...(stored !== undefined && { stored }) })
    }
    if (this.#held.length >= this.#ports.profile.outboundQueueCountMax) this.#dropped++
    else this.#held.push({ delivery: new Delivery(keptMessage(delivery.message)), qos })
  }

  endRevoked(revocation: Revocation): void {
    this.endFor(revocationCause(revocation), 'not-authorized')
  }

  endTakenOver(): void {
    this.endFor(attemptCause('CLIENT_ID_TAKEN_OVER', { clientId: this.clientId }), 'taken-over')
  }

  endByOrder({ withoutWill }: { readonly withoutWill: boolean }): void {
    this.#origin.attempt.blame(attemptCause('CONNECTION_DELETED', { clientId: this.clientId }))
    this.receive({ on: 'close', order: 'administrative', withoutWill })
  }

  /** Ends the session in order: its will is published and an MQTT 5 client is told. */
  endFor(cause: AttemptCause, order: CloseOrder): void {
    this.#origin.attempt.blame(cause)
    this.receive({ on: 'close', order })
  }

  hold(): void {
    this.#held ??= []
    this.#origin.wire.pause()
  }

  async rebind(): Promise<void> {
    const { principal, accepted, remoteAddress } = this.#origin
    if (principal === 'anybody' || this.#hasEnded) return
    try {
      const { id } = principal
      const record = await this.#ports.registry.certificate(id)
      if (record?.status !== 'ACTIVE') {
        return this.endRevoked({ certificateId: id, status: record?.status ?? 'deleted' })
      }
      const certificate = new ClientCertificate(id, record.pem)
      const identity = await this.#ports.identities.bind({ certificate, accepted, remoteAddress })
      this.#exchange(identity)
    } catch (error) {
      this.fail(error)
    }
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const { delivery, qos } of held) this.receive({ on: 'deliver', delivery, qos })
    this.#continueReading()
    this.#pump()
  }

  #exchange(identity: BoundIdentity): void {
    if (this.#hasEnded) return
    this.#ports.live.renameThing(this, identity.thingName)
    this.#identity = identity
    this.#policy?.exchange(identity.policies)
    this.#origin.attempt.step('policy', `reloaded, policies: ${identity.policyNames.join(', ') || 'none'}`)
  }

  #continueReading(): void {
    if (this.#held === undefined && !this.#isPaused) this.#origin.wire.resume()
  }

  /** Also a timer performs effects, and nobody would catch what it throws. */
  #performSafely(effect: SessionEffect): void {
    try {
      this.#perform(effect)
    } catch (error) {
      this.fail(error)
    }
  }

  #perform(effect: SessionEffect): void {
    switch (effect.do) {
      case 'send':
        return this.#send(effect.bytes)
      case 'publish':
        return this.#publish(effect.message, effect.packetId)
      case 'subscribe':
        this.#presence?.changed(effect.filter)
        this.#noteAnswers(effect.filter, effect.qos)
        if (this.#durable !== undefined) return this.#gate?.shut(this.#durable.subscribe(effect.filter, effect))
        return this.#ports.bus.subscribe(effect.filter, this, { qos: effect.qos, noLocal: effect.noLocal })
      case 'unsubscribe':
        this.#presence?.changed(effect.filter)
        this.#answerFilters?.delete(effect.filter)
        if (this.#durable !== undefined) return this.#gate?.shut(this.#durable.unsubscribe(effect.filter))
        this.#ports.bus.unsubscribe(effect.filter, this)
        return
      case 'settled':
        return this.#durable?.settle(effect.stored)
      case 'delay-will':
        this.#delayedWill = effect
        return
      case 'refuse':
        return this.#note(effect.cause)
      case 'drop':
        this.#dropped++
        return
      case 'pause':
        this.#isPaused = true
        return this.#origin.wire.pause()
      case 'resume':
        this.#isPaused = false
        return this.#continueReading()
      case 'close':
        return this.#close(effect.end, effect.sessionExpiry)
    }
  }

  /** Only QoS 1 messages can fail to be taken; their publisher waits to hear of it. */
  #publish(message: Message, packetId: number | undefined): void {
    const service = this.#serviceFor(message.topic)
    if (service?.receive !== undefined) {
      service.receive(this.#request(message))
      if (packetId !== undefined) this.receive({ on: 'acknowledged', packetId })
      return
    }
    const taken = this.#ports.bus.publish(message)
    if (message.qos === 0) return
    taken.then(
      () => packetId !== undefined && this.receive({ on: 'acknowledged', packetId }),
      (error: unknown) => {
        this.#ports.log.write('error', 'front.publish-failed', { attempt: this.connectionId, why: messageOf(error) })
        if (packetId !== undefined) this.receive({ on: 'publish-failed', packetId })
      },
    )
  }

  #serviceFor(topic: string): TopicService | undefined {
    const name = serviceOf(topic)
    return name === undefined ? undefined : this.#ports.services.get(name)
  }

  #request(message: Message): ServiceRequest {
    const { attempt, remoteAddress } = this.#origin
    return {
      scope: this.#ports.registry.scope,
      message: keptMessage(message),
      client: {
        connectionId: this.connectionId,
        certificateId: this.certificateId,
        clientId: this.clientId,
        thingName: this.thingName,
        remoteAddress,
      },
      reply: (topic, payload) => this.#reply(topic, payload),
      note: (step, detail) => attempt.step(step, detail),
    }
  }

  /** Gives a service's answer to this client alone, by the best of its subscriptions. */
  #reply(text: string, payload: Uint8Array): boolean {
    const topic = parseTopicName(text, this.#ports.profile)
    const granted = [...(this.#answerFilters ?? [])].filter(([filter]) => topicMatches(filter, topic, false))
    if (granted.length === 0 || this.#hasEnded) return false
    const origin = {
      qos: 1,
      properties: NO_PROPERTIES,
      publisher: undefined,
      receivedAt: this.#ports.clock.now(),
    } as const
    this.deliver(new Delivery({ topic, payload, ...origin }), granted.some(([, qos]) => qos === 1) ? 1 : 0)
    return true
  }

  #note(refusal: RefusalCause): void {
    const cause = causeOfRefusal(refusal, this.#ports.registry.scope)
    this.#origin.attempt.blame(cause)
    this.#origin.attempt.step(stepOf(refusal), cause.reason)
  }

  #close(end: SessionEnd, sessionExpiry: number): void {
    if (end.because === 'fault' || end.because === 'denied') this.#note(end)
    const cause = causeOfEnd(end, this.#ports.registry.scope, this.#lost)
    if (cause !== undefined) this.#origin.attempt.blame(cause)
    this.#finish(describeEnd(end), disconnectReasonOf(end), sessionExpiry)
  }

  /** Ends the session because the server failed. */
  fail(error: unknown): void {
    this.#ports.log.write('error', 'front.session-failed', { attempt: this.connectionId, why: messageOf(error) })
    this.#origin.attempt.blame(causeOfError(error))
    this.#finish('the server failed', 'SERVER_ERROR', this.#origin.accepted.sessionExpiry)
  }

  #finish(how: string, reason: DisconnectReason, sessionExpiry: number): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#presence?.ended(reason)
    const { attempt, wire } = this.#origin
    this.#driven.stop()
    this.#leave(sessionExpiry)
    this.#ports.live.remove(this)
    wire.end()
    const dropped = this.#dropped === 0 ? '' : `; ${this.#dropped} messages did not reach the client`
    attempt.end('ended', how + dropped, wire.counts)
  }

  /** Lets the session go on without a connection, or ends it. */
  #leave(expiry: number): void {
    if (this.#durable === undefined) return this.#ports.bus.leave(this)
    this.#gate?.discard()
    const will = this.#delayedWill
    this.#ports.sessions?.release(this.#durable, { expiry, ...(will !== undefined && { will }) })
  }

  #send(bytes: Uint8Array): void {
    if (this.#gate === undefined) this.#origin.wire.send(bytes)
    else this.#gate.send(bytes)
  }

  #pump(): void {
    this.#durable?.pump()
  }

  #noteAnswers(filter: TopicFilter, qos: 0 | 1): void {
    if (filter.startsWith('$')) (this.#answerFilters ??= new Map()).set(filter, qos)
  }

  #presenceFacts(principalIdentifier: string): PresenceFacts {
    return {
      clientId: this.clientId,
      at: this.#ports.clock.now(),
      sessionIdentifier: this.connectionId,
      principalIdentifier,
      ipAddress: this.#origin.remoteAddress,
      thingName: this.#identity?.exclusiveThingName,
    }
  }
}
