import type { Receiver } from '@birthmark/cloud/bus'
import type { DisconnectReason, PresenceFacts } from '@birthmark/cloud/events'
import {
  type AcceptedConnect,
  type CloseOrder,
  Delivery,
  type Grant,
  keptMessage,
  type Message,
  parseTopicName,
  type QoS,
  type RefusalCause,
  type ServerSession,
  type SessionEffect,
  type SessionEnd,
  type SessionInput,
  type StoredMark,
  type TopicFilter,
} from '@birthmark/cloud/mqtt'
import type { CertificateId } from '@birthmark/cloud/registry'
import type { ClientSession, Consumer } from '@birthmark/cloud/sessions'
import { type Driven, drive, messageOf } from '@birthmark/foundation/kernel'
import type { Principal } from './admission.ts'
import { AnswerFilters } from './answer-filters.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { AttemptRecord } from './attempt-log.ts'
import type { ConnectionPorts } from './connection-ports.ts'
import { describeEnd, stepOf } from './describe-end.ts'
import type { BoundIdentity } from './identity.ts'
import { type LiveConnection, type Revocation, revocationCause } from './live-connections.ts'
import { causeOfEnd, causeOfError, causeOfRefusal } from './mqtt-causes.ts'
import { disconnectReasonOf, type PresentClient, SessionPresence } from './presence.ts'
import { enriched } from './propagated.ts'
import { publishMessage } from './publish-message.ts'
import { reloadIdentity } from './reload-identity.ts'
import { RetainedReplay } from './retained-replay.ts'
import { SendGate } from './send-gate.ts'
import { delivering, sessionMachine } from './session-machine.ts'
import { IdentityPolicy } from './session-policy.ts'
import type { ServiceRequest } from './topic-service.ts'
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
export class LiveSession implements LiveConnection, PresentClient, Receiver, Consumer {
  readonly connectionId: string
  readonly #origin: SessionOrigin
  readonly #ports: ConnectionPorts
  readonly #policy: IdentityPolicy
  readonly #machine: ServerSession
  readonly #driven: Driven<SessionInput>
  /** What outlives the connection; absent when nothing does. */
  readonly #durable: ClientSession | undefined
  /** Holds answers back until what they promise is on disk. */
  readonly #gate: SendGate | undefined
  #identity: BoundIdentity
  /** Messages that came while the policies were out of date; their turn comes under the new ones. */
  #held: { readonly delivery: Delivery; readonly qos: QoS }[] | undefined
  readonly #answers = new AnswerFilters()
  /** What is retained for its subscriptions and on its way to it. */
  #replay: RetainedReplay | undefined
  #isPaused = false
  /** What is known of the end of the socket. */
  #lost = ''
  #hasEnded = false
  /** Why it ends, where the order to end does not say it. */
  #because: DisconnectReason | undefined
  #dropped = 0
  #delayedWill: { readonly message: Message; readonly seconds: number } | undefined
  /** From when its client is let in. */
  #presence: SessionPresence | undefined

  constructor(origin: SessionOrigin, ports: ConnectionPorts, durable: ClientSession | undefined) {
    const { attempt, principal, accepted } = origin
    this.connectionId = attempt.id
    this.#origin = origin
    this.#ports = ports
    this.#identity = principal.identity
    this.#policy = new IdentityPolicy(principal.identity.policies, ports.registry.scope)
    this.#durable = durable
    const waits = durable !== undefined || ports.bus.spread !== undefined
    const fail = (error: unknown): void => this.fail(error)
    this.#gate = waits ? new SendGate(origin.wire, () => this.#pump(), fail) : undefined
    for (const { filter, qos } of durable?.subscriptions ?? []) this.#answers.note(filter, qos)
    const policy = this.#policy
    this.#machine = sessionMachine({ accepted, connectionId: this.connectionId, policy, durable }, ports)
    const { clock, timers } = ports
    this.#driven = drive(this.#machine, { clock, timers, perform: (effect) => this.#performSafely(effect) })
  }

  get certificateId(): CertificateId | undefined {
    const { principal } = this.#origin
    return principal.kind === 'certificate' ? principal.id : undefined
  }

  get accessKeyId(): string | undefined {
    const { principal } = this.#origin
    return principal.kind === 'access-key' ? principal.id : undefined
  }

  get clientId(): string {
    return this.#origin.accepted.clientId
  }

  get thingName(): string | undefined {
    return this.#identity.thingName
  }

  get bound(): BoundIdentity {
    return this.#identity
  }

  /** Messages of QoS 1 that would be sent at once. */
  get room(): number {
    return this.#held === undefined && this.#gate?.isShut !== true ? this.#machine.room : 0
  }

  /** Answers the client, and lets it have what its session has kept. @param kept What the answer waits for. */
  begin(connack: Uint8Array, kept: Promise<void> | undefined): void {
    this.#durable?.attach(this)
    this.#gate?.shut(kept)
    this.#send(connack)
  }

  /** Tells the world that the client is connected; its CONNACK is on its way. */
  announce(): void {
    this.#presence = new SessionPresence(this.#ports.presence, this)
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

  deliver(delivery: Delivery, qos: QoS, stored?: StoredMark): void {
    if (this.#held === undefined) return this.receive(delivering(delivery, qos, stored))
    if (this.#held.length >= this.#ports.profile.outboundQueueCountMax) this.#dropped++
    else this.#held.push({ delivery: new Delivery(keptMessage(delivery.message), delivery.marks), qos })
  }

  resumeReleased(stored: StoredMark): void {
    this.receive({ on: 'resume-released', stored })
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
    if (cause.code === 'WEBSOCKET_EXPIRED') this.#because = 'WEBSOCKET_TTL_EXPIRATION'
    if (cause.code === 'AUTHORIZATION_EXPIRED') this.#because = 'CUSTOMAUTH_TTL_EXPIRATION'
    this.#origin.attempt.blame(cause)
    this.receive({ on: 'close', order })
  }

  hold(): void {
    this.#held ??= []
    this.#origin.wire.pause()
  }

  async rebind(): Promise<void> {
    const { principal, accepted, remoteAddress } = this.#origin
    if (this.#hasEnded) return
    try {
      const reloaded = await reloadIdentity(principal, { accepted, remoteAddress }, this.#ports)
      if (reloaded.ok) this.#exchange(reloaded.identity)
      else this.endFor(reloaded.cause, 'not-authorized')
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
    this.#policy.exchange(identity.policies)
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
        this.#answers.note(effect.filter, effect.grant.qos)
        if (this.#durable !== undefined) return this.#gate?.shut(this.#durable.subscribe(effect.filter, effect.grant))
        this.#ports.bus.subscribe(effect.filter, this, effect.grant)
        return this.#gate?.shut(this.#ports.bus.spread?.())
      case 'unsubscribe':
        this.#presence?.changed(effect.filter)
        this.#answers.forget(effect.filter)
        this.#replay?.stop(effect.filter)
        if (this.#durable !== undefined) return this.#gate?.shut(this.#durable.unsubscribe(effect.filter))
        this.#ports.bus.unsubscribe(effect.filter, this)
        return
      case 'replay':
        return this.#startReplay(effect.filter, effect.grant)
      case 'released':
        return this.#gate?.shut(this.#durable?.release(effect.stored))
      case 'forget-received':
        return this.#gate?.shut(this.#durable?.forget(effect.packetId))
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

  /** Only messages of QoS 1 and 2 can fail to be taken; their publisher waits to hear of it. */
  #publish(message: Message, packetId: number | undefined): void {
    const publisher = { durable: this.#durable, request: (asked: Message) => this.#request(asked) }
    const told = enriched(message, this.#identity.propagated)
    const taken = publishMessage(told, packetId, publisher, this.#ports)
    if (taken === undefined) return this.#acknowledge(packetId)
    if (message.qos === 0) return
    taken.then(
      () => this.#acknowledge(packetId),
      (error: unknown) => {
        this.#ports.log.write('error', 'front.publish-failed', { attempt: this.connectionId, why: messageOf(error) })
        if (packetId !== undefined) this.receive({ on: 'publish-failed', packetId })
      },
    )
  }

  #acknowledge(packetId: number | undefined): void {
    if (packetId !== undefined) this.receive({ on: 'acknowledged', packetId })
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
      blame: (code, context) => attempt.blame(attemptCause(code, context)),
    }
  }

  /** Gives a service's answer to this client alone, by the best of its subscriptions. */
  #reply(text: string, payload: Uint8Array): boolean {
    const topic = parseTopicName(text, this.#ports.profile)
    const answer = this.#answers.answer(topic, payload, this.#ports.clock.now())
    if (answer === undefined || this.#hasEnded) return false
    this.deliver(answer.delivery, answer.qos)
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
    this.#finish(describeEnd(end), this.#because ?? disconnectReasonOf(end), sessionExpiry)
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
    this.#replay?.end()
    this.#leave(sessionExpiry)
    this.#ports.live.remove(this)
    wire.end()
    const dropped = this.#dropped === 0 ? '' : `; ${this.#dropped} messages did not reach the client`
    attempt.end('ended', how + dropped, wire.counts)
  }

  /** Lets the session go on without a connection, or ends it. */
  #leave(expiry: number): void {
    if (this.#durable === undefined) this.#ports.bus.leave(this)
    this.#gate?.discard()
    const will = this.#delayedWill
    const left = { session: this.#durable, expiry, ...(will !== undefined && { will }) }
    this.#ports.sessions?.release(this.connectionId, left)
  }

  #send(bytes: Uint8Array): void {
    if (this.#gate === undefined) this.#origin.wire.send(bytes)
    else this.#gate.send(bytes)
  }

  #pump(): void {
    this.#durable?.pump()
    this.#replay?.pump()
  }

  #startReplay(filter: TopicFilter, grant: Grant): void {
    const { profile, retained, timers } = this.#ports
    if (retained === undefined) return
    const { hashMatchesParent } = profile
    this.#replay ??= new RetainedReplay({ retained, hashMatchesParent, timers, client: this, durable: this.#durable })
    this.#replay.start(filter, grant)
  }

  presenceFacts(): PresenceFacts {
    return {
      clientId: this.clientId,
      at: this.#ports.clock.now(),
      sessionIdentifier: this.connectionId,
      principalIdentifier: this.#origin.principal.id,
      ipAddress: this.#origin.remoteAddress,
      thingName: this.#identity.exclusiveThingName,
    }
  }
}
