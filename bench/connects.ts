import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls'
import { encodePacket, NO_PROPERTIES } from '@birthmark/cloud/mqtt'
import { type Fleet, fillRegistry, makeFleet } from './connects-fleet.ts'
import { cpuMsOf, startBroker } from './messages-brokers.ts'

/*
 * Full mutual-TLS connects, each with a whole MQTT CONNECT, per CPU-second of the server: devices that are known, and
 * first connections that are provisioned durably (just-in-time provisioning), against a bare Node TLS server of the
 * same settings that answers the first bytes and counts; and known devices at a front that records no attempts and
 * watches for no shared keys; and Mosquitto, which demands a certificate and asks an ACL file of ten lines. All sides
 * in turn, in processes of their own, in one run.
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
  /** Whether Mosquitto is measured too. */
  readonly mosquitto: boolean
}

/** Connections per CPU-second of the server. */
export interface ConnectsBenchResult {
  readonly version: 'TLSv1.2' | 'TLSv1.3'
  readonly bare: number
  readonly known: number
  readonly first: number
  /** Known devices, without attempts and without a watch on shared keys. */
  readonly blind: number
  /** Absent when it was not asked for. */
  readonly mosquitto: number | undefined
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
    mosquitto: size.mosquitto ? median(rounds.map(({ mosquitto = 0 }) => mosquitto)) : undefined,
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
    // On every side, what comes first pays for compilers and caches, and does not count.
    const twice = async (server: Server): Promise<number> => {
      await connectAll(server, fleet, size, version, 'in')
      return connectAll(server, fleet, size, version, 'in')
    }
    const known = (kind: ServerKind): Promise<number> => withServer(kind, folder, twice)
    const part = (from: number, to?: number): Fleet => ({ ...fleet, devices: fleet.devices.slice(from, to) })
    const warming = Math.ceil(size.devices / 3)
    const bare = await known('bare')
    const first = await withServer('front', folder, async (server) => {
      await connectAll(server, part(0, warming), size, version, 'out')
      return connectAll(server, part(warming), size, version, 'out')
    })
    const mosquitto = size.mosquitto ? await withMosquitto(folder, fleet, twice) : undefined
    return { version, bare, first, known: await known('front'), blind: await known('blind'), mosquitto }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

type ServerKind = 'front' | 'blind' | 'bare'

interface Server {
  readonly port: number
  cpuMs(): Promise<number>
}

async function withServer<Result>(
  kind: ServerKind,
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

async function withMosquitto(folder: string, fleet: Fleet, use: (server: Server) => Promise<number>): Promise<number> {
  const broker = await startBroker('mosquitto', folder, fleet)
  try {
    return await use({ port: broker.port, cpuMs: () => Promise.resolve(cpuMsOf(broker.pid)) })
  } finally {
    await broker.stop()
  }
}

async function nextLine(lines: Interface): Promise<{ port?: number; cpuMs?: number }> {
  const [line] = await once(lines, 'line')
  return JSON.parse(String(line))
}

/**
 * Lets every device of a fleet connect once; gives connections per CPU-second of the server. Each must be let `in`, or
 * be left `out` as a device is that was only provisioned; that it was shows when it comes again.
 *
 * @throws when one is not
 */
async function connectAll(
  server: Server,
  { devices, rootPem }: Fleet,
  { together }: ConnectsBenchSize,
  version: ConnectsBenchResult['version'],
  end: 'in' | 'out',
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
      const answer = await connectOnce(server.port, device.name, device.context)
      if (answer !== ANSWERS[end]) throw new Error(`${device.name} was to be let ${end}, and was answered '${answer}'`)
    }
  }
  await Promise.all(Array.from({ length: together }, connectSome))
  return devices.length / (((await server.cpuMs()) - before) / 1000)
}

/** Connects, sends a CONNECT, ends the connection on the answer, and gives that in hexadecimal when all is closed. */
function connectOnce(port: number, clientId: string, secureContext: SecureContext): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', secureContext })
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.once('secureConnect', () => socket.write(connectBytes(clientId)))
    let came = ''
    socket.once('data', (answer: Buffer) => {
      came = answer.toString('hex')
      socket.end(DISCONNECT)
    })
    socket.once('close', () => resolve(came))
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

/** The CONNACK of MQTT 3.1.1 that lets a client in (§3.2), and none. */
const ANSWERS = { in: '20020000', out: '' } as const
const DISCONNECT: Uint8Array = Uint8Array.of(0xe0, 0)

if (import.meta.main) {
  const size = { devices: 1500, together: 64, rounds: 3, mosquitto: true }
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { bare, known, first, blind, mosquitto = 0 } = await measureConnects(size, version)
    const share = (value: number): string => `${value.toFixed(0)}/CPU-s, ${(value / bare).toFixed(2)} of bare`
    console.log(`${version}: bare ${bare.toFixed(0)}/CPU-s; known ${share(known)}; first connections ${share(first)}`)
    console.log(`  Mosquitto ${share(mosquitto)}: known is ${(known / mosquitto).toFixed(2)} times as many`)
    const cost = (1 - known / blind) * 100
    console.log(`  known without attempts and watch ${share(blind)}: both cost ${cost.toFixed(1)} %`)
  }
}
