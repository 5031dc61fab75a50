import { type Configuration, EventType } from '@aws-sdk/client-iot'
import type { ScopedRegistry } from '@birthmark/cloud/registry'
import type { Operations } from '../operation-types.ts'
import { StoredFamily } from './stored-family.ts'
import { dateOf } from './values.ts'

type Events = Partial<Record<EventType, Configuration>>

const settings = new StoredFamily<Events>({
  kind: 'setting',
  title: 'Event configurations',
  max: Number.MAX_SAFE_INTEGER,
  arn: (name) => name,
})

/** Which changes of the registry are told on `$aws/events/…`; none until it is asked for. */
export const eventConfigurationOperations: Partial<Operations> = {
  async UpdateEventConfigurations({ eventConfigurations = {} }, call) {
    await settings.put(EVENTS_SETTING, call, {}, (kept) => ({ ...kept, ...eventConfigurations }))
    return {}
  },

  async DescribeEventConfigurations(_input, call) {
    const kept = await settings.find(EVENTS_SETTING, call)
    const every = Object.values(EventType).map((type) => [type, kept?.content[type] ?? { Enabled: false }] as const)
    return {
      eventConfigurations: Object.fromEntries(every),
      ...(kept === undefined
        ? {}
        : { creationDate: dateOf(kept.createdAt), lastModifiedDate: dateOf(kept.modifiedAt) }),
    }
  },
}

/**
 * Gives the kinds of events that an account and region has turned on, by AWS's names: `THING`, `THING_GROUP`, and so
 * on.
 */
export async function enabledEvents(registry: ScopedRegistry): Promise<ReadonlySet<string>> {
  const kept = await settings.find(EVENTS_SETTING, { registry })
  return new Set(Object.values(EventType).filter((type) => kept?.content[type]?.Enabled === true))
}

/** The name of the document of kind `setting` that says which events are told. */
export const EVENTS_SETTING = 'event-configurations'
