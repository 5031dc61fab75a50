import { join } from 'node:path'
import { RegistrationTasks } from '@birthmark/cloud/api'
import type { Bus } from '@birthmark/cloud/bus'
import type { TopicService } from '@birthmark/cloud/front'
import { FunctionRunner } from '@birthmark/cloud/functions'
import { type CertificateProvider, TemplateCache } from '@birthmark/cloud/provisioning'
import { fleetCrypto } from '@birthmark/cloud/provisioning/adapters'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { RuleEngine } from '@birthmark/cloud/rules'
import { type Clock, type Entropy, type Log, seconds, type Timers } from '@birthmark/foundation/kernel'
import type { AbuseDesk } from './abuse.ts'
import { fleetIssuer } from './fleet-issuer.ts'
import { startFleetService } from './fleet-service.ts'

/** What the ways by which devices come online work with. */
interface WaysParts {
  readonly registry: Registry
  readonly busOf: (scope: Scope) => Bus
  readonly abuse: AbuseDesk
  readonly certificateProvider: CertificateProvider
  /** Gives the control plane's address; functions are told it when their process starts. */
  readonly endpointUrl: () => string
}

/** What of a server's options they need. */
interface WaysOptions {
  /** The data directory. */
  readonly folder: string
  readonly existingThings?: 'bind' | 'replace' | 'refuse'
  readonly ownershipTokenSeconds?: number
  readonly sameKey?: 'add' | 'replace'
  readonly clock: Clock
  readonly entropy: Entropy
  readonly timers: Timers
  readonly log: Log
}

/** Fleet provisioning, functions and topic rules at work. */
interface Ways {
  readonly service: TopicService
  readonly functions: FunctionRunner
  readonly tasks: RegistrationTasks
  close(): Promise<void>
}

/** Starts fleet provisioning, functions and topic rules. @throws faults of the registry */
export async function startWays(options: WaysOptions, parts: WaysParts): Promise<Ways> {
  const { clock, entropy, timers, log } = options
  const { registry, busOf, certificateProvider } = parts
  const functions = new FunctionRunner({
    registry,
    folder: join(options.folder, 'functions'),
    endpointUrl: parts.endpointUrl,
    clock,
    timers,
    log,
  })
  const rules = await RuleEngine.open({
    registry,
    busOf,
    invoke: async (scope, arn, event) => {
      const result = await functions.invoke(scope, arn, event)
      if (result.outcome === 'failed') return result.why
      return result.outcome === 'slow' ? 'the function has not answered in time' : undefined
    },
    clock,
    log,
  })
  const fleet = startFleetService({
    registry,
    timers,
    issue: fleetIssuer({
      registry,
      provider: certificateProvider,
      invoke: (scope, arn, event, limit) => functions.invoke(scope, arn, event, limit),
    }),
    crypto: fleetCrypto,
    templates: new TemplateCache(),
    clock,
    entropy,
    log,
    hookOf: ({ preProvisioningHook }) => preProvisioningHook?.targetArn,
    callHook: (scope, arn, event, limit) => functions.invoke(scope, arn, event, limit),
    existingThings: options.existingThings ?? 'bind',
    ...(options.ownershipTokenSeconds !== undefined && { tokenLifetime: seconds(options.ownershipTokenSeconds) }),
    sameKey: options.sameKey ?? 'add',
    onTaken: (taken) => {
      const { thingName, certificateId, others, client, outcome } = taken
      const facts = { thingName, certificateId, others: others.length, clientId: client.clientId, outcome }
      log.write('warn', 'provisioning.thing-taken', facts)
      parts.abuse.took(taken)
    },
    brake: (request) => parts.abuse.brake(request),
    onRejected: (request, failure) => parts.abuse.refused(request, failure),
  })
  const tasks = new RegistrationTasks({ registry, certificateProvider, folder: options.folder, clock, entropy, log })
  await tasks.resume()
  return {
    service: fleet.service,
    functions,
    tasks,
    close: async () => {
      await tasks.close()
      fleet.close()
      rules.close()
      functions.close()
    },
  }
}
