/*
 * The server of `bench/connects.ts`, in a process of its own so that its CPU time is its own: the front on a registry,
 * or a bare TLS server of the same settings that answers the first bytes of a client and counts.
 *
 *     node bench/connects-server.ts front|blind|bare FOLDER
 *
 * `blind` is the front without attempts and without a watch on shared keys, as far as that can be told.
 *
 * Prints `{"port":…}` when it listens. After each line on standard input it revokes the certificates that the line
 * names, separated by spaces, and prints what it has used: `{"cpuMs":…,"rssBytes":…}`, with `--expose-gc` after a
 * collection.
 */

import { constants } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createServer } from 'node:tls'
import { ABUSE_RULES, KeyWatch } from '@birthmark/cloud/abuse'
import { LocalBus } from '@birthmark/cloud/bus'
import { ENDPOINT_CIPHERS, type OpenedSession, startFront } from '@birthmark/cloud/front'
import { AWS_PROFILE, type BrokerProfile } from '@birthmark/cloud/mqtt'
import { certificateId } from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'

/** AWS's behaviour without its rates: they are what the benchmarks look for. */
const PROFILE: BrokerProfile = {
  ...AWS_PROFILE,
  publishesInPerSecond: Number.POSITIVE_INFINITY,
  publishesOutPerSecond: Number.POSITIVE_INFINITY,
  bytesInPerSecond: Number.POSITIVE_INFINITY,
}

const CONNACK: Uint8Array = Uint8Array.of(0x20, 2, 0, 0)

const [kind = '', folder = ''] = process.argv.slice(2)
const endpoint = {
  key: readFileSync(join(folder, 'endpoint.key.pem'), 'utf8'),
  certificate: readFileSync(join(folder, 'endpoint.pem'), 'utf8'),
}
const keys = new KeyWatch(ABUSE_RULES)
let revoke: (ids: readonly string[]) => Promise<void> = () => Promise.resolve()
const port = kind === 'bare' ? await barePort() : await frontPort()
console.log(JSON.stringify({ port }))
for await (const line of createInterface({ input: process.stdin })) {
  await revoke(line.split(' ').filter((word) => word !== ''))
  // As far as V8 goes by itself in a process that idles.
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  const { user, system } = process.cpuUsage()
  console.log(JSON.stringify({ cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss() }))
}
process.exit(0)

function watchSessions({ at, ...use }: OpenedSession): string | undefined {
  return keys.opened(use, at)[0]?.reason
}

async function frontPort(): Promise<number> {
  const registry = await openSqliteRegistry({ folder: join(folder, 'registry'), clock: systemClock, log: silentLog })
  const scope = { account: '111122223333', region: 'eu-central-1' }
  revoke = async (ids) => {
    const revokeOne = async (text: string): Promise<void> => {
      const id = certificateId(text)
      if (id === undefined) throw new TypeError(`${text} is no certificate id`)
      const change = {
        do: 'set-certificate-status',
        id,
        from: ['ACTIVE'],
        to: 'REVOKED',
        at: systemClock.now(),
      } as const
      const result = await registry.in(scope).commit([change])
      if (!result.ok) throw new Error(`certificate ${text} was not revoked: ${result.reason}`)
    }
    await Promise.all(ids.map(revokeOne))
  }
  const bus = new LocalBus(PROFILE, systemEntropy)
  const front = await startFront({
    names: { defaultScope: scope, scopeOf: (name) => (name === 'localhost' ? scope : undefined) },
    registry,
    profile: PROFILE,
    busOf: () => bus,
    listeners: { mqtt: { host: '127.0.0.1', port: 0 } },
    endpoints: { endpoint },
    clock: systemClock,
    timers: systemTimers,
    entropy: systemEntropy,
    log: silentLog,
    limits: {
      connectsPerClientPerSecond: Number.POSITIVE_INFINITY,
      ...(kind === 'blind' && { attemptsMax: 1, stepsPerAttemptMax: 0 }),
    },
    ...(kind !== 'blind' && { watchSessions }),
  })
  return front.addresses.mqtt.port
}

function barePort(): Promise<number> {
  const server = createServer(
    {
      key: endpoint.key,
      cert: endpoint.certificate,
      ca: [],
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ciphers: ENDPOINT_CIPHERS,
      honorCipherOrder: true,
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
      noDelay: true,
    },
    (socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(CONNACK))
    },
  )
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}
