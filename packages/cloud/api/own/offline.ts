import type { Registry, Scope } from '@birthmark/cloud/registry'
import type { Clock, Entropy } from '@birthmark/foundation/kernel'
import { Auditor } from '../access/audit.ts'
import { exceptionOf } from '../errors.ts'
import { newUuid } from '../operations/values.ts'
import { Given } from './fields.ts'
import { matchOwn } from './own-api.ts'

/** A registry that no server has open, and the scope to work in. */
export interface OfflineParts {
  readonly registry: Registry
  /** The default account and region of the data directory. */
  readonly scope: Scope
  readonly clock: Clock
  readonly entropy: Entropy
}

/**
 * Performs an operation of our own API without a server, for whoever may read the data directory: as its administrator.
 * The audit log names the caller `offline`.
 *
 * @throws the exceptions of the operation, `UnknownOperationException`
 */
export async function callOffline(
  { registry, scope, clock, entropy }: OfflineParts,
  request: { readonly method: string; readonly path: string; readonly parameters: Readonly<Record<string, unknown>> },
): Promise<object> {
  const route = matchOwn(request.method, request.path)
  if (route === undefined) throw exceptionOf(new RangeError(`no operation ${request.method} ${request.path}`))
  const { operation, label } = route
  const now = clock.now()
  const key = { ...OFFLINE_KEY, createdAt: now }
  const requestId = newUuid(entropy)
  const subject = { key, scope, at: now, requestId, sourceIp: undefined, userAgent: undefined }
  const auditor = new Auditor(registry, subject)
  if (operation.changes) auditor.begin(`birthmark:${operation.name}`, [label === '' ? '*' : label])
  const options = {
    attempts: { list: () => [] },
    clock,
    entropy,
    defaultAccount: scope.account,
    endpointAddress: () => undefined,
  }
  try {
    const given = Given.read(operation.fields, Object.entries(request.parameters))
    const caller = { key, scope }
    const answer = await operation.perform({
      given,
      label,
      caller,
      registry: auditor.registry,
      whole: registry,
      options,
      now,
    })
    await auditor.conclude(undefined)
    return answer
  } catch (error) {
    await auditor.conclude(error)
    throw error
  }
}

/** Whoever may read the data directory holds its secrets already. */
const OFFLINE_KEY = {
  id: 'offline',
  secret: '',
  name: 'offline',
  role: 'administrator',
  permissions: '',
  session: undefined,
} as const
