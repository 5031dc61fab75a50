import type { Scope } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'
import { AwsException } from '../exceptions.ts'

/** Holds each account and region to AWS IoT's rates of requests: a bucket for each operation, a second's worth deep. */
export class Throttle {
  readonly #buckets = new Map<string, Bucket>()

  /** Takes one request. @throws `ThrottlingException` */
  require({ account, region }: Scope, operation: string, now: Instant): void {
    const rate = RATES.get(operation) ?? USUAL_RATE
    const key = `${account}/${region}/${operation}`
    const bucket = this.#buckets.get(key) ?? { tokens: rate, at: now }
    const tokens = Math.min(rate, bucket.tokens + (Math.max(0, now - bucket.at) * rate) / 1000)
    // Accounts and operations are known ones, so the map has an end.
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now })
    if (tokens < 1) throw new AwsException('ThrottlingException', 'Rate exceeded')
  }
}

interface Bucket {
  readonly tokens: number
  readonly at: Instant
}

/** Requests a second of an operation that is not in {@link RATES}: what AWS IoT gives most. */
const USUAL_RATE = 10

/** Requests a second, per account and region (AWS IoT Core endpoints and quotas, API rate limits). */
const RATES: ReadonlyMap<string, number> = new Map([
  ['AddThingToThingGroup', 100],
  ['AttachPolicy', 15],
  ['AttachThingPrincipal', 100],
  ['CreateCertificateFromCsr', 15],
  ['CreateDynamicThingGroup', 5],
  ['CreateThing', 100],
  ['CreateThingGroup', 25],
  ['CreateThingType', 15],
  ['CreateTopicRule', 5],
  ['DeleteThing', 100],
  ['DescribeThing', 350],
  ['DescribeThingGroup', 100],
  ['DescribeThingType', 100],
  ['DetachPolicy', 15],
  ['DetachThingPrincipal', 100],
  ['GetEffectivePolicies', 5],
  ['ListThingPrincipals', 20],
  ['UpdateThing', 100],
])
