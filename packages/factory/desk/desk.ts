import { ChainedLog, type ChainFile, keyIdOf, ledgerFault } from '@birthmark/factory/ledger'
import type { DeviceRequest, IssuedCertificate, WorkOrder } from '@birthmark/factory/order'
import {
  type Clock,
  type Entropy,
  Fault,
  type Instant,
  instant,
  isFault,
  type Log,
  messageOf,
  toHex,
} from '@birthmark/foundation/kernel'
import type { Signer } from '@birthmark/foundation/x509'
import { allot, type DeskContext, draw, settle, takeFrom } from './allotments.ts'
import type { DeskAuthority } from './desk-authority.ts'
import { DeskState } from './desk-state.ts'
import { openJson } from './envelope.ts'
import { assertFresh, checkVendor } from './evidence.ts'
import { deskFault } from './faults.ts'
import { MESSAGE_CHARACTERS_MAX, parseMessage, type StationMessage } from './protocol.ts'
import { type DeskRecord, deskHeading, readDeskRecord, writeDeskRecord } from './records.ts'
import { RefusalRate } from './refusals.ts'

/** What opening a {@link Desk} needs. */
export interface DeskOptions {
  /** The desk's own record; made when absent. */
  readonly path: string
  readonly authority: DeskAuthority
  /** Signs allotments. P-256. */
  readonly signer: Signer
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
  /** Opens the file; for tests that make the disk fail. */
  readonly openFile?: (path: string) => Promise<ChainFile>
}

/** A session of a station: under which order, and what it has said. */
interface Session {
  readonly order: WorkOrder
  readonly token: string
  readonly seed: string
  counter: number
  /** Whether anything was asked for in it. */
  isUsed: boolean
}

/**
 * Where stations ask: it believes only what a station's key signed, lets each key be in one place, holds every station
 * to its order and its allotments, never goes back in time, and writes down whatever it refuses.
 */
export class Desk {
  readonly #options: DeskOptions
  readonly #chain: ChainedLog<DeskRecord>
  readonly #state: DeskState
  readonly #sessions = new Map<string, Session>()
  /** The keys of the stations that have a session. */
  readonly #keys = new Map<string, Uint8Array>()
  /** The message that each station began its session with. */
  readonly #hellos = new Map<string, string>()
  readonly #rate = new RefusalRate()
  #timeWrittenAt = Number.NEGATIVE_INFINITY

  private constructor(options: DeskOptions, chain: ChainedLog<DeskRecord>, state: DeskState) {
    this.#options = options
    this.#chain = chain
    this.#state = state
  }

  /**
   * Opens the record of a desk, made when absent, and keeps other processes out.
   *
   * @throws `LEDGER_IN_USE`, `LEDGER_DAMAGED`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
   */
  static async open(options: DeskOptions): Promise<Desk> {
    const state = new DeskState()
    const { path } = options
    const chain = await ChainedLog.open<DeskRecord>({
      ...options,
      write: writeDeskRecord,
      read: readDeskRecord,
      replay: ({ content, seq, time }) => {
        if ((content.kind === 'desk') !== (seq === 0)) {
          throw ledgerFault('LEDGER_DAMAGED', { path, line: seq + 1, why: 'the record of a desk has one heading' })
        }
        state.apply(content, time)
      },
    })
    const desk = new Desk(options, chain, state)
    if (chain.head.entries === 0) await desk.#record(deskHeading())
    return desk
  }

  /** What is open and what was refused up to now. */
  get state(): Pick<DeskState, 'copied' | 'stations' | 'allotments' | 'refusals'> {
    return this.#state
  }

  /** Answers one message of a station; whatever comes, there is an answer. Neither has a line feed. */
  async handle(line: string): Promise<string> {
    const about: Subject = { station: '' }
    try {
      // Up to here nothing waits for anything, so that messages are looked at in the order in which they came.
      const now = this.#now()
      const message = this.#read(line, about)
      return JSON.stringify(await this.#answer(message, now, line))
    } catch (error) {
      await this.#refuse(error, about)
      return JSON.stringify({ error: errorJson(error) })
    } finally {
      await this.#markTime()
    }
  }

  /** Lets a station that was caught with a copied key begin again: somebody found out that there is no copy. */
  async release(station: string): Promise<void> {
    this.#sessions.delete(station)
    await this.#record({ kind: 'released', station })
  }

  async close(): Promise<void> {
    await this.#chain.close()
  }

  #answer(message: StationMessage, now: Instant, line: string): Promise<object> {
    const { station } = message
    if (this.#state.copied.has(station)) throw deskFault('STATION_COPIED', { station })
    if (message.op === 'hello') return this.#begin(message, line)
    const session = this.#sessionOf(message)
    switch (message.op) {
      case 'issue':
        return this.#issueAll(message, session, now)
      case 'allot':
        return allot(message, this.#context(session.order, now))
      case 'settle':
        return settle(message, this.#context(session.order, now))
    }
  }

  /**
   * Begins a session. Each station shows the token of its last one: of two stations with one key, the second to begin
   * shows an old token, or makes the token of the first an old one.
   */
  async #begin(message: StationMessage & { readonly op: 'hello' }, line: string): Promise<object> {
    const { station, token: shown } = message
    if (this.#hellos.get(station) === line) throw deskFault('STATION_REQUEST_REPLAYED', { station })
    const known = this.#state.stations.get(station)
    const isRepeated = shown === known?.previous && this.#sessions.get(station)?.isUsed !== true
    if (known !== undefined && shown !== known.token && !isRepeated) throw deskFault('STATION_COPIED', { station })
    const order = await this.#options.authority.admitSigned(message.order, station)
    const { entropy } = this.#options
    const token = toHex(entropy.bytes(TOKEN_BYTES))
    const seed = toHex(entropy.bytes(TOKEN_BYTES))
    await this.#record({ kind: 'session', station, token, previous: shown })
    this.#sessions.set(station, { order, token, seed, counter: 0, isUsed: false })
    this.#hellos.set(station, line)
    this.#keys.set(station, message.publicKey)
    const { intermediates, root } = this.#options.authority.issuers
    const left = this.#options.authority.left(order.id)
    return { token, seed, left, intermediates: intermediates.map(base64), root: base64(root) }
  }

  #sessionOf(message: Exclude<StationMessage, { op: 'hello' }>): Session {
    const { station, token, counter, order } = message
    const session = this.#sessions.get(station)
    if (session === undefined || session.order.id !== order) {
      // After a restart of the desk nobody has a session; a token that is not the last one tells of a copy even then.
      const known = this.#state.stations.get(station)
      const isLast = known === undefined || known.token === token
      throw deskFault(isLast ? 'STATION_SESSION_ENDED' : 'STATION_COPIED', { station })
    }
    if (session.token !== token) throw deskFault('STATION_COPIED', { station })
    if (counter <= session.counter) throw deskFault('STATION_REQUEST_REPLAYED', { station })
    session.counter = counter
    session.isUsed = true
    return session
  }

  async #issueAll(message: StationMessage & { readonly op: 'issue' }, session: Session, now: Instant): Promise<object> {
    const devices = await Promise.all(
      message.devices.map(async (device) => {
        try {
          const { certificate } = await this.#issue(device, message, session, now)
          return { certificate: base64(certificate) }
        } catch (error) {
          await this.#refuse(error, { station: message.station, order: session.order.id, uid: device.uid })
          return { error: errorJson(error) }
        }
      }),
    )
    return { devices }
  }

  async #issue(
    device: DeviceRequest,
    { station, allotment }: StationMessage & { readonly op: 'issue' },
    { order, seed }: Session,
    now: Instant,
  ): Promise<IssuedCertificate> {
    const { csr, uid } = device
    const context = this.#context(order, now)
    const drawn = allotment === undefined ? undefined : draw(allotment, station, context)
    assertFresh(device, drawn?.seed ?? seed, order.id)
    const element = checkVendor(device, order.evidence, now)
    if (element !== undefined) await this.#vouch(element, uid)
    await takeFrom(drawn, uid, context)
    return this.#options.authority.issue({ kind: 'order-device', csr, order: order.id, uid })
  }

  /** One element is one device: without this, one genuine element could vouch for any number of keys. */
  async #vouch(element: string, uid: string): Promise<void> {
    const other = this.#state.vouched.get(element)
    if (other === uid) return
    if (other !== undefined) throw deskFault('EVIDENCE_ELEMENT_USED', { uid, other })
    this.#state.vouched.set(element, uid)
    await this.#record({ kind: 'vouched', element, uid })
  }

  #context(order: WorkOrder, now: Instant): DeskContext {
    const { authority, entropy, signer } = this.#options
    return { order, now, authority, entropy, signer, state: this.#state, record: (entry) => this.#record(entry) }
  }

  /** Reads a message that its station signed. */
  #read(line: string, about: Subject): StationMessage {
    if (line.length > MESSAGE_CHARACTERS_MAX) throw malformed(`it is longer than ${MESSAGE_CHARACTERS_MAX} characters`)
    const sealed = openJson(line)
    if (sealed === undefined) throw malformed('it is not signed')
    const parsed = parseMessage(sealed.content)
    if (!parsed.ok) throw malformed(parsed.problems.join('; '))
    const message = parsed.value
    const { station } = message
    about.station = station
    if (message.op !== 'hello') about.order = message.order
    const key = message.op === 'hello' ? message.publicKey : this.#keys.get(station)
    if (key === undefined) throw deskFault('STATION_SESSION_ENDED', { station })
    if (keyIdOf(key) !== station || !sealed.isSignedBy(key)) throw deskFault('STATION_SIGNATURE_INVALID', { station })
    return message
  }

  #now(): Instant {
    const now = this.#options.clock.now()
    const seen = this.#state.latest
    if (now < seen - CLOCK_TOLERANCE_MS) {
      const said = { now: new Date(now).toISOString(), seen: new Date(seen).toISOString() }
      throw deskFault('CLOCK_SET_BACK', said)
    }
    this.#state.latest = Math.max(seen, now)
    return instant(this.#state.latest)
  }

  /** Writes down now and then how late it is, so that a clock that is set back while nothing runs is noticed. */
  async #markTime(): Promise<void> {
    if (this.#state.latest - this.#timeWrittenAt < TIME_MARK_INTERVAL_MS) return
    this.#timeWrittenAt = this.#state.latest
    await this.#record({ kind: 'time' })
  }

  async #refuse(error: unknown, { station, order, uid }: Subject): Promise<void> {
    const { log, clock } = this.#options
    const code = isFault(error) ? error.code : 'UNEXPECTED'
    log.write(isFault(error) ? 'info' : 'error', 'desk.refused', { station, order, uid, code, why: messageOf(error) })
    if (code === 'STATION_SESSION_ENDED') return
    const count = this.#rate.note(station, code, clock.now())
    if (count === undefined) return
    const about = { ...(order !== undefined && { order }), ...(uid !== undefined && { uid }) }
    try {
      await this.#record({ kind: 'refused', code, station, ...about, ...(count > 1 && { count }) })
    } catch (unrecorded) {
      log.write('error', 'desk.unrecorded', { code, why: messageOf(unrecorded) })
    }
  }

  async #record(record: DeskRecord): Promise<void> {
    const { time } = await this.#chain.append(record)
    this.#state.apply(record, time)
    this.#timeWrittenAt = Math.max(this.#timeWrittenAt, time)
  }
}

/** Whom and what a refusal is about, as far as it is known. */
interface Subject {
  station: string
  order?: string
  readonly uid?: string
}

function malformed(problems: string): Fault {
  return deskFault('DESK_REQUEST_MALFORMED', { problems })
}

/** A fault as it goes over the wire; what is no fault stays here. */
function errorJson(error: unknown): object {
  if (!isFault(error)) return errorJson(deskFault('DESK_UNAVAILABLE'))
  const { code, blame, message, remedy } = error
  return { code, blame, message, remedy }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

const TOKEN_BYTES = 32

/** How far a clock may go back: as much as the time service of a machine corrects. */
const CLOCK_TOLERANCE_MS = 60_000

/** How much time may be forgotten by a crash. */
const TIME_MARK_INTERVAL_MS = 60_000
