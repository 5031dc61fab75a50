import { type Log, type Millis, messageOf, millis, seconds, type Timers } from '@birthmark/foundation/kernel'

/** Where alarms are sent. */
export interface WebhookOptions {
  /** `http:` or `https:`. */
  readonly url: string
  readonly timers: Timers
  readonly log: Log
}

/**
 * Sends documents to an address as JSON (POST), one after the other in order. Whoever answers 2xx has taken one; it is
 * sent again otherwise, with growing pauses, and given up after {@link SENDINGS_COUNT_MAX}. Alarms do not wait for it.
 */
export class Webhook {
  readonly #options: WebhookOptions
  readonly #waiting: string[] = []
  readonly #stop = new AbortController()
  #isSending = false

  constructor(options: WebhookOptions) {
    this.#options = options
  }

  /** Sends a document when its turn comes. */
  send(document: object): void {
    if (this.#stop.signal.aborted) return
    if (this.#waiting.length >= WAITING_COUNT_MAX) return this.#lose('too many wait')
    this.#waiting.push(JSON.stringify(document))
    if (this.#isSending) return
    this.#isSending = true
    void this.#sendAll()
  }

  /** Ends what is under way; what waits is lost. */
  close(): void {
    this.#stop.abort()
  }

  async #sendAll(): Promise<void> {
    for (let body = this.#waiting.shift(); body !== undefined; body = this.#waiting.shift()) await this.#sendOne(body)
    this.#isSending = false
  }

  async #sendOne(body: string): Promise<void> {
    let why = ''
    for (let sending = 0; sending < SENDINGS_COUNT_MAX && !this.#stop.signal.aborted; sending += 1) {
      if (sending > 0) await this.#pause(millis(FIRST_PAUSE * 2 ** (sending - 1)))
      const failure = await this.#post(body)
      if (failure === undefined) return
      why = failure
    }
    if (!this.#stop.signal.aborted) this.#lose(why)
  }

  /** Gives why it was not taken. */
  async #post(body: string): Promise<string | undefined> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(ANSWER_TIME)])
    try {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(this.#options.url, { method: 'POST', headers, body, signal, redirect: 'error' })
      await answer.body?.cancel()
      return answer.ok ? undefined : `it answered ${answer.status}`
    } catch (error) {
      return messageOf(error)
    }
  }

  #pause(time: Millis): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(time, resolve, { background: true })
      this.#stop.signal.addEventListener('abort', () => (cancel(), resolve()), { once: true })
    })
  }

  #lose(why: string): void {
    this.#options.log.write('error', 'abuse.webhook-lost', { why })
  }
}

/** Documents that wait, about 1 KB each. At the limit: the newest is lost, and the log says so. */
const WAITING_COUNT_MAX = 256
/** Sendings of one document, over half a minute: as long as a receiver needs to start again. */
const SENDINGS_COUNT_MAX = 6
/** Pause before the second sending; each further one is twice as long. */
const FIRST_PAUSE: Millis = seconds(1)
/** How long a receiver may take to answer. */
const ANSWER_TIME: Millis = seconds(5)
