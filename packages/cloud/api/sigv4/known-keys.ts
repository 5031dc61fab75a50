import { createHmac } from 'node:crypto'
import type { AccessKeyRecord, Registry, Scope } from '@birthmark/cloud/registry'
import type { Claim } from './claim.ts'

/** An access key, whose it is, and the keys that its requests of one day are signed with. */
export interface KnownKey {
  readonly key: AccessKeyRecord
  readonly scope: Scope
  /** Gives the signing key of a claim. */
  signingKey(claim: Day): Uint8Array
}

/** What of the registry concerns access keys. */
type KeyRegistry = Pick<Registry, 'accessKey' | 'onCommit'>

/**
 * The access keys that were used lately, so that a request costs neither a query nor four rounds of HMAC. A change of
 * any key forgets them all at once, before the change is answered.
 */
export class KnownKeys {
  readonly #registry: KeyRegistry
  readonly #known = new Map<string, KnownKey>()
  #changes = 0

  constructor(registry: KeyRegistry) {
    this.#registry = registry
    registry.onCommit((_scope, changes) => {
      if (!changes.some((change) => change.do === 'create-access-key' || change.do === 'revoke-access-key')) return
      this.#known.clear()
      this.#changes += 1
    })
  }

  /** Finds a key by its id, in any scope. */
  async find(id: string): Promise<KnownKey | undefined> {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const before = this.#changes
    const found = await this.#registry.accessKey(id)
    if (found === undefined) return undefined
    const made = { ...found, signingKey: rememberingKeys(found.key.secret) }
    if (this.#known.size >= KNOWN_KEYS_MAX) this.#known.clear()
    if (this.#changes === before) this.#known.set(id, made)
    return made
  }
}

function rememberingKeys(secret: string): KnownKey['signingKey'] {
  const made = new Map<string, Uint8Array>()
  return ({ day, region, service }) => {
    const name = `${day}/${region}/${service}`
    const known = made.get(name)
    if (known !== undefined) return known
    const key = signingKeyOf(secret, { day, region, service })
    if (made.size >= SIGNING_KEYS_MAX) made.clear()
    made.set(name, key)
    return key
  }
}

/** Derives a signing key (AWS IAM user guide, create a signed AWS API request, step 4). */
export function signingKeyOf(secret: string, { day, region, service }: Day): Uint8Array {
  const steps = [day, region, service, 'aws4_request']
  const start: Uint8Array = Buffer.from(`AWS4${secret}`)
  return steps.reduce((key, step) => createHmac('sha256', key).update(step).digest(), start)
}

/** What a signing key is good for. */
type Day = Pick<Claim, 'day' | 'region' | 'service'>

/** Access keys that are remembered; at the limit all are forgotten and read again as they come. */
const KNOWN_KEYS_MAX = 1000
/** Days, regions and services for which a key's signing keys are remembered; at the limit all are made again. */
const SIGNING_KEYS_MAX = 16
