import { EVENTS_SETTING, enabledEvents } from '@birthmark/cloud/api'
import type { Bus } from '@birthmark/cloud/bus'
import type { AwsEvent } from '@birthmark/cloud/events'
import { AWS_PROFILE, NO_PROPERTIES, parseTopicName } from '@birthmark/cloud/mqtt'
import type { Change, Registry, Scope } from '@birthmark/cloud/registry'
import { type Clock, encodeUtf8, type Log, messageOf } from '@birthmark/foundation/kernel'
import { RegistryNews } from './registry-news.ts'

/** What telling of the registry's changes needs. */
export interface RegistryEventsOptions {
  readonly registry: Registry
  readonly busOf: (scope: Scope) => Pick<Bus, 'publish'>
  readonly clock: Clock
  readonly log: Log
}

/**
 * Tells the subscribers of `$aws/events/thing/…` and its neighbours what changes in the registry, where an account has
 * asked for it. Events follow the commit in its order; one that a crash swallows is not told again, as at AWS. When
 * more
 * than {@link WAITING_MAX} lists of changes wait, the newest are not told, and the log says so.
 *
 * @returns what ends it
 */
export function startRegistryEvents(options: RegistryEventsOptions): () => void {
  const { registry, log } = options
  const enabled = new Map<string, Promise<ReadonlySet<string>>>()
  let tail: Promise<void> = Promise.resolve()
  let waiting = 0

  const tell = async (scope: Scope, changes: readonly Change[]): Promise<void> => {
    const key = `${scope.account}/${scope.region}`
    const scoped = registry.in(scope)
    if (changes.some(isSetting)) enabled.delete(key)
    const kinds = enabled.get(key) ?? enabledEvents(scoped)
    enabled.set(key, kinds)
    if ((await kinds).size === 0) return
    const news = new RegistryNews({ ...options, registry: scoped, kinds: await kinds })
    for (const change of changes) {
      for (const event of await news.of(change)) await publish(options, scope, event)
    }
  }

  return registry.onCommit((scope, changes) => {
    if (waiting >= WAITING_MAX) {
      log.write('warn', 'events.dropped', { ...scope, waiting })
      return
    }
    waiting += 1
    tail = tail
      .then(() => tell(scope, changes))
      .catch((error: unknown) => {
        enabled.delete(`${scope.account}/${scope.region}`)
        log.write('error', 'events.failed', { ...scope, why: messageOf(error) })
      })
      .finally(() => {
        waiting -= 1
      })
  })
}

async function publish({ busOf, clock }: RegistryEventsOptions, scope: Scope, event: AwsEvent): Promise<void> {
  await busOf(scope).publish({
    topic: parseTopicName(event.topic, AWS_PROFILE),
    payload: encodeUtf8(JSON.stringify(event.payload)),
    qos: 1,
    properties: NO_PROPERTIES,
    publisher: undefined,
    receivedAt: clock.now(),
  })
}

function isSetting(change: Change): boolean {
  if (change.do === 'create-document') return change.document.name === EVENTS_SETTING
  return (change.do === 'replace-document' || change.do === 'delete-document') && change.name === EVENTS_SETTING
}

/** Lists of changes that wait to be told of: some 10 MB. At the limit: the newest are not told. */
const WAITING_MAX = 10_000
