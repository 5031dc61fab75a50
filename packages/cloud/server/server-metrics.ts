import { readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { Bus } from '@birthmark/cloud/bus'
import type { Registry } from '@birthmark/cloud/registry'
import type { SessionCounts } from '@birthmark/cloud/sessions'
import type { WorkerCounts } from '@birthmark/cloud/workers'
import { type Clock, type Log, type LogFields, Metrics } from '@birthmark/foundation/kernel'
import { listen } from './listen.ts'

/** Counts what a server does. Connections and requests are counted from the events of the log, one for each. */
export class ServerMetrics {
  readonly #metrics = new Metrics()
  readonly #requests = this.#metrics.counter('birthmark_api_requests_total', 'Requests to the control plane.')
  readonly #spans = this.#metrics.histogram('birthmark_api_request_seconds', 'Time to answer a request.')
  readonly #attempts = this.#metrics.counter('birthmark_attempts_total', 'Connections that ended, by cause.')
  readonly #bytes = this.#metrics.counter('birthmark_connection_bytes_total', 'Bytes of connections that ended.')
  readonly #commits = this.#metrics.counter('birthmark_registry_commits_total', 'Durable commits.')
  readonly #changes = this.#metrics.counter('birthmark_registry_changes_total', 'Durable changes, by kind.')
  readonly #messages = this.#metrics.counter('birthmark_messages_in_total', 'Messages that were published.')
  readonly #delivered = this.#metrics.counter('birthmark_messages_out_total', 'Messages given to subscribers.')
  readonly #buses: Bus[] = []
  #deliveredTold = 0
  readonly #dropped = this.#metrics.counter('birthmark_worker_messages_dropped_total', 'QoS 0, between processes.')
  readonly #alarms = this.#metrics.counter('birthmark_alarms_total', 'Alarms about abuse, by rule.')
  readonly #rejections = this.#metrics.counter('birthmark_provisioning_rejected_total', 'Refused claims, by cause.')
  readonly #faults = this.#metrics.counter('birthmark_log_errors_total', 'Events in the log of level error.')

  constructor(clock: Clock) {
    const startedAt = clock.now()
    this.#metrics.gauge('birthmark_uptime_seconds', 'Since the start.', () => (clock.now() - startedAt) / 1000)
    this.#metrics.gauge('birthmark_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
  }

  /** Gives a log that counts what passes through it. */
  watchLog(log: Log): Log {
    return {
      write: (level, event, fields) => {
        if (level === 'error') this.#faults({ event })
        if (event === 'api.request') this.#countRequest(fields)
        if (event === 'front.connection') this.#countConnection(fields)
        if (event === 'abuse.alarm') this.#alarms({ rule: String(fields?.['rule']) })
        if (event === 'provisioning.rejected') this.#rejections({ code: String(fields?.['code']) })
        log.write(level, event, fields)
      },
    }
  }

  watchRegistry(registry: Registry): void {
    registry.onCommit((_scope, changes) => {
      this.#commits()
      for (const change of changes) this.#changes({ change: change.do })
    })
  }

  /** Tells how many clients are connected, and how much waits for those that are not. */
  watchClients(connections: () => number, sessions: () => SessionCounts): void {
    this.#metrics.gauge('birthmark_connections', 'Clients that are connected.', connections)
    this.#metrics.gauge('birthmark_sessions', 'Sessions on disk.', () => sessions().sessions)
    this.#metrics.gauge('birthmark_queued_messages', 'Messages that wait for clients.', () => sessions().messages)
  }

  /** Tells how long the files of a data directory's parts are. */
  watchFolder(folder: string): void {
    for (const part of ['registry', 'sessions', 'retained']) {
      this.#metrics.gauge(`birthmark_${part}_bytes`, 'On disk.', () => bytesIn(join(folder, part)))
    }
  }

  /** Counts what is published on a bus. */
  watchBus(bus: Bus): Bus {
    this.#buses.push(bus)
    const publish = bus.publish.bind(bus)
    bus.publish = (message) => {
      this.#messages()
      return publish(message)
    }
    return bus
  }

  /** Tells how many workers run. */
  watchWorkers(running: () => number): void {
    this.#metrics.gauge('birthmark_workers', 'Workers that run.', running)
  }

  /** Counts what workers have counted. */
  countWorkers({ dropped, messagesIn, messagesOut }: WorkerCounts): void {
    this.#messages({}, messagesIn)
    this.#delivered({}, messagesOut)
    if (dropped > 0) this.#dropped({}, dropped)
  }

  text(): string {
    const delivered = this.#buses.reduce((sum, bus) => sum + bus.delivered, 0)
    this.#delivered({}, delivered - this.#deliveredTold)
    this.#deliveredTold = delivered
    return this.#metrics.text()
  }

  #countRequest(fields: LogFields = {}): void {
    const operation = String(fields['operation'] ?? 'none')
    this.#requests({ operation, status: String(fields['status']) })
    this.#spans({ operation }, Number(fields['ms']) / 1000)
  }

  #countConnection(fields: LogFields = {}): void {
    this.#attempts({ outcome: String(fields['outcome']), cause: String(fields['code'] ?? 'none') })
    this.#bytes({ direction: 'in' }, Number(fields['bytesIn']))
    this.#bytes({ direction: 'out' }, Number(fields['bytesOut']))
  }
}

/** Files may come and go meanwhile: a log that is folded back, for example. */
function bytesIn(folder: string): number {
  try {
    const sizes = readdirSync(folder).map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
    return sizes.reduce((sum, size) => sum + size, 0)
  } catch {
    return 0
  }
}

/**
 * Serves the metrics to Prometheus, which signs nothing, on loopback only.
 *
 * @throws `PORT_IN_USE`, `PORT_NOT_PERMITTED`, `ADDRESS_NOT_USABLE`
 */
export async function openMetrics(
  port: number,
  metrics: ServerMetrics,
  log: Log,
): Promise<{ readonly address: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const isWanted = request.method === 'GET' && request.url === '/metrics'
    response.writeHead(isWanted ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4' })
    response.end(isWanted ? metrics.text() : 'GET /metrics\n')
  })
  server.maxConnections = METRICS_CONNECTIONS_MAX
  const bound = await listen(server, { address: '127.0.0.1', port, option: '--metrics-port' }, log)
  return {
    address: `http://127.0.0.1:${bound}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Scrapers at a time; a further connection is closed. */
const METRICS_CONNECTIONS_MAX = 16
