import type { AccessKeyRecord, ScopedRegistry } from '@birthmark/cloud/registry'
import type { Clock, Entropy } from '@birthmark/foundation/kernel'

/** The key that a client signs with, and whether this start made it. */
export interface FirstAccessKey {
  readonly id: string
  /** Present only at the start that made the key: it is shown once. */
  readonly secret: string | undefined
}

/** Gives the data directory's access key; makes it when there is none. */
export async function loadAccessKey(registry: ScopedRegistry, clock: Clock, entropy: Entropy): Promise<FirstAccessKey> {
  const [existing] = await registry.accessKeys()
  if (existing !== undefined) return { id: existing.id, secret: undefined }
  const key = newAccessKey(clock, entropy)
  await registry.commit([{ do: 'create-access-key', key }])
  return { id: key.id, secret: key.secret }
}

/** Makes a key in AWS's form: `AKIA` and 16 of `A-Z2-7`; the secret is 240 bits as 40 characters of base64. */
function newAccessKey(clock: Clock, entropy: Entropy): AccessKeyRecord {
  const id = Array.from(entropy.bytes(16), (byte) => BASE32[byte % BASE32.length]).join('')
  const secret = Buffer.from(entropy.bytes(30)).toString('base64')
  return { id: `AKIA${id}`, secret, name: 'first', createdAt: clock.now() }
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
