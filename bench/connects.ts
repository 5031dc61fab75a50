import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls'
import { encodePacket, NO_PROPERTIES } from '@birthmark/cloud/mqtt'
import { type Fleet, fillRegistry, makeFleet } from './connects-fleet.ts'

/*
 * Full mutual-TLS connects, each with a whole MQTT CONNECT, per CPU-second of the server: devices that are known, and
 * first connections that are provisioned durably (just-in-time provisioning), against a bare Node TLS server of the
 * same settings that answers the first bytes and counts; and known devices at a front that records no attempts and
 * watches for no shared keys. All sides in turn, in processes of their own, in one run.
 *
 *     node bench/connects.ts
 */

/** How much is measured. */
export interface ConnectsBenchSize {
  /** Connections in each round, one for each device. */
  readonly devices: number
  /** Connections under way at a time. */
  readonly together: number
  /** Rounds, each of all sides in turn; the median counts. */
  readonly rounds: number
}

/** Connections per CPU-second of the server. */
export interface ConnectsBenchResult {
  readonly version: 'TLSv1.2' | 'TLSv1.3'
  readonly bare: number
  readonly known: number
  readonly first: number
  /** Known devices, without attempts and without a watch on shared keys. */
  readonly blind: number
}

/** Measures one TLS version. */
export async function measureConnects(
  size: ConnectsBenchSize,
  version: ConnectsBenchResult['version'],
): Promise<ConnectsBenchResult> {
  const rounds: ConnectsBenchResult[] = []
  for (let round = 0; round < size.rounds; round++) rounds.push(await measureRound(size, version))
  return {
    version,
    bare: median(rounds.map(({ bare }) => bare)),
    known: median(rounds.map(({ known }) => known)),
    first: median(rounds.map(({ first }) => first)),
    blind: median(rounds.map(({ blind }) => blind)),
  }
}

async function measureRound(
  size: ConnectsBenchSize,
  version: ConnectsBenchResult['version'],
): Promise<ConnectsBenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-connects-'))
  try {
    const fleet = await makeFleet(size.devices)
    writeFileSync(join(folder, 'endpoint.key.pem'), fleet.endpoint.keyPem)
    writeFileSync(join(folder, 'endpoint.pem'), fleet.endpoint.certificatePem)
    await fillRegistry(join(folder, 'registry'), fleet)
    const bare = await withServer('bare', folder, (server) => connectAll(server, fleet, size, version))
    const first = await withServer('front', folder, (server) => connectAll(server, fleet, size, version))
    const known = async (kind: 'front' | 'blind'): Promise<number> =>
      withServer(kind, folder, async (server) => {
        // What comes first pays for compilers and caches.
        await connectAll(server, fleet, size, version)
        return connectAll(server, fleet, size, version)
      })
    return { version, bare, first, known: await known('front'), blind: await known('blind') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Server {
  readonly port: number
  cpuMs(): Promise<number>
}

async function withServer<Result>(
  kind: 'front' | 'blind' | 'bare',
  folder: string,
  use: (server: Server) => Promise<Result>,
): Promise<Result> {
  const script = join(import.meta.dirname, 'connects-server.ts')
  const child: ChildProcess = spawn(process.execPath, [script, kind, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout! })
  try {
    const { port = 0 } = await nextLine(lines)
    return await use({
      port,
      cpuMs: async () => {
        child.stdin?.write('\n')
        return (await nextLine(lines)).cpuMs ?? 0
      },
    })
  } finally {
    const exited = once(child, 'exit')
    child.stdin?.end()
    await exited
  }
}

async function nextLine(lines: Interface): Promise<{ port?: number; cpuMs?: number }> {
  const [line] = await once(lines, 'line')
  return JSON.parse(String(line))
}

/** Lets every device of a fleet connect once; gives connections per CPU-second of the server. */
async function connectAll(
  server: Server,
  { devices, rootPem }: Fleet,
  { together }: ConnectsBenchSize,
  version: ConnectsBenchResult['version'],
): Promise<number> {
  const contexts = devices.map(({ name, keyPem, certificatePem }) => ({
    name,
    context: createSecureContext({
      ca: rootPem,
      key: keyPem,
      cert: certificatePem,
      minVersion: version,
      maxVersion: version,
    }),
  }))
  const before = await server.cpuMs()
  let next = 0
  const connectSome = async (): Promise<void> => {
    for (let device = contexts[next++]; device !== undefined; device = contexts[next++]) {
      await connectOnce(server.port, device.name, device.context)
    }
  }
  await Promise.all(Array.from({ length: together }, connectSome))
  return devices.length / (((await server.cpuMs()) - before) / 1000)
}

/** Connects, sends a CONNECT, and resolves when the connection has ended, which the client does on the CONNACK. */
function connectOnce(port: number, clientId: string, secureContext: SecureContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', secureContext })
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.once('secureConnect', () => socket.write(connectBytes(clientId)))
    socket.once('data', () => socket.end(DISCONNECT))
    socket.once('close', () => resolve())
  })
}

function connectBytes(clientId: string): Uint8Array {
  return encodePacket(
    {
      type: 'connect',
      protocolVersion: 4,
      clientId,
      cleanStart: true,
      keepAlive: 60,
      will: undefined,
      userName: undefined,
      password: undefined,
      properties: NO_PROPERTIES,
    },
    4,
  )
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0
}

const DISCONNECT: Uint8Array = Uint8Array.of(0xe0, 0)

if (import.meta.main) {
  const size = { devices: 1500, together: 64, rounds: 3 }
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { bare, known, first, blind } = await measureConnects(size, version)
    const share = (value: number): string => `${value.toFixed(0)}/CPU-s, ${(value / bare).toFixed(2)} of bare`
    console.log(`${version}: bare ${bare.toFixed(0)}/CPU-s; known ${share(known)}; first connections ${share(first)}`)
    const cost = (1 - known / blind) * 100
    console.log(`  known without attempts and watch ${share(blind)}: both cost ${cost.toFixed(1)} %`)
  }
}
