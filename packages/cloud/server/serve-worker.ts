/**
 * A worker: the front of the server in a process of its own, with one socket to the main process, without which it does
 * not live. Runs when it is imported.
 */
import { Socket } from 'node:net'
import { join } from 'node:path'
import { createDataPlaneService } from '@birthmark/cloud/api'
import type { Bus } from '@birthmark/cloud/bus'
import type { Front, Endpoints as Shown } from '@birthmark/cloud/front'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import type { Scope } from '@birthmark/cloud/registry'
import { openSqliteReader } from '@birthmark/cloud/registry/sqlite'
import { RetainedMessages, retainingBus } from '@birthmark/cloud/retained'
import { openSqliteRetainedReader } from '@birthmark/cloud/retained/sqlite'
import { Channel, type HubCalls, type WorkerCalls, WorkerSide } from '@birthmark/cloud/workers'
import { type Millis, millis } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { brokerProfile, frontLimits, retainedLimits } from './broker-settings.ts'
import { createDataPlane } from './data-plane.ts'
import { Endpoints } from './endpoints.ts'
import { serverFault } from './faults.ts'
import { oncePerScope } from './once-per-scope.ts'
import { openFront } from './open-front.ts'
import type { WorkerStart } from './worker-start.ts'

/** The descriptor of the socket to the main process. */
const MAIN_PROCESS = 3
const COUNT_EVERY: Millis = millis(1000)

const system = { clock: systemClock, entropy: systemEntropy, timers: systemTimers }
const channel = new Channel<HubCalls, WorkerCalls<WorkerStart>>(new Socket({ fd: MAIN_PROCESS }))
const side = new WorkerSide(channel, systemEntropy)
let front: Front | undefined
/** What is shown to clients, if that has changed since the start. */
let exchanged: Shown | undefined
let messagesIn = 0

async function start({ endpoints, folder, scope, settings, workers }: WorkerStart): Promise<void> {
  const { log } = side
  const profile = brokerProfile(settings)
  side.begin(profile)
  const registry = openSqliteReader(join(folder, 'registry'), side.writer, log)
  const store = openSqliteRetainedReader(join(folder, 'retained'), (change) => side.retain(change))
  const retained = new RetainedMessages({ store, clock: systemClock, limits: retainedLimits(settings) })
  const isLimited = frontLimits(settings).connectsPerClientPerSecond !== Number.POSITIVE_INFINITY
  const names = await Endpoints.follow({ registry, defaultScope: scope, host: settings.host })
  const busOf = oncePerScope((of) => retainingBus(counted(side.busOf(of)), retained.in(of), log))
  const endConnection = side.endConnection.bind(side)
  const http = createDataPlaneService({
    registry,
    certificateProvider: NO_PROVIDER,
    endpointAddress: (of: Scope) => names.addressOf(of),
    dataPlane: createDataPlane({ ...system, busOf, retained, profile, endConnection }),
    ...system,
    log,
  })
  await channel.ask('ready')
  front = await openFront(settings, {
    ...system,
    log,
    http,
    names,
    registry,
    busOf,
    retained,
    sessions: { in: (of) => side.sessionsOf(of) },
    presenceOf: (of) => side.presenceOf(of),
    attemptKeeper: side.attemptKeeper,
    watchSessions: side.watchSessions,
    authorizers: side.authorizers,
    ...(isLimited && { connectRatesOf: (of) => side.connectRatesOf(of) }),
    services: [side.service('provisioning')],
    endpoints,
    sharedBy: workers,
  })
  if (exchanged !== undefined) front.exchangeEndpoints(exchanged)
}

function counted(bus: Bus): Bus {
  const publish = bus.publish.bind(bus)
  bus.publish = (message) => {
    messagesIn++
    return publish(message)
  }
  return bus
}

function tellCounts(): void {
  side.count(messagesIn)
  messagesIn = 0
  systemTimers.after(COUNT_EVERY, tellCounts, { background: true })
}

/** Nothing that devices can ask for here needs a certificate to be signed. */
const NO_PROVIDER: CertificateProvider = {
  issue: () => Promise.reject(serverFault('CERTIFICATE_PROVIDER_REFUSED', { why: 'a worker has no way to it' })),
  root: () => Promise.reject(serverFault('CERTIFICATE_PROVIDER_REFUSED', { why: 'a worker has no way to it' })),
}

// These reach every process of a group or a service; the main process says when to stop.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)
channel.serve(
  {
    ...side.calls(() => front),
    start,
    exchangeEndpoints: (endpoints) => {
      exchanged = endpoints
      front?.exchangeEndpoints(endpoints)
    },
    stop: async () => {
      await front?.close()
      tellCounts()
    },
    ping: () => undefined,
  },
  () => process.exit(),
)
tellCounts()
