import type { LogEventConfiguration, LogLevel } from '@aws-sdk/client-iot'
import { AwsException, invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { StoredFamily } from './stored-family.ts'

/** What an account has said about its logs. */
interface LoggingOptions {
  readonly roleArn?: string | undefined
  readonly defaultLogLevel?: LogLevel | undefined
  readonly disableAllLogs?: boolean | undefined
  readonly eventConfigurations?: LogEventConfiguration[] | undefined
  /** By target type and name. */
  readonly levels: Readonly<Record<string, LogLevel>>
}

const settings = new StoredFamily<LoggingOptions>({
  kind: 'setting',
  title: 'Logging options',
  max: Number.MAX_SAFE_INTEGER,
  arn: (name) => name,
})

/** Logging options. They are kept and described; what this server logs is its operator's to say. */
export const loggingOperations: Partial<Operations> = {
  async SetV2LoggingOptions({ roleArn, defaultLogLevel, disableAllLogs, eventConfigurations }, call) {
    await revise(call, (options) => ({
      ...options,
      roleArn: roleArn ?? options.roleArn,
      defaultLogLevel: defaultLogLevel ?? options.defaultLogLevel,
      disableAllLogs: disableAllLogs ?? false,
      eventConfigurations: eventConfigurations ?? options.eventConfigurations,
    }))
    return {}
  },

  async GetV2LoggingOptions(_input, call) {
    const options = await read(call)
    if (options.roleArn === undefined && options.defaultLogLevel === undefined) throw notConfigured()
    const { roleArn, defaultLogLevel, disableAllLogs, eventConfigurations } = options
    return { roleArn, defaultLogLevel, disableAllLogs, eventConfigurations }
  },

  async SetLoggingOptions({ loggingOptionsPayload }, call) {
    const { roleArn, logLevel } = loggingOptionsPayload
    await revise(call, (options) => ({ ...options, roleArn, defaultLogLevel: logLevel ?? options.defaultLogLevel }))
    return {}
  },

  /** Without options AWS answers an empty body here, not an exception. */
  async GetLoggingOptions(_input, call) {
    const { roleArn, defaultLogLevel } = await read(call)
    return { roleArn, logLevel: defaultLogLevel }
  },

  async SetV2LoggingLevel({ logTarget, logLevel }, call) {
    const key = keyOf(logTarget.targetType ?? '', logTarget.targetName)
    const { levels, roleArn } = await read(call)
    if (roleArn === undefined) throw notConfigured()
    if (!Object.hasOwn(levels, key) && Object.keys(levels).length >= LEVELS_MAX) {
      throw new AwsException('LimitExceededException', `The maximum number of logging levels is set (${LEVELS_MAX}).`)
    }
    await revise(call, (options) => ({ ...options, levels: { ...options.levels, [key]: logLevel } }))
    return {}
  },

  async ListV2LoggingLevels({ targetType, ...input }, call) {
    const entries = Object.entries((await read(call)).levels)
    const fitting = entries.filter(([key]) => targetType === undefined || key.startsWith(`${targetType}:`))
    const page = pageOf(fitting, ([key]) => key, pageRequest(input))
    const logTargetConfigurations = page.rows.map(([key, logLevel]) => ({ logTarget: targetOf(key), logLevel }))
    return { logTargetConfigurations, nextToken: nextToken(page) }
  },

  async DeleteV2LoggingLevel({ targetType, targetName }, call) {
    const key = keyOf(targetType, targetName)
    if (!Object.hasOwn((await read(call)).levels, key)) throw notFound(`There is no logging level for ${key}.`)
    await revise(call, (options) => {
      const levels = Object.fromEntries(Object.entries(options.levels).filter(([other]) => other !== key))
      return { ...options, levels }
    })
    return {}
  },
}

async function read(call: Call): Promise<LoggingOptions> {
  return (await settings.find(LOGGING, call))?.content ?? { levels: {} }
}

async function revise(call: Call, change: (options: LoggingOptions) => LoggingOptions): Promise<void> {
  await settings.put(LOGGING, call, { levels: {} }, change)
}

/** @throws `InvalidRequestException` for a target without a name */
function keyOf(targetType: string, targetName: string | undefined): string {
  if (targetType === 'DEFAULT') return 'DEFAULT:'
  if (targetName === undefined || targetName === '') throw invalidRequest('targetName is required for this targetType.')
  return `${targetType}:${targetName}`
}

function targetOf(key: string): { targetType: LogTarget; targetName?: string } {
  const targetType = TARGET_TYPES.find((type) => key.startsWith(`${type}:`)) ?? 'DEFAULT'
  const targetName = key.slice(targetType.length + 1)
  return targetName === '' ? { targetType } : { targetType, targetName }
}

function notConfigured(): AwsException {
  return new AwsException('NotConfiguredException', 'Logging options are not set.')
}

const TARGET_TYPES = ['DEFAULT', 'THING_GROUP', 'CLIENT_ID', 'SOURCE_IP', 'PRINCIPAL_ID'] as const
type LogTarget = (typeof TARGET_TYPES)[number]

const LOGGING = 'logging'
/** Levels of an account, so that one document stays small. At the limit: LimitExceededException. */
const LEVELS_MAX = 100
