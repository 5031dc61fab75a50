import { createServer } from 'node:http'
import type { Bus } from '@birthmark/cloud/bus'
import type { Registry } from '@birthmark/cloud/registry'
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

  /** Counts what is published on a bus. */
  watchBus(bus: Bus): Bus {
    const publish = bus.publish.bind(bus)
    bus.publish = (message) => {
      this.#messages()
      return publish(message)
    }
    return bus
  }

  text(): string {
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
