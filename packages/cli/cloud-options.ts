import { resolve } from 'node:path'
import type { IoTClient } from '@aws-sdk/client-iot'
import { openOffline } from '@birthmark/cloud/server'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { type Command, InvalidArgumentError } from 'commander'
import { accessFromEnvironment } from './access.ts'
import { callCloud, callOwnApi, iotClient } from './cloud-client.ts'

/** What `--control` says about itself. */
export const CONTROL_HELP = 'address of the control plane; else AWS_ENDPOINT_URL, the profile, http://127.0.0.1:9080'

/** Where a command finds its cloud. */
export interface CloudFlags {
  readonly control?: string
  /** A data directory that no server has open. */
  readonly data?: string
  readonly json?: boolean
}

/** Calls an operation of Birthmark's own API, wherever that is. */
export type OwnApi = (
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  parameters?: Readonly<Record<string, unknown>>,
) => Promise<Readonly<Record<string, unknown>>>

/** Adds the option that names a running server. */
export function onCloud(command: Command): Command {
  return command.option('--control <url>', CONTROL_HELP, parseAddress)
}

/** Adds the options that name a running server, or a data directory that none has open. */
export function onCloudOrData(command: Command): Command {
  return onCloud(command).option('--data <folder>', 'work on this data directory, which no server has open')
}

/**
 * Gives Birthmark's own API: of the running server, or of a data directory.
 *
 * @throws `ACCESS_KEY_MISSING`, `CLOUD_REFUSED`, `CLOUD_UNREACHABLE`, faults of the data directory
 */
export async function withOwnApi<Result>(flags: CloudFlags, use: (api: OwnApi) => Promise<Result>): Promise<Result> {
  if (flags.data === undefined) {
    const access = accessFromEnvironment(flags.control)
    return use(async (method, path, parameters = {}) => ({
      ...Object(await callOwnApi(access, method, path, parameters)),
    }))
  }
  const offline = await openOffline(resolve(flags.data), { clock: systemClock, entropy: systemEntropy })
  try {
    return await use(async (method, path, parameters = {}) => ({ ...(await offline.call(method, path, parameters)) }))
  } finally {
    await offline.close()
  }
}

/**
 * Lends AWS's own client for the control plane that the flags and the environment name.
 *
 * @throws `ACCESS_KEY_MISSING`, `CLOUD_REFUSED`, `CLOUD_FAILED`, `CLOUD_UNREACHABLE`
 */
export async function withClient<Result>(
  flags: CloudFlags,
  operation: string,
  use: (client: IoTClient) => Promise<Result>,
): Promise<Result> {
  const access = accessFromEnvironment(flags.control)
  const client = iotClient(access)
  try {
    return await callCloud(access, operation, () => use(client))
  } finally {
    client.destroy()
  }
}

/** Gives the objects in a member of an answer. */
export function objectsIn(
  answer: Readonly<Record<string, unknown>>,
  member: string,
): readonly Readonly<Record<string, unknown>>[] {
  const list = answer[member]
  return Array.isArray(list) ? list.map((item: unknown) => ({ ...Object(item) })) : []
}

/** Reads the address of a control plane. */
export function parseAddress(text: string): string {
  if (!/^https?:/.test(text) || !URL.canParse(text))
    throw new InvalidArgumentError('Name an address such as http://127.0.0.1:9080.')
  return text
}
