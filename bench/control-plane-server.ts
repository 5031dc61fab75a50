/*
 * The server of `bench/control-plane.ts`, in a process of its own so that its CPU time is its own: the control plane on
 * a registry, or a bare Node HTTP server that checks the same signatures and answers as many bytes.
 *
 *     node bench/control-plane-server.ts control|bare FOLDER THINGS
 *
 * Prints `{"port":…}` when it listens, and after each line on standard input what it has used: `{"cpuMs":…}`.
 */

import { createServer, type RequestListener } from 'node:http'
import { createInterface } from 'node:readline'
import { createControlPlane, roleDocument } from '@birthmark/cloud/api'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { instant, jsonLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { ACCESS_KEY, isSigned, REGION, signingKeyOf } from './control-plane-sigv4.ts'

const [kind = '', folder = '', things = ''] = process.argv.slice(2)
const server = createServer(kind === 'control' ? await controlPlane() : bare())
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(JSON.stringify({ port: typeof address === 'object' && address !== null ? address.port : 0 }))
})
for await (const _ of createInterface({ input: process.stdin })) {
  const { user, system } = process.cpuUsage()
  console.log(JSON.stringify({ cpuMs: (user + system) / 1000 }))
}
process.exit(0)

async function controlPlane(): Promise<RequestListener> {
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: jsonLog(systemClock, () => undefined) })
  const scope = { account: '111122223333', region: REGION }
  const named = { typeName: undefined, version: 1, createdAt: instant(0), id: '00000000-0000-4000-8000-000000000001' }
  await registry.in(scope).commit([
    {
      do: 'create-access-key',
      key: {
        ...ACCESS_KEY,
        name: 'bench',
        createdAt: systemClock.now(),
        role: 'administrator',
        permissions: roleDocument({ role: 'administrator', templates: [] }),
        session: undefined,
      },
    },
    ...Array.from(
      { length: Number(things) },
      (_, n) => ({ do: 'create-thing', thing: { ...named, name: `meter-${n}`, attributes: { sn: `${n}` } } }) as const,
    ),
  ])
  const plane = createControlPlane({
    registry,
    attempts: { list: () => [] },
    certificateProvider: { root: refuse, issue: refuse },
    endpointAddress: () => 'localhost',
    clock: systemClock,
    entropy: systemEntropy,
    log: jsonLog(systemClock, () => undefined),
  })
  return (request, response) => plane.handle(request, response)
}

function refuse(): Promise<never> {
  return Promise.reject(new TypeError('nothing is issued here'))
}

/** Answers as many bytes as the control plane does. */
function bare(): RequestListener {
  const keys = new Map<string, Uint8Array>()
  const keyOf = (id: string, day: string): Uint8Array | undefined => {
    if (id !== ACCESS_KEY.id) return undefined
    const known = keys.get(day) ?? signingKeyOf(ACCESS_KEY.secret, day)
    keys.set(day, known)
    return known
  }
  const answer = Buffer.from(JSON.stringify({ thing: 'x'.repeat(250) }))
  return (request, response) => {
    const chunks: Uint8Array[] = []
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const signed = isSigned({ method, path: url, headers }, Buffer.concat(chunks), keyOf)
      response.writeHead(signed ? 200 : 403, { 'content-type': 'application/json', 'content-length': answer.length })
      response.end(answer)
    })
  }
}
