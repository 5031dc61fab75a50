import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { type Fault, type Instant, instant } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { newTlsAuthority, type TlsIdentity } from '../../../../testing/testkit/tls-identities.ts'
import { TlsClient } from '../client.ts'
import type { TlsEffect, TlsInput } from '../input-effect.ts'
import type { TlsClientOptions } from '../options.ts'
import type { TlsVersion } from '../version.ts'
import { type Script, ScriptedServer12, ScriptedServer13 } from './scripted-server.ts'

/** The certificates that the conversations of one test file use. */
export interface Cast {
  readonly options: TlsClientOptions
  readonly server: TlsIdentity
  readonly serverKey: KeyObject
  readonly deviceKey: KeyObject
  readonly now: Instant
}

/** Issues what a conversation needs: a server `localhost`, a device, and their root. */
export async function newCast(): Promise<Cast> {
  const authority = await newTlsAuthority()
  const [server, device] = await Promise.all([authority.server(), authority.device()])
  return {
    options: { host: 'localhost', anchors: [authority.root], identity: device, entropy: systemEntropy },
    server,
    serverKey: privateKey(server),
    deviceKey: privateKey(device),
    now: systemClock.now(),
  }
}

/** Opens the key of an identity for OpenSSL. */
export function privateKey({ key, passphrase }: TlsIdentity): KeyObject {
  return createPrivateKey({ key, passphrase })
}

/** A client and a scripted server that talk until neither has anything to say. */
export class Conversation {
  readonly client: TlsClient
  readonly server: ScriptedServer12 | ScriptedServer13
  readonly #cast: Cast
  #now: Instant
  /** Whether the chip answers at once; when not, the test gives the signature. */
  signsAtOnce = true
  /** Every effect of the client, in order, `send` left out. */
  readonly effects: Exclude<TlsEffect, { do: 'send' }>[] = []
  /** Everything that the server sent. */
  readonly sent: Uint8Array[] = []

  constructor(cast: Cast, version: TlsVersion, script: Script = {}, change: Partial<TlsClientOptions> = {}) {
    const Server = version === 'TLSv1.3' ? ScriptedServer13 : ScriptedServer12
    const certificates = cast.server.certificates.map(({ der }) => der)
    this.#cast = cast
    this.#now = cast.now
    this.client = new TlsClient({ ...cast.options, versions: [version], ...change })
    this.server = new Server({ certificates, key: cast.serverKey, entropy: systemEntropy, script })
  }

  /** The fault that ended the conversation. */
  get cause(): Fault | undefined {
    const last = this.effects.at(-1)
    return last?.do === 'closed' ? last.cause : undefined
  }

  /** The names of the effects so far. */
  get story(): string {
    return this.effects.map((effect) => effect.do).join(' ')
  }

  /** What was delivered so far, as text. */
  get delivered(): string {
    return this.effects.map((effect) => (effect.do === 'deliver' ? Buffer.from(effect.bytes).toString() : '')).join('')
  }

  /** What the client said last, or the alert that it sent. */
  get heard(): string | undefined {
    return this.server.heard.at(-1)
  }

  start(): this {
    return this.input({ on: 'start' })
  }

  /** Lets the client hear bytes as if the server had sent them. */
  hear(bytes: Uint8Array): this {
    return this.input({ on: 'bytes', bytes })
  }

  input(input: TlsInput): this {
    for (const effect of this.client.receive(input, this.#now)) this.#perform(effect)
    return this
  }

  /** Gives the signature that the client waits for. */
  sign(): this {
    const request = this.effects.find((effect) => effect.do === 'sign')
    if (request === undefined) throw new Error('no signature was asked for')
    return this.input({ on: 'signature', signature: sign('sha256', request.message, this.#cast.deviceKey) })
  }

  /** Lets time pass. */
  wait(ms: number): this {
    this.#now = instant(this.#now + ms)
    for (const effect of this.client.tick(this.#now)) this.#perform(effect)
    return this
  }

  #perform(effect: TlsEffect): void {
    if (effect.do !== 'send') this.effects.push(effect)
    if (effect.do === 'send') {
      const answer = this.server.receive(effect.bytes)
      if (answer.length === 0) return
      this.sent.push(answer)
      this.hear(answer)
    }
    if (effect.do === 'sign' && this.signsAtOnce) {
      this.sign()
    }
  }
}
