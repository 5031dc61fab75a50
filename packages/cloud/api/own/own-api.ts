import { decodeUtf8 } from '@birthmark/foundation/kernel'
import { decodePercent, type Target } from '../engine/target.ts'
import { AwsException } from '../exceptions.ts'
import { ACCESS_OPERATIONS } from './access-operations.ts'
import { ACCOUNT_OPERATIONS } from './account-operations.ts'
import { ALARM_OPERATIONS } from './alarm-operations.ts'
import { CERTIFICATE_OPERATIONS } from './certificate-operations.ts'
import { CHECK_POLICY, EXPLAIN_OPERATIONS } from './explain-operations.ts'
import { Given } from './fields.ts'
import { FUNCTION_OPERATIONS } from './function-operations.ts'
import type { OwnOperation } from './operation.ts'
import { PROVISIONING_OPERATIONS } from './provisioning-operations.ts'
import { READ_OPERATIONS } from './read-operations.ts'

/** Every operation of our own API. */
export const OWN_OPERATIONS: readonly OwnOperation[] = [
  ...READ_OPERATIONS,
  ...EXPLAIN_OPERATIONS,
  CHECK_POLICY,
  ...ALARM_OPERATIONS,
  ...ACCESS_OPERATIONS,
  ...ACCOUNT_OPERATIONS,
  ...FUNCTION_OPERATIONS,
  ...PROVISIONING_OPERATIONS,
  ...CERTIFICATE_OPERATIONS,
]

/** An operation of our own API, and what stands in its path's label. */
export interface OwnRoute {
  readonly operation: OwnOperation
  readonly label: string
}

/** Finds the operation of our own API that has this method and path; AWS's paths are none of them. */
export function matchOwn(method: string, rawPath: string): OwnRoute | undefined {
  for (const operation of OWN_OPERATIONS) {
    if (operation.method !== method) continue
    if (operation.path === rawPath) return { operation, label: '' }
    const label = labelIn(operation.path, rawPath)
    if (label !== undefined) return { operation, label }
  }
  return undefined
}

/** Reads the parameters of a request: the query of a GET and DELETE, the JSON body of a POST. */
export function readGiven({ operation }: OwnRoute, query: Target['query'], body: Uint8Array): Given {
  if (operation.method === 'POST') return Given.read(operation.fields, Object.entries(parseBody(body)))
  return Given.read(
    operation.fields,
    query.filter(([name]) => !name.startsWith('X-Amz-')),
  )
}

function labelIn(path: string, rawPath: string): string | undefined {
  const brace = path.indexOf('{')
  if (brace < 0 || !rawPath.startsWith(path.slice(0, brace))) return undefined
  const rest = rawPath.slice(brace)
  return rest === '' || rest.includes('/') ? undefined : decodePercent(rest)
}

function parseBody(body: Uint8Array): object {
  if (body.length === 0) return {}
  try {
    const value: unknown = JSON.parse(decodeUtf8(body) ?? '')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Answered below: what the parser says may repeat any part of the body.
  }
  throw new AwsException('SerializationException', 'The request body must be a JSON object.')
}
