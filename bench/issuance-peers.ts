import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { toPem } from '@birthmark/foundation/x509'

/** Certificates a second, by the clock and by the CPU time of whoever issues. */
export interface IssuanceRate {
  readonly perSecond: number
  readonly perCpuSecond: number
}

/** Signs each request with a process of its own, as scripts do. @returns A sentence where openssl is not there. */
export async function opensslRate(requests: readonly Uint8Array[]): Promise<IssuanceRate | string> {
  return inFolder(async (folder) => {
    if (!makeCa(folder)) return 'openssl is not installed'
    for (const [n, der] of requests.entries()) {
      writeFileSync(join(folder, `${n}.csr`), toPem('CERTIFICATE REQUEST', der))
    }
    const childrenBefore = childrenCpuSeconds()
    const start = process.hrtime.bigint()
    for (const n of requests.keys()) {
      const words = ['x509', '-req', '-in', `${n}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-out', `${n}.pem`]
      const { status, stderr } = spawnSync('openssl', words, { cwd: folder, encoding: 'utf8' })
      if (status !== 0) throw new Error(stderr)
    }
    const seconds = Number(process.hrtime.bigint() - start) / 1e9
    const cpu = childrenCpuSeconds() - childrenBefore
    return { perSecond: requests.length / seconds, perCpuSecond: requests.length / cpu }
  })
}

/** Has `cfssl serve` on loopback sign every request. @returns A sentence where it is not there. */
export async function cfsslRate(requests: readonly Uint8Array[], together: number): Promise<IssuanceRate | string> {
  if (spawnSync('cfssl', ['version']).error !== undefined)
    return 'absent; the Debian package golang-cfssl has it (apt-get install golang-cfssl)'
  return inFolder(async (folder) => {
    if (!makeCa(folder)) return 'openssl, which makes its CA, is not installed'
    const usages = { usages: ['signing', 'client auth'], expiry: '8760h' }
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ signing: { default: usages } }))
    const port = await freePort()
    const place = ['-address', '127.0.0.1', '-port', String(port)]
    const words = ['serve', ...place, '-ca', 'ca.pem', '-ca-key', 'ca-key.pem', '-config', 'config.json']
    const child = spawn('cfssl', words, { cwd: folder, stdio: 'ignore' })
    const agent = new Agent({ keepAlive: true, maxSockets: together })
    try {
      const bodies = requests.map((der) => JSON.stringify({ certificate_request: toPem('CERTIFICATE REQUEST', der) }))
      await untilAnswering(port, agent, bodies[0] ?? '')
      const cpuBefore = cpuSecondsOf(child)
      const start = process.hrtime.bigint()
      const queue = bodies.values()
      const worker = async (): Promise<void> => {
        for (const body of queue) await askCfssl(port, agent, body)
      }
      await Promise.all(Array.from({ length: together }, worker))
      const seconds = Number(process.hrtime.bigint() - start) / 1e9
      const cpu = cpuSecondsOf(child) - cpuBefore
      return { perSecond: requests.length / seconds, perCpuSecond: requests.length / cpu }
    } finally {
      agent.destroy()
      const ended = once(child, 'close')
      child.kill()
      await ended
    }
  })
}

function makeCa(folder: string): boolean {
  const run = (...words: readonly string[]): boolean => spawnSync('openssl', words, { cwd: folder }).status === 0
  const isMade = run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'ca-key.pem')
  return isMade && run('req', '-x509', '-new', '-key', 'ca-key.pem', '-subj', '/CN=Bench CA', '-out', 'ca.pem')
}

async function untilAnswering(port: number, agent: Agent, body: string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      return await askCfssl(port, agent, body)
    } catch {
      await pause(100)
    }
  }
  throw new Error('cfssl serve does not answer')
}

function askCfssl(port: number, agent: Agent, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': Buffer.byteLength(body) }
    const path = '/api/v1/cfssl/sign'
    const asked = request({ agent, host: '127.0.0.1', port, path, method: 'POST', headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => (text.includes('"success":true') ? resolve() : reject(new Error(text))))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** Linux counts in hundredths of a second, after the name of the process, which may hold blanks. */
function cpuSecondsOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** CPU time of the children of this process that have ended. */
function childrenCpuSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) / 100
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function inFolder<Value>(work: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-bench-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
