import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { ACCESS_KEY, REGION, signatureOf, signingKeyOf } from './control-plane-sigv4.ts'

/*
 * Authenticated reads (DescribeThing) and durable writes (CreateThing: the thing and its line of the audit log) over
 * kept-alive connections, per CPU-second of the server, against a bare Node HTTP server that makes the same check of
 * the signature and answers as many bytes. Servers run in processes of their own; every request is signed beforehand.
 *
 *     node bench/control-plane.ts
 */

/** How much is measured. */
export interface ControlPlaneBenchSize {
  readonly reads: number
  readonly writes: number
  /** Connections with one request under way on each. */
  readonly together: number
  /** Rounds, each of both sides in turn; the median counts. */
  readonly rounds: number
}

/** Requests per CPU-second of the server. */
export interface ControlPlaneBenchResult {
  readonly reads: number
  readonly writes: number
  readonly bareReads: number
  readonly bareWrites: number
}

/** Measures both sides in turn. */
export async function measureControlPlane(size: ControlPlaneBenchSize): Promise<ControlPlaneBenchResult> {
  const rounds: ControlPlaneBenchResult[] = []
  for (let round = 0; round < size.rounds; round += 1) {
    const bare = await measureSide('bare', size)
    const control = await measureSide('control', size)
    rounds.push({ ...control, bareReads: bare.reads, bareWrites: bare.writes })
  }
  const median = (of: (round: ControlPlaneBenchResult) => number): number =>
    rounds.map(of).toSorted((left, right) => left - right)[rounds.length >> 1] ?? 0
  return {
    reads: median(({ reads }) => reads),
    writes: median(({ writes }) => writes),
    bareReads: median(({ bareReads }) => bareReads),
    bareWrites: median(({ bareWrites }) => bareWrites),
  }
}

async function measureSide(
  kind: 'control' | 'bare',
  { reads, writes, together }: ControlPlaneBenchSize,
): Promise<Pick<ControlPlaneBenchResult, 'reads' | 'writes'>> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-bench-'))
  const script = join(import.meta.dirname, 'control-plane-server.ts')
  const child = spawn(process.execPath, [script, kind, folder, String(THINGS)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  try {
    const { port = 0 } = await nextLine(lines)
    const cpuMs = async (): Promise<number> => {
      child.stdin.write('\n')
      return (await nextLine(lines)).cpuMs ?? 0
    }
    const rate = async (requests: readonly Buffer[]): Promise<number> => {
      const before = await cpuMs()
      await sendAll(port, requests, together)
      return requests.length / (((await cpuMs()) - before) / 1000)
    }
    // What was never run is not compiled yet: the first requests are not counted.
    const warm = Math.ceil(reads / 4)
    await rate(signed(port, warm, 'GET', (n) => `/things/meter-${n % THINGS}`))
    await rate(signed(port, Math.ceil(writes / 4), 'POST', (n) => `/things/warm-${n}`))
    return {
      reads: await rate(signed(port, reads, 'GET', (n) => `/things/meter-${n % THINGS}`)),
      writes: await rate(signed(port, writes, 'POST', (n) => `/things/new-${n}`)),
    }
  } finally {
    const exited = once(child, 'exit')
    child.stdin.end()
    await exited
    await rm(folder, { recursive: true })
  }
}

async function nextLine(lines: Interface): Promise<{ port?: number; cpuMs?: number }> {
  const [line] = await once(lines, 'line')
  return JSON.parse(String(line))
}

/** The bytes of requests as the AWS SDK for JavaScript sends them. */
function signed(port: number, count: number, method: string, pathOf: (n: number) => string): readonly Buffer[] {
  const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const key = signingKeyOf(ACCESS_KEY.secret, date.slice(0, 8))
  const body = method === 'POST' ? JSON.stringify({ attributePayload: { attributes: { sn: '1' } } }) : ''
  return Array.from({ length: count }, (_, n) => {
    const content = body === '' ? [] : ([['content-type', 'application/json']] as const)
    const headers = [
      ['amz-sdk-invocation-id', '3f2a8c1e-8f0e-4c50-9d51-5f2f0c6a7b11'],
      ['amz-sdk-request', 'attempt=1; max=3'],
      ...content,
      ['host', `127.0.0.1:${port}`],
      ['x-amz-date', date],
      ['x-amz-user-agent', 'aws-sdk-js/3.1000.0'],
    ] as const
    const signature = signatureOf(key, date, { method, path: pathOf(n), headers, body })
    const authorization =
      `AWS4-HMAC-SHA256 Credential=${ACCESS_KEY.id}/${date.slice(0, 8)}/${REGION}/iot/aws4_request, ` +
      `SignedHeaders=${headers.map(([name]) => name).join(';')}, Signature=${signature}`
    const lines = [...headers, ['content-length', String(body.length)], ['authorization', authorization]]
    return Buffer.from(
      `${method} ${pathOf(n)} HTTP/1.1\r\n${lines.map((line) => `${line.join(': ')}\r\n`).join('')}\r\n${body}`,
    )
  })
}

/** Sends every request when the answer to the one before it on its connection is there; all must be answered 200. */
async function sendAll(port: number, requests: readonly Buffer[], together: number): Promise<void> {
  let next = 0
  const sendSome = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    await once(socket, 'connect')
    for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
      socket.write(request)
      const status = await answered(socket)
      if (status !== '200') throw new TypeError(`a request was answered ${status}`)
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: together }, sendSome))
}

/** Resolves with the status of an answer when all of it has come. */
function answered(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1])
      if (text.length < end + 4 + length) return
      socket.off('data', onData).off('close', onClose)
      resolve(text.slice(9, 12))
    }
    const onClose = (): void => reject(new TypeError('the server closed the connection'))
    socket.on('data', onData).on('close', onClose)
  })
}

/** Things that are read. */
const THINGS = 1000

if (import.meta.main) {
  const result = await measureControlPlane({ reads: 10_000, writes: 3000, together: 32, rounds: 3 })
  const line = (what: string, rate: number, bare: number): string =>
    `${what}: ${rate.toFixed(0)} per CPU-second, bare ${bare.toFixed(0)}, ratio ${(rate / bare).toFixed(2)}`
  console.log(line('authenticated reads', result.reads, result.bareReads))
  console.log(line('durable writes', result.writes, result.bareWrites))
  console.log(`node ${process.version}`)
}
