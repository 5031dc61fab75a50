import { homedir } from 'node:os'
import { join } from 'node:path'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { makeFolder, readTextFile, replaceFile } from '@birthmark/foundation/system'
import type { CloudAccess } from './cloud-client.ts'

export const ACCESS_FAULTS = {
  ACCESS_KEY_MISSING: {
    blame: 'caller',
    message: 'no access key to sign with: {name} is not set, and there is no profile at {path}',
    remedy:
      "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key of the server's, or use 'birthmark access login'.",
  },
  PROFILE_DAMAGED: {
    blame: 'operator',
    message: 'the profile at {path} is not one that this command wrote',
    remedy: "Remove it, then run 'birthmark access login' again.",
  },
} as const
const accessFault: Raise<typeof ACCESS_FAULTS> = faults(ACCESS_FAULTS)

/**
 * Gives where the cloud is and what to sign with: from the environment variables that AWS's own tools read, and what
 * they leave open from the profile that {@link keepProfile} wrote.
 *
 * @param endpoint Wins over both.
 * @throws `ACCESS_KEY_MISSING`, `PROFILE_DAMAGED`
 */
export function accessFromEnvironment(endpoint?: string): CloudAccess {
  const profile = readProfile()
  const token = variable('AWS_SESSION_TOKEN')
  const given = variable('AWS_ACCESS_KEY_ID')
  const region = variable('AWS_REGION') ?? variable('AWS_DEFAULT_REGION') ?? profile?.region ?? 'us-east-1'
  const where = { endpoint: endpoint ?? variable('AWS_ENDPOINT_URL') ?? profile?.endpoint ?? USUAL_ENDPOINT, region }
  if (given === undefined && profile !== undefined) return { ...profile, ...where }
  const accessKeyId = given ?? missing('AWS_ACCESS_KEY_ID')
  const secretAccessKey = variable('AWS_SECRET_ACCESS_KEY') ?? missing('AWS_SECRET_ACCESS_KEY')
  return { ...where, accessKeyId, secretAccessKey, ...(token === undefined ? {} : { sessionToken: token }) }
}

/** Keeps an access in the profile, readable by its owner only. Gives the profile's path. */
export function keepProfile(access: CloudAccess): string {
  const path = profilePath()
  makeFolder(join(path, '..'))
  replaceFile(path, `${JSON.stringify(access)}\n`)
  return path
}

/** Gives the environment in which AWS's own tools find this cloud. */
export function environmentOf(access: CloudAccess): NodeJS.ProcessEnv {
  const { AWS_PROFILE: _profile, AWS_SESSION_TOKEN: _token, ...inherited } = process.env
  return {
    ...inherited,
    AWS_ENDPOINT_URL: access.endpoint,
    AWS_REGION: access.region,
    AWS_DEFAULT_REGION: access.region,
    AWS_ACCESS_KEY_ID: access.accessKeyId,
    AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
    ...(access.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: access.sessionToken }),
  }
}

function readProfile(): CloudAccess | undefined {
  const path = profilePath()
  const text = readTextFile(path)
  if (text === undefined) return undefined
  const value = parseObject(text)
  const member = (name: string): string => {
    const found = value?.[name]
    if (typeof found !== 'string') throw accessFault('PROFILE_DAMAGED', { path })
    return found
  }
  const token = value?.['sessionToken']
  return {
    endpoint: member('endpoint'),
    region: member('region'),
    accessKeyId: member('accessKeyId'),
    secretAccessKey: member('secretAccessKey'),
    ...(typeof token === 'string' ? { sessionToken: token } : {}),
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function profilePath(): string {
  const named = variable('BIRTHMARK_PROFILE')
  return named ?? join(variable('XDG_CONFIG_HOME') ?? join(homedir(), '.config'), 'birthmark', 'profile.json')
}

function variable(name: string): string | undefined {
  const value = process.env[name]
  return value === '' ? undefined : value
}

function missing(name: string): never {
  throw accessFault('ACCESS_KEY_MISSING', { name, path: profilePath() })
}

/** Where a server listens that was told nothing else. */
const USUAL_ENDPOINT = 'http://127.0.0.1:9080'
