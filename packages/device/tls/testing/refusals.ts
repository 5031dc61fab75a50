import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { concat, uint16 } from '@birthmark/foundation/kernel'
import type { MessageName } from '../handshake-message.ts'
import type { TlsClientOptions } from '../options.ts'
import type { TlsVersion } from '../version.ts'
import { Reader } from '../wire.ts'
import { type Cast, Conversation } from './conversation.ts'
import { extension, helloRetryRequest, type Said, type Script, serverHello } from './scripted-server.ts'

/** A row: what the server does wrong, in which message, the fault that it must give and the alert that it must get. */
export type RefusalRow = readonly [
  why: string,
  script: Script,
  code: string,
  alert: string,
  change?: Partial<TlsClientOptions>,
]

/** Changes the body of one message. */
export function change(name: MessageName, alter: (body: Uint8Array) => Uint8Array): Script {
  return { rewrite: (said) => [said.name === name ? { name, body: alter(said.body) } : said] }
}

/** Leaves one message out. */
export function omit(name: MessageName): Script {
  return { rewrite: (said) => (said.name === name ? [] : [said]) }
}

/** Puts a message before another one. */
export function before(name: MessageName, extra: Said): Script {
  return { rewrite: (said) => (said.name === name ? [extra, said] : [said]) }
}

export function flip(at: number): (body: Uint8Array) => Uint8Array {
  return (body) => body.map((byte, index) => (index === (at < 0 ? body.length + at : at) ? byte ^ 0x01 : byte))
}

/** A ServerHello taken apart, changed and put together again. */
export function hello(alter: Partial<HelloParts> | ((parts: HelloParts) => Partial<HelloParts>)): Script {
  return change('server_hello', (body) => {
    const parts = takeApart(body)
    const { version, random, sessionId, suite, compression, extensions } = {
      ...parts,
      ...(typeof alter === 'function' ? alter(parts) : alter),
    }
    const whole = serverHello(
      random,
      sessionId,
      suite,
      concat(...[...extensions].map(([code, content]) => extension(code, content))),
    )
    whole.set(uint16(version), 0)
    whole[34 + 1 + sessionId.length + 2] = compression
    return whole
  })
}

interface HelloParts {
  readonly version: number
  readonly random: Uint8Array
  readonly sessionId: Uint8Array
  readonly suite: number
  readonly compression: number
  readonly extensions: readonly (readonly [number, Uint8Array])[]
}

function takeApart(body: Uint8Array): HelloParts {
  const reader = new Reader(body, 'ServerHello')
  const [version, random, sessionId, suite, compression] = [
    reader.uint16(),
    reader.bytes(32),
    reader.vector8(),
    reader.uint16(),
    reader.uint8(),
  ]
  const list = new Reader(reader.vector16(), 'ServerHello')
  const extensions: [number, Uint8Array][] = []
  while (list.left > 0) extensions.push([list.uint16(), list.vector16()])
  return { version, random, sessionId, suite, compression, extensions }
}

/** Adds an extension to a ServerHello, in the place of one with the same number. */
export function withExtension(code: number, content: Uint8Array): Script {
  return hello(({ extensions }) => ({
    extensions: [...extensions.filter(([other]) => other !== code), [code, content]],
  }))
}

export function withoutExtension(code: number): Script {
  return hello(({ extensions }) => ({ extensions: extensions.filter(([other]) => other !== code) }))
}

/** Answers with a HelloRetryRequest of these extensions, every time. */
export function retry(...extensions: readonly Uint8Array[]): Script {
  return change('server_hello', (body) => helloRetryRequest(takeApart(body).sessionId, concat(...extensions)))
}

export function sentinel(last: number): Script {
  return hello(({ random }) => ({
    random: concat(random.subarray(0, 24), Buffer.from('DOWNGRD'), Uint8Array.of(last)),
  }))
}

/** Runs a table of refusals against scripted servers of one version. */
export function testRefusals(cast: Cast, version: TlsVersion, rows: readonly RefusalRow[]): void {
  suite(`a server of ${version} is refused:`, () => {
    for (const [why, script, code, alert, options = {}] of [...OF_BOTH_VERSIONS, ...rows]) {
      test(why, () => {
        const talk = new Conversation(cast, version, script, options).start()
        assert.equal(talk.cause?.code, code)
        assert.equal(talk.server.heard.at(-1), `alert ${alert}`)
        assert.ok(!talk.story.includes('connected'))
      })
    }
  })
}

/** Codes and alerts that many rows share. */
export const ILLEGAL = ['TLS_PARAMETER_ILLEGAL', 'illegal_parameter'] as const
export const MALFORMED = ['TLS_MESSAGE_MALFORMED', 'decode_error'] as const
export const UNEXPECTED = ['TLS_MESSAGE_UNEXPECTED', 'unexpected_message'] as const
export const NOT_OFFERED = ['TLS_EXTENSION_NOT_OFFERED', 'unsupported_extension'] as const

/** What rows send, and what they have the client offer. */
export const nothing: Uint8Array = new Uint8Array()
export const both: Partial<TlsClientOptions> = { versions: ['TLSv1.3', 'TLSv1.2'] }
export const mqtt: Partial<TlsClientOptions> = { alpn: ['mqtt'] }
export const VERSION_13: Uint8Array = extension(43, uint16(0x0304))

/** What no server may do, whichever version it speaks. */
const OF_BOTH_VERSIONS: readonly RefusalRow[] = [
  ['ServerHello: compression', hello({ compression: 1 }), ...ILLEGAL],
  ['no Certificate', omit('certificate'), ...UNEXPECTED],
  ['Finished: wrong', change('finished', flip(0)), 'TLS_FINISHED_WRONG', 'decrypt_error'],
  ['Finished: short', change('finished', (body) => body.subarray(1)), ...MALFORMED],
]
