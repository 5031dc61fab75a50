import { faults, type Raise } from '@birthmark/foundation/kernel'
import type { CloudAccess } from './cloud-client.ts'

export const ACCESS_FAULTS = {
  ACCESS_KEY_MISSING: {
    blame: 'caller',
    message: 'no access key to sign with: {name} is not set',
    remedy: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to the key that the server showed at its first start.',
  },
} as const
const accessFault: Raise<typeof ACCESS_FAULTS> = faults(ACCESS_FAULTS)

/**
 * Reads the access that AWS's own tools read: the environment variables of the AWS SDKs.
 *
 * @throws `ACCESS_KEY_MISSING`
 */
export function accessFromEnvironment(endpoint: string): CloudAccess {
  return {
    endpoint,
    region: process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    accessKeyId: variable('AWS_ACCESS_KEY_ID'),
    secretAccessKey: variable('AWS_SECRET_ACCESS_KEY'),
  }
}

function variable(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw accessFault('ACCESS_KEY_MISSING', { name })
  return value
}
