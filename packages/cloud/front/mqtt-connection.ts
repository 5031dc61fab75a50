import type { Duplex } from 'node:stream'
import { type AcceptedConnect, type Connect, encodePacket, type Packet, refusalAnswer } from '@birthmark/cloud/mqtt'
import type { Begun } from '@birthmark/cloud/sessions'
import { Fault, messageOf, millis } from '@birthmark/foundation/kernel'
import { type Admitted, admit, type Principal } from './admission.ts'
import type { Presented } from './admission-step.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { AttemptRecord } from './attempt-log.ts'
import { superviseAuthorized } from './authorized-life.ts'
import { Candidate } from './candidate.ts'
import type { ConnectionPorts } from './connection-ports.ts'
import type { SignedKey } from './key-identity.ts'
import { WEBSOCKET_LIFE_MAX } from './limits.ts'
import { LiveSession } from './live-session.ts'
import { causeOfError, causeOfMqttFault } from './mqtt-causes.ts'
import type { WatchSessions } from './session-watch.ts'
import { Wire, type WireListener } from './wire.ts'

/** Where a connection came from. */
export interface ConnectionOrigin {
  readonly attempt: AttemptRecord
  readonly remoteAddress: string
  /** Absent on the listener without TLS. */
  readonly presented: Presented | undefined
}

/** One MQTT connection: it waits for a CONNECT, takes it through admission, and hands what follows to its session. */
export class MqttConnection implements WireListener {
  readonly #attempt: AttemptRecord
  readonly #remoteAddress: string
  readonly #ports: ConnectionPorts
  readonly #wire: Wire
  /** Let go once the client is in: most of it is the certificate. */
  #presented: Presented | undefined
  #session: LiveSession | undefined
  #isAdmitting = false
  #hasEnded = false
  /** Why the socket was lost while the client was in its admission. */
  #lost: string | undefined

  constructor(socket: Duplex, origin: ConnectionOrigin, ports: ConnectionPorts) {
    const { timers, limits } = ports
    this.#attempt = origin.attempt
    this.#remoteAddress = origin.remoteAddress
    this.#presented = origin.presented
    this.#ports = ports
    this.#wire = new Wire(socket, this, { timers, drain: limits.drain, unsentBytesMax: limits.unsentBytesMax })
    ports.arrivals.expect(this, {
      phase: 'connect',
      address: origin.remoteAddress,
      giveUp: (cause) => this.#refuse(cause),
    })
  }

  packet(packet: Packet): void {
    if (this.#session !== undefined) this.#session.receive({ on: 'packet', packet })
    // The decoder gives no other packet first.
    else if (packet.type === 'connect') this.#admit(packet).catch((error: unknown) => this.#fail(error))
  }

  undecodable(error: unknown): void {
    if (!(error instanceof Fault)) return this.#fail(error)
    if (this.#session !== undefined) return this.#session.receive({ on: 'fault', fault: error })
    this.#refuse(causeOfMqttFault(error), refusalAnswer(error, this.#wire.version))
  }

  lost(why: string): void {
    if (this.#session !== undefined) this.#session.lose(why)
    else if (this.#isAdmitting) this.#lost = why
    else this.#refuse(attemptCause('CONNECTION_LOST', { why: `${why} before it sent a CONNECT` }))
  }

  closed(): void {
    this.#ports.connections.delete(this)
  }

  congested(): void {
    this.#session?.receive({ on: 'congested' })
  }

  drained(): void {
    this.#session?.receive({ on: 'drained' })
  }

  /** Ends the connection because the server stops. */
  shutDown(): void {
    const cause = attemptCause('SERVER_SHUTTING_DOWN')
    if (this.#session === undefined) this.#refuse(cause)
    else this.#session.endFor(cause, 'shutting-down')
  }

  async #admit(connect: Connect): Promise<void> {
    const { arrivals, live } = this.#ports
    const attempt = this.#attempt
    const remoteAddress = this.#remoteAddress
    const presented = this.#presented
    this.#isAdmitting = true
    this.#wire.pause()
    arrivals.settle(this)
    const candidate = new Candidate(presented, connect.clientId)
    live.add(candidate)
    const admitted = await admit({ attempt, presented, remoteAddress, connect }, this.#ports)
    try {
      if (!admitted.ok) this.#refuse(admitted.refusal.cause, admitted.refusal.answer)
      else if (!this.#mustEnd(candidate)) await this.#open(admitted, candidate)
    } finally {
      live.remove(candidate)
      this.#isAdmitting = false
    }
  }

  /** Whether something happened in the admission that ends the connection; it has ended then. */
  #mustEnd(candidate: Candidate): boolean {
    if (candidate.revoked !== undefined) this.#refuse(candidate.revoked)
    if (this.#lost !== undefined) this.#refuse(attemptCause('CONNECTION_LOST', { why: this.#lost }))
    return this.#hasEnded
  }

  /** Lets the client in. The connection before leaves its session, which this one then goes on with. */
  async #open({ accepted, principal }: Extract<Admitted, { ok: true }>, candidate: Candidate): Promise<void> {
    const { live, sessions } = this.#ports
    const { id } = this.#attempt
    const remark = this.#watched(accepted.clientId, principal)
    if (typeof remark === 'string') this.#attempt.step('session', remark)
    // Of another process it comes later, or not at all.
    else remark?.then((text) => text && this.#attempt.step('session', text)).catch(() => undefined)
    live.takeOver(accepted)
    const begins = sessions?.begin(accepted, id, () => this.#takeOver(accepted.clientId))
    // Where sessions are in this process, nothing comes in between.
    const begun = begins instanceof Promise ? await begins : begins
    if (!this.#mustEnd(candidate)) return this.#start(accepted, principal, begun, candidate.hasChanged)
    sessions?.release(id, { session: begun?.session, expiry: accepted.sessionExpiry })
  }

  /** Begins the session. What it was admitted by may have changed meanwhile: it is loaded anew before it decides. */
  #start(asked: AcceptedConnect, principal: Principal, begun: Begun | undefined, hasChanged: boolean): void {
    const { clock, live, profile } = this.#ports
    const attempt = this.#attempt
    this.#presented = undefined
    const accepted = begun?.session === undefined ? withoutSession(asked) : asked
    const origin = { attempt, wire: this.#wire, accepted, remoteAddress: this.#remoteAddress, principal }
    const session = new LiveSession(origin, this.#ports, begun?.session)
    live.add(session)
    this.#ports.watch?.remember(session, this.#remoteAddress)
    this.#session = session
    if (principal.kind === 'access-key') this.#endInTime(principal.key, session)
    if (principal.kind === 'authorizer') this.#wire.onClose(superviseAuthorized(session, principal.client, this.#ports))
    attempt.step('session', `let in, keep-alive ${accepted.keepAlive} s${describeBegun(begun)}`)
    attempt.rest()
    this.#wire.allowPackets(profile.packetBytesMax)
    this.#wire.slowTo(profile.bytesInPerSecond, clock)
    const connack = { ...accepted.connack, sessionPresent: begun?.isPresent === true }
    session.begin(encodePacket(connack, accepted.version), begun?.kept)
    session.announce()
    if (hasChanged) live.refresh(session)
    else this.#wire.resume()
  }

  /** A signature is good for a day at most, and no longer than its key. */
  #endInTime({ id, expiresAt }: SignedKey, session: LiveSession): void {
    const { clock, timers } = this.#ports
    const left = Math.min(WEBSOCKET_LIFE_MAX, Math.max(0, (expiresAt ?? Number.POSITIVE_INFINITY) - clock.now()))
    const isKey = left < WEBSOCKET_LIFE_MAX
    const why = isKey ? 'its temporary key has expired' : `${WEBSOCKET_LIFE_MAX / 3_600_000} hours have passed`
    const cause = attemptCause('WEBSOCKET_EXPIRED', { key: id, why })
    const end = (): void => session.endFor(cause, 'administrative')
    this.#wire.onClose(timers.after(millis(left), end, { background: true }))
  }

  #watched(clientId: string, principal: Principal): ReturnType<WatchSessions> {
    const { clock, watch } = this.#ports
    if (watch === undefined || principal.kind !== 'certificate') return undefined
    const { id: certificateId, identity } = principal
    const where = { clientId, remoteAddress: this.#remoteAddress, things: identity.things ?? 0 }
    return watch.opens({ certificateId, at: clock.now(), ...where })
  }

  /** Ends the connection because another has come with its client id. */
  #takeOver(clientId: string): void {
    if (this.#session === undefined) this.#refuse(attemptCause('CLIENT_ID_TAKEN_OVER', { clientId }))
    else this.#session.endTakenOver()
  }

  #fail(error: unknown): void {
    this.#ports.log.write('error', 'front.connection-failed', { attempt: this.#attempt.id, why: messageOf(error) })
    this.#refuse(causeOfError(error))
  }

  #refuse(cause: AttemptCause, answer?: Uint8Array): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#ports.arrivals.settle(this)
    this.#attempt.blame(cause)
    if (answer !== undefined) this.#wire.send(answer)
    this.#wire.end()
    this.#attempt.end('refused', cause.code, this.#wire.counts)
  }
}

/** Says that the session ends with its connection, and says so to a 5.0 client that asked for more. */
function withoutSession(accepted: AcceptedConnect): AcceptedConnect {
  const { connack, sessionExpiry, version } = accepted
  if (sessionExpiry === 0) return accepted
  const properties = version === 4 ? connack.properties : { ...connack.properties, sessionExpiryInterval: 0 }
  return { ...accepted, sessionExpiry: 0, connack: { ...connack, properties } }
}

function describeBegun(begun: Begun | undefined): string {
  if (begun?.session === undefined) return ''
  const { dropped, record } = begun.session
  const lost = dropped === 0 ? '' : `, ${dropped} messages did not fit its queue`
  return begun.isPresent ? `, resumes its session${lost}` : `, begins a session that lasts ${record.expiry} s`
}
