import { createPublicKey } from 'node:crypto'
import { AwsException, invalidRequest, notFound } from '../exceptions.ts'
import { AUTHORIZERS_MAX } from '../limits.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { nextToken, pageRequest } from './pages.ts'
import { StoredFamily, type StoredRecord } from './stored-family.ts'
import { dateOf } from './values.ts'

interface Authorizer {
  readonly authorizerFunctionArn: string
  readonly tokenKeyName?: string | undefined
  readonly tokenSigningPublicKeys?: Record<string, string> | undefined
  readonly status: 'ACTIVE' | 'INACTIVE'
  readonly signingDisabled: boolean
  readonly enableCachingForHttp: boolean
}

const authorizers = new StoredFamily<Authorizer>({
  kind: 'authorizer',
  title: 'Authorizer',
  max: AUTHORIZERS_MAX,
  arn: arnOfAuthorizer,
})

const settings = new StoredFamily<{ readonly authorizerName: string }>({
  kind: 'setting',
  title: 'Default authorizer',
  max: Number.MAX_SAFE_INTEGER,
  arn: arnOfAuthorizer,
})

/** Custom authorizers. They are kept and described; nothing that connects is judged by one. */
export const authorizerOperations: Partial<Operations> = {
  async CreateAuthorizer({ authorizerName, authorizerFunctionArn, ...input }, call) {
    const content: Authorizer = {
      authorizerFunctionArn,
      tokenKeyName: input.tokenKeyName,
      tokenSigningPublicKeys: input.tokenSigningPublicKeys,
      status: input.status ?? 'INACTIVE',
      signingDisabled: input.signingDisabled ?? false,
      enableCachingForHttp: input.enableCachingForHttp ?? false,
    }
    requireSigning(content)
    await authorizers.create(authorizerName, content, call, input.tags)
    return namesOf(authorizerName, call)
  },

  async DescribeAuthorizer({ authorizerName }, call) {
    return { authorizerDescription: describe(await authorizers.require(authorizerName, call), call) }
  },

  async UpdateAuthorizer({ authorizerName, ...revision }, call) {
    await authorizers.update(authorizerName, call, (content) => {
      const revised: Authorizer = {
        ...content,
        authorizerFunctionArn: revision.authorizerFunctionArn ?? content.authorizerFunctionArn,
        tokenKeyName: revision.tokenKeyName ?? content.tokenKeyName,
        tokenSigningPublicKeys: revision.tokenSigningPublicKeys ?? content.tokenSigningPublicKeys,
        status: revision.status ?? content.status,
        enableCachingForHttp: revision.enableCachingForHttp ?? content.enableCachingForHttp,
      }
      requireSigning(revised)
      return revised
    })
    return namesOf(authorizerName, call)
  },

  async DeleteAuthorizer({ authorizerName }, call) {
    const { content } = await authorizers.require(authorizerName, call)
    if (content.status === 'ACTIVE') {
      throw new AwsException('DeleteConflictException', `The authorizer is ACTIVE (name=${authorizerName})`)
    }
    if ((await settings.find(DEFAULT_AUTHORIZER, call))?.content.authorizerName === authorizerName) {
      throw new AwsException('DeleteConflictException', `The authorizer is the default one (name=${authorizerName})`)
    }
    await authorizers.remove(authorizerName, call)
    return {}
  },

  async ListAuthorizers({ status, ...input }, call) {
    const fits = (content: Authorizer): boolean => status === undefined || content.status === status
    const page = await authorizers.list(pageRequest(input), call, fits)
    return { authorizers: page.rows.map(({ name }) => namesOf(name, call)), nextMarker: nextToken(page) }
  },

  async SetDefaultAuthorizer({ authorizerName }, call) {
    await authorizers.require(authorizerName, call)
    if ((await settings.find(DEFAULT_AUTHORIZER, call)) === undefined) {
      await settings.create(DEFAULT_AUTHORIZER, { authorizerName }, call)
    } else {
      await settings.update(DEFAULT_AUTHORIZER, call, () => ({ authorizerName }))
    }
    return namesOf(authorizerName, call)
  },

  async DescribeDefaultAuthorizer(_input, call) {
    const setting = await settings.find(DEFAULT_AUTHORIZER, call)
    if (setting === undefined) throw notFound('There is no default authorizer.')
    return { authorizerDescription: describe(await authorizers.require(setting.content.authorizerName, call), call) }
  },

  async ClearDefaultAuthorizer(_input, call) {
    if ((await settings.find(DEFAULT_AUTHORIZER, call)) === undefined) throw notFound('There is no default authorizer.')
    await settings.remove(DEFAULT_AUTHORIZER, call)
    return {}
  },
}

/** Tokens are signed unless that is switched off: then a key's name and the keys must be there. */
function requireSigning({ signingDisabled, tokenKeyName, tokenSigningPublicKeys }: Authorizer): void {
  const keys = Object.entries(tokenSigningPublicKeys ?? {})
  if (!signingDisabled && (tokenKeyName === undefined || keys.length === 0)) {
    throw invalidRequest('tokenKeyName and tokenSigningPublicKeys are required unless signingDisabled is true.')
  }
  for (const [name, pem] of keys) {
    try {
      createPublicKey(pem)
    } catch {
      throw invalidRequest(`The token signing public key ${name} is not a public key in PEM.`)
    }
  }
}

function describe({ name, content, createdAt, modifiedAt }: StoredRecord<Authorizer>, call: Call): DescribedAuthorizer {
  return {
    ...namesOf(name, call),
    ...content,
    creationDate: dateOf(createdAt),
    lastModifiedDate: dateOf(modifiedAt),
  }
}

interface AuthorizerNames {
  authorizerName: string
  authorizerArn: string
}
type DescribedAuthorizer = AuthorizerNames & Authorizer & { creationDate: Date; lastModifiedDate: Date }

function namesOf(name: string, call: Call): AuthorizerNames {
  return { authorizerName: name, authorizerArn: arnOfAuthorizer(name, call) }
}

function arnOfAuthorizer(name: string, { registry }: Call): string {
  return arnOf(registry.scope, 'authorizer', name)
}

const DEFAULT_AUTHORIZER = 'default-authorizer'
