import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectTcp, createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Fleet, fillRegistry } from './connects-fleet.ts'

/** A broker at work, in a process of its own. */
export interface Broker {
  readonly port: number
  readonly pid: number
  /** Gives one of our own a line, and waits for its answer: see `bench/connects-server.ts`. */
  order?(line: string): Promise<void>
  stop(): Promise<void>
}

/** The brokers that are compared, and a bare relay in Node, which is the ceiling of ours. */
export type BrokerName = 'birthmark' | 'mosquitto' | 'nats' | 'relay'

/**
 * Starts a broker with mutual TLS that lets the fleet publish and subscribe below `bench/`, by a policy of ten
 * statements or as many lines or permissions. Its process is bound to the first core.
 *
 * @param folder An empty folder for what it keeps.
 */
export async function startBroker(name: BrokerName, folder: string, fleet: Fleet): Promise<Broker> {
  for (const [file, text] of Object.entries({
    'root.pem': fleet.rootPem,
    'endpoint.key.pem': fleet.endpoint.keyPem,
    'endpoint.pem': fleet.endpoint.certificatePem,
    'devices.pem': `${fleet.ca.toPem()}\n${fleet.rootPem}`,
  })) {
    writeFileSync(join(folder, file), text)
  }
  if (name === 'relay') return startScript('messages-relay.ts', [folder])
  if (name === 'birthmark') {
    await fillRegistry(join(folder, 'registry'), fleet, POLICY)
    return startScript('connects-server.ts', ['front', folder])
  }
  const port = await freePort()
  const words = name === 'mosquitto' ? mosquitto(folder, port) : nats(folder, port, fleet)
  const child = spawn('taskset', ['-c', '0', ...words], { stdio: 'ignore' })
  await listening(child, port)
  return brokerOf(child, port)
}

async function startScript(script: string, words: readonly string[]): Promise<Broker> {
  const program = [process.execPath, '--expose-gc', join(import.meta.dirname, script), ...words]
  const child = spawn('taskset', ['-c', '0', ...program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  const [line] = await once(lines, 'line')
  const { port }: { port: number } = JSON.parse(String(line))
  return {
    ...brokerOf(child, port),
    order: async (text) => {
      const answered = once(lines, 'line')
      child.stdin.write(`${text}\n`)
      await answered
    },
  }
}

function mosquitto(folder: string, port: number): string[] {
  writeFileSync(join(folder, 'acl'), RULES.map((topic) => `pattern readwrite ${topic}/#\n`).join(''))
  const lines = {
    listener: `${port} 127.0.0.1`,
    cafile: join(folder, 'devices.pem'),
    certfile: join(folder, 'endpoint.pem'),
    keyfile: join(folder, 'endpoint.key.pem'),
    require_certificate: 'true',
    acl_file: join(folder, 'acl'),
    allow_anonymous: 'true',
    set_tcp_nodelay: 'true',
    persistence: 'false',
    max_queued_messages: '0',
    max_inflight_messages: '100',
    user: 'root',
    log_dest: 'none',
  }
  const config = join(folder, 'mosquitto.conf')
  writeFileSync(
    config,
    Object.entries(lines)
      .map(([key, value]) => `${key} ${value}\n`)
      .join(''),
  )
  return ['mosquitto', '-c', config]
}

function nats(folder: string, port: number, { devices }: Fleet): string[] {
  const allowed = JSON.stringify([...RULES.map((topic) => `${topic.replaceAll('/', '.')}.>`), '$MQTT.>', '_INBOX.>'])
  const users = devices.map(({ name }) => `{user: "${name}", password: "${name}", permissions: $MAY}`).join('\n')
  const config = join(folder, 'nats.conf')
  writeFileSync(
    config,
    `MAY = {publish: ${allowed}, subscribe: ${allowed}}
    server_name: bench
    host: 127.0.0.1
    port: -1
    jetstream {store_dir: "${join(folder, 'jetstream')}"}
    authorization {users: [${users}]}
    mqtt {
      host: 127.0.0.1
      port: ${port}
      max_ack_pending: 100
      tls {
        cert_file: "${join(folder, 'endpoint.pem')}"
        key_file: "${join(folder, 'endpoint.key.pem')}"
        ca_file: "${join(folder, 'devices.pem')}"
        verify: true
        timeout: 30
      }
    }`,
  )
  return ['nats-server', '-c', config]
}

function brokerOf(child: ChildProcess, port: number): Broker {
  return {
    port,
    pid: child.pid ?? 0,
    stop: async () => {
      const exited = once(child, 'exit')
      // Ours ends when its input does.
      if (child.stdin === null) child.kill('SIGTERM')
      else child.stdin.end()
      await exited
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Waits until a port takes connections. @throws when the process ends before it does */
async function listening(child: ChildProcess, port: number): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode}`)
    const socket = connectTcp(port, '127.0.0.1')
    const isUp = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (isUp) return
    await sleep(50)
  }
}

/** Gives the CPU time that a process has used, in milliseconds. */
export function cpuMsOf(pid: number): number {
  // Fields 14 and 15 of /proc/PID/stat (proc(5)), in ticks of 10 ms; the second field may hold spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** What the fleet may use; all but the last are there so that a decision has something to look through. */
const RULES: readonly string[] = [...Array.from({ length: 9 }, (_, index) => `other/${index}`), 'bench']

const ARN = 'arn:aws:iot:eu-central-1:111122223333:'

const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${ARN}client/\${iot:Connection.Thing.ThingName}` },
    ...RULES.slice(1).map((topic) => ({
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Subscribe', 'iot:Receive'],
      Resource: [`${ARN}topic/${topic}/*`, `${ARN}topicfilter/${topic}/*`],
    })),
  ],
})
