import type {
  AuthorizerCredentials,
  AuthorizerPort,
  AuthorizerRefusal,
  AuthorizerVerdict,
} from '@birthmark/cloud/front'
import type { Invocation } from '@birthmark/cloud/functions'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { type Log, type Millis, messageOf, millis } from '@birthmark/foundation/kernel'
import { parseAnswer } from './answer.ts'
import { AUTHORIZER_NAME, AUTHORIZER_SIGNATURE, lookupIn } from './credentials.ts'
import { type AuthorizerSettings, defaultAuthorizer, findAuthorizer, hasActiveAuthorizer } from './stored.ts'
import { isTokenSigned } from './token-signature.ts'

/** What authorizers work with. */
export interface AuthorizersOptions {
  readonly registry: Registry
  /** Runs a function. @param blank Takes secrets out of what is told of a failure. */
  readonly invoke: (
    scope: Scope,
    arn: string,
    event: unknown,
    limit: Millis,
    blank: (text: string) => string,
  ) => Promise<Invocation>
  readonly log: Log
}

/** What an operator tries an authorizer with. */
export interface TestedCredentials extends AuthorizerCredentials {
  readonly token?: string
  /** Base64. */
  readonly tokenSignature?: string
}

/** The custom authorizers of every account and region, asked for each client anew. */
export class Authorizers implements AuthorizerPort {
  readonly #options: AuthorizersOptions

  constructor(options: AuthorizersOptions) {
    this.#options = options
  }

  isThere(scope: Scope): Promise<boolean> {
    return hasActiveAuthorizer(this.#options.registry.in(scope))
  }

  async authorize(scope: Scope, credentials: AuthorizerCredentials): Promise<AuthorizerVerdict> {
    try {
      return await this.#authorize(scope, credentials)
    } catch (error) {
      this.#options.log.write('error', 'authorizer.failed', { why: messageOf(error) })
      return refusal('AUTHORIZER_FAILED', 'the server failed when it asked the authorizer')
    }
  }

  /** Asks an authorizer by its name, whatever its status; `undefined` when there is none. */
  async test(scope: Scope, name: string, given: TestedCredentials): Promise<AuthorizerVerdict | undefined> {
    const settings = await findAuthorizer(this.#options.registry.in(scope), name)
    if (settings === undefined) return undefined
    const lookup = lookupIn(given)
    const { tokenKeyName } = settings
    const token = given.token ?? (tokenKeyName === undefined ? undefined : lookup(tokenKeyName))
    const signature = given.tokenSignature ?? lookup(AUTHORIZER_SIGNATURE)
    return this.#ask(scope, { name, settings, token, signature }, given)
  }

  async #authorize(scope: Scope, credentials: AuthorizerCredentials): Promise<AuthorizerVerdict> {
    const registry = this.#options.registry.in(scope)
    const lookup = lookupIn(credentials)
    const standard = await defaultAuthorizer(registry, credentials.serverName)
    const name = (standard.mayOverride ? lookup(AUTHORIZER_NAME) : undefined) ?? standard.name
    if (name === undefined) return refusal('AUTHORIZER_UNKNOWN', NONE_NAMED)
    const settings = await findAuthorizer(registry, name)
    if (settings === undefined) return refusal('AUTHORIZER_UNKNOWN', `there is no authorizer ${name.slice(0, 128)}`)
    if (settings.status !== 'ACTIVE') return refusal('AUTHORIZER_INACTIVE', `the authorizer ${name} is INACTIVE`)
    const token = settings.tokenKeyName === undefined ? undefined : lookup(settings.tokenKeyName)
    return this.#ask(scope, { name, settings, token, signature: lookup(AUTHORIZER_SIGNATURE) }, credentials)
  }

  async #ask(scope: Scope, asked: Asked, credentials: AuthorizerCredentials): Promise<AuthorizerVerdict> {
    const { name, settings, token, signature } = asked
    const wrong = settings.signingDisabled ? undefined : whyUnsigned(asked)
    if (wrong !== undefined) return refusal('AUTHORIZER_SIGNATURE_REFUSED', `authorizer ${name}: ${wrong}`)
    const isSigned = !settings.signingDisabled
    const password = credentials.mqtt?.password
    const secrets = [token, signature, password, password && Buffer.from(password, 'base64').toString('utf8')]
    const blank = (text: string): string => blanked(text, secrets)
    const event = eventOf(credentials, token, isSigned)
    const arn = settings.authorizerFunctionArn
    const result = await this.#options.invoke(scope, arn, event, FUNCTION_LIMIT, blank)
    const failed = (why: string): AuthorizerVerdict => refusal('AUTHORIZER_FAILED', `authorizer ${name}: ${blank(why)}`)
    if (result.outcome === 'slow') return failed('its function did not answer in time')
    if (result.outcome === 'failed') return failed(`its function failed: ${result.why}`)
    const answer = parseAnswer(result.answer)
    if (answer.isAuthenticated === undefined) return failed(`its function answered wrongly: ${answer.wrong}`)
    if (!answer.isAuthenticated) return refusal('AUTHORIZER_REFUSED', `authorizer ${name} said isAuthenticated: false`)
    const { isAuthenticated: _, ...granted } = answer
    return {
      ok: true,
      grant: { ...granted, authorizer: name, isSigned, isCachedForHttp: settings.enableCachingForHttp },
    }
  }
}

interface Asked {
  readonly name: string
  readonly settings: AuthorizerSettings
  readonly token: string | undefined
  readonly signature: string | undefined
}

function whyUnsigned({ settings, token, signature }: Asked): string | undefined {
  if (token === undefined) return `the client sends no token as ${settings.tokenKeyName ?? 'its token key'}`
  if (signature === undefined) return `the client sends no ${AUTHORIZER_SIGNATURE}`
  if (isTokenSigned(token, signature, settings.tokenSigningPublicKeys ?? {})) return undefined
  return 'the signature of the token is by none of its tokenSigningPublicKeys (RSA, SHA-256, PKCS#1 v1.5)'
}

/** AWS IoT Core developer guide, defining your Lambda function: what does not concern the client is left out. */
function eventOf(credentials: AuthorizerCredentials, token: string | undefined, signatureVerified: boolean): object {
  const { connectionId, serverName, http, mqtt } = credentials
  const protocolData = {
    ...(serverName !== undefined && { tls: { serverName } }),
    ...(http !== undefined && { http }),
    ...(mqtt !== undefined && { mqtt }),
  }
  return {
    ...(token !== undefined && { token }),
    signatureVerified,
    protocols: ['tls', ...(http === undefined ? [] : ['http']), ...(mqtt === undefined ? [] : ['mqtt'])],
    protocolData,
    connectionMetadata: { id: connectionId },
  }
}

/** A function may repeat in its error what it was given. */
function blanked(text: string, secrets: readonly (string | undefined)[]): string {
  const found = secrets.filter((secret) => secret !== undefined && secret !== '')
  return found.reduce<string>((rest, secret) => rest.replaceAll(secret ?? '', '…'), text)
}

function refusal(code: AuthorizerRefusal, why: string): AuthorizerVerdict {
  return { ok: false, code, why }
}

const NONE_NAMED = 'the client names none, and neither its domain nor the account has a default one'
/** AWS IoT Core developer guide, creating and managing custom authorizers: 5 seconds. */
const FUNCTION_LIMIT: Millis = millis(5000)
