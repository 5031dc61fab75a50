import {
  DescribeDefaultAuthorizerCommand,
  DescribeEventConfigurationsCommand,
  GetIndexingConfigurationCommand,
  GetV2LoggingOptionsCommand,
  type IoTClient,
  IoTServiceException,
  paginateListV2LoggingLevels,
  SetDefaultAuthorizerCommand,
  SetV2LoggingLevelCommand,
  SetV2LoggingOptionsCommand,
  UpdateEventConfigurationsCommand,
  UpdateIndexingConfigurationCommand,
} from '@aws-sdk/client-iot'
import { type Content, type Family, inputFrom, sorted } from './record.ts'

/** What an account has set: what is indexed and told, how it logs, who authorises by default. */
export const settings: Family = {
  kind: 'setting',
  async *read(client) {
    for (const [name, setting] of SETTINGS) {
      const content = await setting.read(client).catch(unlessUnset)
      if (content !== undefined) yield [name, content]
    }
  },
  async make(client, name, content) {
    await SETTINGS.get(name)?.make(client, content)
  },
}

interface Setting {
  /** Gives `undefined` when it is as in a new account. */
  read(client: IoTClient): Promise<Content | undefined>
  make(client: IoTClient, content: Content): Promise<unknown>
}

/** AWS answers some settings that were never made with an error. */
function unlessUnset(error: unknown): undefined {
  const isUnset = error instanceof IoTServiceException && UNSET.has(error.name)
  if (!isUnset) throw error
}

const UNSET: ReadonlySet<string> = new Set(['NotConfiguredException', 'ResourceNotFoundException'])

const indexing: Setting = {
  async read(client) {
    const found = await client.send(new GetIndexingConfigurationCommand({}))
    const things = found.thingIndexingConfiguration
    const groups = found.thingGroupIndexingConfiguration
    const isOff = [things?.thingIndexingMode, groups?.thingGroupIndexingMode].every((mode) => (mode ?? 'OFF') === 'OFF')
    if (isOff) return undefined
    const { managedFields: _, ...thingIndexingConfiguration } = { ...things }
    const { managedFields: __, ...thingGroupIndexingConfiguration } = { ...groups }
    return { thingIndexingConfiguration, thingGroupIndexingConfiguration }
  },
  make: (client, content) => client.send(new UpdateIndexingConfigurationCommand(inputFrom(content))),
}

const events: Setting = {
  async read(client) {
    const { eventConfigurations = {} } = await client.send(new DescribeEventConfigurationsCommand({}))
    const told = Object.fromEntries(Object.entries(eventConfigurations).filter(([, { Enabled }]) => Enabled === true))
    return Object.keys(told).length === 0 ? undefined : { eventConfigurations: sorted(told) }
  },
  make: (client, content) => client.send(new UpdateEventConfigurationsCommand(inputFrom(content))),
}

const logging: Setting = {
  async read(client) {
    const { $metadata: _, ...options } = await client.send(new GetV2LoggingOptionsCommand({}))
    const levels: Content[] = []
    for await (const { logTargetConfigurations = [] } of paginateListV2LoggingLevels({ client }, {})) {
      for (const { logTarget, logLevel } of logTargetConfigurations) levels.push({ logTarget, logLevel })
    }
    return { options, ...(levels.length > 0 && { levels }) }
  },
  async make(client, { options, levels }) {
    await client.send(new SetV2LoggingOptionsCommand(inputFrom({ ...Object(options) })))
    for (const level of Array.isArray(levels) ? levels : []) {
      await client.send(new SetV2LoggingLevelCommand(inputFrom({ ...Object(level) })))
    }
  },
}

const defaultAuthorizer: Setting = {
  async read(client) {
    const { authorizerDescription } = await client.send(new DescribeDefaultAuthorizerCommand({}))
    return { authorizerName: authorizerDescription?.authorizerName }
  },
  make: (client, content) => client.send(new SetDefaultAuthorizerCommand(inputFrom(content))),
}

const SETTINGS: ReadonlyMap<string, Setting> = new Map([
  ['default-authorizer', defaultAuthorizer],
  ['indexing', indexing],
  ['events', events],
  ['logging', logging],
])
