import {
  challengeOf,
  DEVICES_PER_MESSAGE_MAX,
  deskFault,
  messageJson,
  type StationMessage,
  sealJson,
} from '@birthmark/factory/desk'
import { keyIdOf } from '@birthmark/factory/ledger'
import type { DeviceRequest, IssuedCertificate, IssuingAuthority } from '@birthmark/factory/order'
import { type Blame, Fault, isFault } from '@birthmark/foundation/kernel'
import type { Signer } from '@birthmark/foundation/x509'

/** What a station works with when it asks an authority. */
export interface DeskClientOptions {
  /** Brings a line to the desk and its answer back, neither with a line feed; answers come in their order. */
  readonly send: (line: string) => Promise<string>
  /** The key of the station. P-256. */
  readonly signer: Signer
  /** The order, as its file holds it, and its number. */
  readonly order: { readonly id: string; readonly text: string }
  readonly tokens: TokenStore
}

/** Where a station keeps the token that it shows at its next session. */
export interface TokenStore {
  /** Gives the last one; empty before the first. */
  load(): string
  /** Returns when it is on the disk. */
  save(token: string): void
}

/** A session with the desk of an authority, as the port that a line asks over. */
export class DeskClient implements IssuingAuthority {
  readonly #options: DeskClientOptions
  readonly #station: string
  readonly #waiting: Waiting[] = []
  #session: Session
  #underWay = 0
  #renewal: Promise<void> | undefined

  private constructor(options: DeskClientOptions, session: Session) {
    this.#options = options
    this.#station = keyIdOf(options.signer.publicKey)
    this.#session = session
  }

  /** Begins a session. @throws What the desk says */
  static async open(options: DeskClientOptions): Promise<DeskClient> {
    return new DeskClient(options, await begin(options))
  }

  /** Devices that may still be made under the order, when the session began. */
  get left(): number {
    return this.#session.left
  }

  issuers(): Promise<Omit<IssuedCertificate, 'certificate'>> {
    const { intermediates, root } = this.#session
    return Promise.resolve({ intermediates, root })
  }

  challenge(uid: string): Promise<string> {
    return Promise.resolve(challengeOf(this.#session.seed, this.#options.order.id, uid))
  }

  /** Asks for one certificate. Requests that come together, or while others are under way, share a signature. */
  issue(request: DeviceRequest): Promise<IssuedCertificate> {
    return this.issueDrawn(request, undefined)
  }

  /** Does the same for a device that was made under an allotment. */
  issueDrawn(request: DeviceRequest, allotment: string | undefined): Promise<IssuedCertificate> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, allotment, resolve, reject })
      queueMicrotask(() => this.#pump())
    })
  }

  /** Asks for leave to work without the authority. @returns The allotment, signed. @throws What the desk says */
  async allot(count: number, hours: number): Promise<string> {
    const answer = await this.#tell({ op: 'allot', ...this.#next(), count, hours })
    return textOf(answer, 'allotment')
  }

  /** Accounts for an allotment and gives the rest of it back. @throws What the desk says */
  async settle(
    allotment: string,
    scrapped: readonly string[],
  ): Promise<{ readonly issued: number; readonly scrapped: number; readonly returned: number }> {
    for (let at = 0; at + SETTLED_COUNT_MAX < scrapped.length; at += SETTLED_COUNT_MAX) {
      const part = scrapped.slice(at, at + SETTLED_COUNT_MAX)
      await this.#tell({ op: 'settle', ...this.#next(), allotment, scrapped: part, last: false })
    }
    const rest = scrapped.slice(scrapped.length - (scrapped.length % SETTLED_COUNT_MAX))
    const answer = await this.#tell({ op: 'settle', ...this.#next(), allotment, scrapped: rest, last: true })
    return {
      issued: numberOf(answer, 'issued'),
      scrapped: numberOf(answer, 'scrapped'),
      returned: numberOf(answer, 'returned'),
    }
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#underWay < UNDER_WAY_COUNT_MAX) {
      const allotment = this.#waiting[0]?.allotment
      const other = this.#waiting.findIndex((waiting) => waiting.allotment !== allotment)
      const count = Math.min(other === -1 ? this.#waiting.length : other, DEVICES_PER_MESSAGE_MAX)
      this.#underWay += 1
      void this.#ask(this.#waiting.splice(0, count), allotment).finally(() => {
        this.#underWay -= 1
        this.#pump()
      })
    }
  }

  async #ask(batch: readonly Waiting[], allotment: string | undefined): Promise<void> {
    try {
      const devices = batch.map(({ request }) => request)
      const message = { op: 'issue', ...this.#next(), ...(allotment !== undefined && { allotment }), devices } as const
      const answers = listOf(await this.#tell(message), 'devices')
      const { intermediates, root } = this.#session
      for (const [index, { resolve, reject }] of batch.entries()) {
        const answer = answers[index]
        const failure = faultIn(answer)
        if (failure !== undefined) reject(failure)
        else resolve({ certificate: bytesOf(answer, 'certificate'), intermediates, root })
      }
    } catch (error) {
      // The desk was started again: the elements sign anew, for the session that begins now.
      if (isFault(error, 'STATION_SESSION_ENDED')) await this.#renew().catch(() => undefined)
      for (const { reject } of batch) reject(error)
    }
  }

  async #renew(): Promise<void> {
    this.#renewal ??= begin(this.#options)
      .then((session) => {
        this.#session = session
      })
      .finally(() => {
        this.#renewal = undefined
      })
    await this.#renewal
  }

  #next(): { readonly station: string; readonly token: string; readonly counter: number; readonly order: string } {
    this.#session.counter += 1
    const { token, counter } = this.#session
    return { station: this.#station, token, counter, order: this.#options.order.id }
  }

  async #tell(message: StationMessage): Promise<unknown> {
    return tell(message, this.#options)
  }
}

interface Session {
  readonly token: string
  readonly seed: string
  readonly left: number
  readonly intermediates: readonly Uint8Array[]
  readonly root: Uint8Array
  counter: number
}

interface Waiting {
  readonly request: DeviceRequest
  readonly allotment: string | undefined
  readonly resolve: (issued: IssuedCertificate) => void
  readonly reject: (error: unknown) => void
}

async function begin(options: DeskClientOptions): Promise<Session> {
  const { signer, order, tokens } = options
  const { publicKey } = signer
  const hello = {
    op: 'hello',
    station: keyIdOf(publicKey),
    publicKey,
    token: tokens.load(),
    order: order.text,
  } as const
  const answer = await tell(hello, options)
  const token = textOf(answer, 'token')
  // On the disk before it is used: from then on the desk takes no other.
  tokens.save(token)
  return {
    token,
    seed: textOf(answer, 'seed'),
    left: numberOf(answer, 'left'),
    intermediates: listOf(answer, 'intermediates').map((value) => Buffer.from(String(value), 'base64')),
    root: bytesOf(answer, 'root'),
    counter: 0,
  }
}

async function tell(message: StationMessage, { send, signer }: DeskClientOptions): Promise<unknown> {
  const answer = parseAnswer(await send(await sealJson(messageJson(message), signer)))
  const failure = faultIn(answer)
  if (failure !== undefined) throw failure
  return answer
}

function parseAnswer(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw deskFault('DESK_ANSWER_UNREADABLE', { why: 'it is not JSON' }, error)
  }
}

/** The fault that an answer tells of, as it was raised on the other side. */
function faultIn(answer: unknown): Fault | undefined {
  const error = memberOf(answer, 'error')
  if (error === undefined) return undefined
  const blame = BLAMES.find((word) => word === textOf(error, 'blame')) ?? 'operator'
  return new Fault(textOf(error, 'code'), { blame, message: textOf(error, 'message'), remedy: textOf(error, 'remedy') })
}

function memberOf(answer: unknown, name: string): unknown {
  return typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : undefined
}

function textOf(answer: unknown, name: string): string {
  const value = memberOf(answer, name)
  if (typeof value === 'string') return value
  throw deskFault('DESK_ANSWER_UNREADABLE', { why: `${name} is missing` })
}

function numberOf(answer: unknown, name: string): number {
  const value = memberOf(answer, name)
  if (typeof value === 'number') return value
  throw deskFault('DESK_ANSWER_UNREADABLE', { why: `${name} is missing` })
}

function listOf(answer: unknown, name: string): readonly unknown[] {
  const value = memberOf(answer, name)
  if (Array.isArray(value)) return value
  throw deskFault('DESK_ANSWER_UNREADABLE', { why: `${name} is missing` })
}

function bytesOf(answer: unknown, name: string): Uint8Array {
  return new Uint8Array(Buffer.from(textOf(answer, name), 'base64'))
}

const BLAMES: readonly Blame[] = ['peer', 'caller', 'operator', 'busy', 'bug']

/** Messages under way at a time: while the disk works on some, the next ones are signed. */
const UNDER_WAY_COUNT_MAX = 8

/** Elements that one message accounts for. */
const SETTLED_COUNT_MAX = 250
