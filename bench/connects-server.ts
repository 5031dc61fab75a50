/*
 * The server of `bench/connects.ts`, in a process of its own so that its CPU time is its own: the front on a registry,
 * or a bare TLS server of the same settings that answers the first bytes of a client and counts.
 *
 *     node bench/connects-server.ts front|bare FOLDER
 *
 * Prints `{"port":…}` when it listens, and after each line on standard input what it has used: `{"cpuMs":…}`.
 */

import { constants } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createServer } from 'node:tls'
import { LocalBus } from '@birthmark/cloud/bus'
import { ENDPOINT_CIPHERS, startFront } from '@birthmark/cloud/front'
import { AWS_PROFILE } from '@birthmark/cloud/mqtt'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'

const CONNACK: Uint8Array = Uint8Array.of(0x20, 2, 0, 0)

const [kind = '', folder = ''] = process.argv.slice(2)
const endpoint = {
  key: readFileSync(join(folder, 'endpoint.key.pem'), 'utf8'),
  certificate: readFileSync(join(folder, 'endpoint.pem'), 'utf8'),
}
const port = kind === 'front' ? await frontPort() : await barePort()
console.log(JSON.stringify({ port }))
for await (const _ of createInterface({ input: process.stdin })) {
  const { user, system } = process.cpuUsage()
  console.log(JSON.stringify({ cpuMs: (user + system) / 1000 }))
}
process.exit(0)

async function frontPort(): Promise<number> {
  const registry = await openSqliteRegistry({ folder: join(folder, 'registry'), clock: systemClock, log: silentLog })
  const scope = { account: '111122223333', region: 'eu-central-1' }
  const bus = new LocalBus(AWS_PROFILE, systemEntropy)
  const front = await startFront({
    names: { defaultScope: scope, scopeOf: (name) => (name === 'localhost' ? scope : undefined) },
    registry,
    busOf: () => bus,
    listeners: { mqtt: { host: '127.0.0.1', port: 0 } },
    endpoint,
    clock: systemClock,
    timers: systemTimers,
    entropy: systemEntropy,
    log: silentLog,
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
