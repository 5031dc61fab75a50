import { createPublicKey } from 'node:crypto'
import { type AuthorizerSettings, DEFAULT_AUTHORIZER } from '@birthmark/cloud/authorizers'
import type { AuthorizerCredentials, AuthorizerGrant } from '@birthmark/cloud/front'
import { AwsException, invalidRequest, notFound } from '../exceptions.ts'
import { AUTHORIZERS_MAX } from '../limits.ts'
import type { Call, Input, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { nextToken, pageRequest } from './pages.ts'
import { StoredFamily, type StoredRecord } from './stored-family.ts'
import { dateOf, newUuid } from './values.ts'

const authorizers = new StoredFamily<AuthorizerSettings>({
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

/** Custom authorizers, which the front asks about clients that show no certificate. */
export const authorizerOperations: Partial<Operations> = {
  async CreateAuthorizer({ authorizerName, authorizerFunctionArn, ...input }, call) {
    const content: AuthorizerSettings = {
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
      const revised: AuthorizerSettings = {
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
    const fits = (content: AuthorizerSettings): boolean => status === undefined || content.status === status
    const page = await authorizers.list(pageRequest(input), call, fits)
    return { authorizers: page.rows.map(({ name }) => namesOf(name, call)), nextMarker: nextToken(page) }
  },

  async TestInvokeAuthorizer({ authorizerName, token, tokenSignature, ...contexts }, call) {
    if (call.authorizers === undefined) {
      throw new AwsException('NotImplementedException', 'No authorizer is asked here.')
    }
    const given = {
      ...credentialsOf(contexts, call),
      ...(token && { token }),
      ...(tokenSignature && { tokenSignature }),
    }
    const verdict = await call.authorizers.test(call.registry.scope, authorizerName, given)
    if (verdict === undefined) throw notFound(`Authorizer does not exist (name=${authorizerName})`)
    if (verdict.ok) return answerOf(verdict.grant)
    if (verdict.code === 'AUTHORIZER_REFUSED') return { isAuthenticated: false }
    if (verdict.code === 'AUTHORIZER_FAILED') throw new AwsException('InvalidResponseException', verdict.why)
    throw invalidRequest(verdict.why)
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
function requireSigning({ signingDisabled, tokenKeyName, tokenSigningPublicKeys }: AuthorizerSettings): void {
  const keys = Object.entries(tokenSigningPublicKeys ?? {})
  if (!signingDisabled && (tokenKeyName === undefined || keys.length === 0)) {
    throw invalidRequest('tokenKeyName and tokenSigningPublicKeys are required unless signingDisabled is true.')
  }
  for (const [name, pem] of keys) {
    const bits = rsaBitsOf(pem)
    if (bits === undefined) throw invalidRequest(`The token signing public key ${name} is not a public key in PEM.`)
    if (bits < TOKEN_KEY_BITS_MIN) {
      throw invalidRequest(`The token signing public key ${name} is not RSA of ${TOKEN_KEY_BITS_MIN} bits or more.`)
    }
  }
}

/** Gives the length of an RSA key, 0 for a key of another kind, nothing for a text that is no key. */
function rsaBitsOf(pem: string): number | undefined {
  try {
    const key = createPublicKey(pem)
    return key.asymmetricKeyType === 'rsa' ? (key.asymmetricKeyDetails?.modulusLength ?? 0) : 0
  } catch {
    return undefined
  }
}

/** AWS IoT Core developer guide, creating and managing custom authorizers. */
const TOKEN_KEY_BITS_MIN = 2048

function describe(
  { name, content, createdAt, modifiedAt }: StoredRecord<AuthorizerSettings>,
  call: Call,
): DescribedAuthorizer {
  return {
    ...namesOf(name, call),
    ...content,
    creationDate: dateOf(createdAt),
    lastModifiedDate: dateOf(modifiedAt),
  }
}

/** What is tried as if a client had said it. */
function credentialsOf(
  { httpContext, mqttContext, tlsContext }: Omit<Input<'TestInvokeAuthorizer'>, 'authorizerName'>,
  { entropy }: Call,
): AuthorizerCredentials {
  const { serverName } = tlsContext ?? {}
  const { username, password, clientId = '' } = mqttContext ?? {}
  const { headers = {}, queryString = '' } = httpContext ?? {}
  const names = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return {
    connectionId: newUuid(entropy),
    ...(serverName !== undefined && { serverName }),
    ...(httpContext && { http: { headers: Object.fromEntries(names), queryString } }),
    ...(mqttContext && {
      mqtt: {
        clientId,
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password: Buffer.from(password).toString('base64') }),
      },
    }),
  }
}

function answerOf(grant: AuthorizerGrant): Awaited<ReturnType<Operations['TestInvokeAuthorizer']>> {
  return {
    isAuthenticated: true,
    principalId: grant.principalId,
    policyDocuments: [...grant.policies],
    refreshAfterInSeconds: grant.refreshAfter,
    disconnectAfterInSeconds: grant.disconnectAfter,
  }
}

interface AuthorizerNames {
  authorizerName: string
  authorizerArn: string
}
type DescribedAuthorizer = AuthorizerNames & AuthorizerSettings & { creationDate: Date; lastModifiedDate: Date }

function namesOf(name: string, call: Call): AuthorizerNames {
  return { authorizerName: name, authorizerArn: arnOfAuthorizer(name, call) }
}

function arnOfAuthorizer(name: string, { registry }: Call): string {
  return arnOf(registry.scope, 'authorizer', name)
}
