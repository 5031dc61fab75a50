import type { ScopedRegistry } from '@birthmark/cloud/registry'

/** An authorizer as it is kept, under the kind `authorizer`. */
export interface AuthorizerSettings {
  readonly authorizerFunctionArn: string
  readonly tokenKeyName?: string | undefined
  /** PEM, by name. */
  readonly tokenSigningPublicKeys?: Readonly<Record<string, string>> | undefined
  readonly status: 'ACTIVE' | 'INACTIVE'
  readonly signingDisabled: boolean
  readonly enableCachingForHttp: boolean
}

/** The document of the kind `setting` that names the default authorizer of an account and region. */
export const DEFAULT_AUTHORIZER = 'default-authorizer'

/** Gives an authorizer by its name. */
export async function findAuthorizer(
  { provisioning }: ScopedRegistry,
  name: string,
): Promise<AuthorizerSettings | undefined> {
  const document = await provisioning.document('authorizer', name)
  return document && settingsOf(document.body)
}

/** Tells whether an account and region has an authorizer that is ACTIVE. */
export async function hasActiveAuthorizer({ provisioning }: ScopedRegistry): Promise<boolean> {
  const documents = await provisioning.documents('authorizer')
  return documents.some(({ body }) => settingsOf(body).status === 'ACTIVE')
}

/** What stands for a client that names no authorizer, and whether it may name one. */
export interface DefaultAuthorizer {
  readonly name: string | undefined
  readonly mayOverride: boolean
}

/** Gives the default authorizer of the domain that a client called by, else that of the account and region. */
export async function defaultAuthorizer(
  { provisioning }: ScopedRegistry,
  serverName: string | undefined,
): Promise<DefaultAuthorizer> {
  const domainName = serverName?.toLowerCase()
  const domains = domainName === undefined ? [] : await provisioning.documents('domain-configuration')
  const own = domains.map(({ body }) => contentOf(body)).find((content) => content['domainName'] === domainName)
  const config = own?.['status'] === 'ENABLED' ? membersOf(own['authorizerConfig']) : {}
  const ofDomain = textOf(config['defaultAuthorizerName'])
  if (ofDomain !== undefined) return { name: ofDomain, mayOverride: config['allowAuthorizerOverride'] === true }
  const setting = await provisioning.document('setting', DEFAULT_AUTHORIZER)
  return { name: setting && textOf(contentOf(setting.body)['authorizerName']), mayOverride: true }
}

function settingsOf(body: string): AuthorizerSettings {
  const content = contentOf(body)
  const keys = Object.entries(membersOf(content['tokenSigningPublicKeys']))
  return {
    authorizerFunctionArn: textOf(content['authorizerFunctionArn']) ?? '',
    tokenKeyName: textOf(content['tokenKeyName']),
    tokenSigningPublicKeys: Object.fromEntries(keys.map(([name, pem]) => [name, textOf(pem) ?? ''])),
    status: content['status'] === 'ACTIVE' ? 'ACTIVE' : 'INACTIVE',
    signingDisabled: content['signingDisabled'] === true,
    enableCachingForHttp: content['enableCachingForHttp'] === true,
  }
}

function contentOf(body: string): Readonly<Record<string, unknown>> {
  return membersOf(membersOf(JSON.parse(body))['content'])
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
