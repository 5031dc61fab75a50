import { newAccessKey } from '@birthmark/cloud/api'
import type { ScopedRegistry } from '@birthmark/cloud/registry'
import type { Clock, Entropy } from '@birthmark/foundation/kernel'

/** The key that a client signs with, and whether this start made it. */
export interface FirstAccessKey {
  readonly id: string
  /** Present only at the start that made the key: it is shown once. */
  readonly secret: string | undefined
}

/** Gives the data directory's access key; makes it, an administrator's, when there is none. */
export async function loadAccessKey(registry: ScopedRegistry, clock: Clock, entropy: Entropy): Promise<FirstAccessKey> {
  const [existing] = await registry.accessKeys()
  if (existing !== undefined) return { id: existing.id, secret: undefined }
  const permission = { role: 'administrator', templates: [] } as const
  const key = newAccessKey({ name: 'first', permission }, clock, entropy)
  await registry.commit([{ do: 'create-access-key', key }])
  return { id: key.id, secret: key.secret }
}
