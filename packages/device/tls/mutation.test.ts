import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { TLSSocket } from 'node:tls'
import { concat, type Entropy } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { newTlsAuthority } from '../../../testing/testkit/tls-identities.ts'
import { TlsClient } from './client.ts'
import type { TlsEffect } from './input-effect.ts'
import type { TlsVersion } from './version.ts'

const authority = await newTlsAuthority()
const server = await authority.server()
const device = await authority.device()
const now = systemClock.now()

/** Everything that OpenSSL sent until the client was connected, and the chip's signature on the way there. */
interface Recording {
  readonly flight: Uint8Array
  readonly signature: Uint8Array
}

/** Gives the same bytes to every client, so that each says the same ClientHello. */
function repeatable(): Entropy {
  let draws = 0
  return {
    bytes: (count) => {
      draws += 1
      return Uint8Array.from(createHash('sha256').update(`draw ${draws}`).digest().subarray(0, count))
    },
  }
}

function newClient(version: TlsVersion): TlsClient {
  const options = { host: 'localhost', anchors: [authority.root], identity: device, alpn: ['mqtt'] }
  return new TlsClient({ ...options, versions: [version], entropy: repeatable() })
}

/** Connects once to Node's server, over memory. */
async function record(version: TlsVersion): Promise<Recording> {
  const [near, far] = duplexPair()
  const { cert, key, passphrase } = server
  const trust = { ca: authority.root.toPem(), requestCert: true, ALPNProtocols: ['mqtt'] }
  const socket = new TLSSocket(far, { isServer: true, cert, key, passphrase, ...trust })
  socket.on('error', () => undefined)
  const client = newClient(version)
  const heard: Uint8Array[] = []
  let signature: Uint8Array = new Uint8Array()
  const perform = async (effects: readonly TlsEffect[]): Promise<boolean> => {
    for (const effect of effects) {
      if (effect.do === 'send') near.write(effect.bytes)
      if (effect.do === 'connected') return true
      if (effect.do === 'sign') {
        signature = await device.signer.sign(effect.message)
        if (await perform(client.receive({ on: 'signature', signature }, now))) return true
      }
    }
    return false
  }
  await perform(client.receive({ on: 'start' }, now))
  for await (const chunk of near) {
    heard.push(chunk as Uint8Array)
    if (await perform(client.receive({ on: 'bytes', bytes: chunk as Uint8Array }, now))) break
  }
  socket.destroy()
  return { flight: concat(...heard), signature }
}

/** Plays a flight to a fresh client and tells whether it connects. */
function connects(version: TlsVersion, flight: Uint8Array, signature: Uint8Array): boolean {
  const client = newClient(version)
  client.receive({ on: 'start' }, now)
  const effects = [...client.receive({ on: 'bytes', bytes: flight }, now)]
  if (effects.some((effect) => effect.do === 'sign'))
    effects.push(...client.receive({ on: 'signature', signature }, now))
  return effects.some((effect) => effect.do === 'connected')
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: a client connects to a recorded flight, and to none with any byte changed`, async () => {
    const { flight, signature } = await record(version)
    assert.ok(connects(version, flight, signature))
    for (let at = 0; at < flight.length; at += 1) {
      for (const change of [1 << (at % 8), 0xff]) {
        const changed = flight.map((byte, index) => (index === at ? byte ^ change : byte))
        assert.ok(!connects(version, changed, signature), `byte ${at} of ${flight.length}`)
      }
    }
  })

  test(`${version}: a client connects to a recorded flight, and to nothing shorter`, async () => {
    const { flight, signature } = await record(version)
    const client = newClient(version)
    client.receive({ on: 'start' }, now)
    for (const [at, byte] of flight.entries()) {
      let effects = client.receive({ on: 'bytes', bytes: Uint8Array.of(byte) }, now)
      if (effects.some((effect) => effect.do === 'sign')) effects = client.receive({ on: 'signature', signature }, now)
      assert.equal(
        effects.some((effect) => effect.do === 'connected'),
        at === flight.length - 1,
        `byte ${at}`,
      )
    }
  })
}
