import type { Socket } from 'node:net'
import { type AcceptedConnect, type Connect, encodePacket, type Packet, refusalAnswer } from '@birthmark/cloud/mqtt'
import type { Begun } from '@birthmark/cloud/sessions'
import { Fault, messageOf } from '@birthmark/foundation/kernel'
import { type Admitted, admit } from './admission.ts'
import type { Presented } from './admission-step.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { AttemptRecord } from './attempt-log.ts'
import { Candidate } from './candidate.ts'
import type { ConnectionPorts } from './connection-ports.ts'
import { LiveSession } from './live-session.ts'
import { causeOfError, causeOfMqttFault } from './mqtt-causes.ts'
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

  constructor(socket: Socket, origin: ConnectionOrigin, ports: ConnectionPorts) {
    const { timers, limits } = ports
    this.#attempt = origin.attempt
    this.#remoteAddress = origin.remoteAddress
    this.#presented = origin.presented
    this.#ports = ports
    this.#wire = new Wire(socket, this, { timers, drain: limits.drain, unsentBytesMax: limits.unsentBytesMax })
    ports.arrivals.expect(this, 'connect', (cause) => this.#refuse(cause))
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
    const candidate = new Candidate(presented?.certificate?.id, connect.clientId)
    live.add(candidate)
    const admitted = await admit({ attempt, presented, remoteAddress, connect }, this.#ports)
    live.remove(candidate)
    this.#isAdmitting = false
    if (this.#hasEnded) return
    if (!admitted.ok) return this.#refuse(admitted.refusal.cause, admitted.refusal.answer)
    if (candidate.revoked !== undefined) return this.#refuse(candidate.revoked)
    if (this.#lost !== undefined) return this.#refuse(attemptCause('CONNECTION_LOST', { why: this.#lost }))
    this.#open(admitted, candidate.hasChanged)
  }

  /** Lets the client in. What it was admitted by may have changed meanwhile: it is loaded anew before it decides. */
  #open({ accepted: asked, principal }: Extract<Admitted, { ok: true }>, hasChanged: boolean): void {
    const { live, profile, sessions } = this.#ports
    const attempt = this.#attempt
    this.#presented = undefined
    // The connection before leaves its session, which this one then goes on with.
    live.takeOver(asked)
    const begun = sessions?.begin(asked, attempt.id)
    const accepted = begun?.session === undefined ? withoutSession(asked) : asked
    const origin = { attempt, wire: this.#wire, accepted, remoteAddress: this.#remoteAddress, principal }
    const session = new LiveSession(origin, this.#ports, begun?.session)
    live.add(session)
    this.#session = session
    attempt.step('session', `let in, keep-alive ${accepted.keepAlive} s${describeBegun(begun)}`)
    this.#wire.allowPackets(profile.packetBytesMax)
    const connack = { ...accepted.connack, sessionPresent: begun?.isPresent === true }
    session.begin(encodePacket(connack, accepted.version), begun?.kept)
    session.announce()
    if (hasChanged) live.refresh(session)
    else this.#wire.resume()
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
