import { AwsException } from './exceptions.ts'
import type { Input, OperationName } from './operation-types.ts'

const LOGS_KEPT = "kept and described; what this server logs is its operator's to say"
const CERTIFICATES_ONLY = 'targets are certificates: Amazon Cognito identities are refused'

/**
 * The members of implemented operations that this endpoint cannot honour, and why. A request that uses one is refused,
 * and `docs/reference/operations.md` lists them.
 */
const UNSUPPORTED_MEMBERS: {
  readonly [Name in OperationName]?: { readonly [Member in keyof Input<Name>]?: string }
} = {}

/** What else an implemented operation does not do; each is refused, or told here because it changes nothing for AWS. */
export const LIMITATIONS: { readonly [Name in OperationName]?: string } = {
  AttachPolicy: 'targets are certificates and thing groups: Amazon Cognito identities are refused',
  AttachPrincipalPolicy: CERTIFICATES_ONLY,
  AttachThingPrincipal: CERTIFICATES_ONLY,
  CreateCertificateProvider: 'asked in fleet provisioning by CSR alone, as with AWS',
  CreateDomainConfiguration:
    'the listeners act on domainName, which is required, status, authorizers and security policy, and show the ' +
    'certificate of the data directory or one of the authority: the ARNs and all other members are kept and described',
  CreateRoleAlias: 'role aliases are kept and described; there is no credentials endpoint',
  CreateThingType:
    'propagating attributes are added over MQTT, not over HTTP; a changed type holds at the next connection',
  DescribeEndpoint: 'of the endpoint types only iot:Data and iot:Data-ATS',
  GetEffectivePolicies: 'no Amazon Cognito identities',
  SetLoggingOptions: LOGS_KEPT,
  SetV2LoggingLevel: LOGS_KEPT,
  SetV2LoggingOptions: LOGS_KEPT,
  TestAuthorization:
    'no Amazon Cognito identities; address, will and session of the connection that is tried are unknown',
  UpdateDomainConfiguration: "the server's own, iot:Data-ATS, cannot be changed",
  GetThingConnectivityData: 'since the start of the server; addresses and keep-alive are not told',
  SearchIndex: 'registry and connectivity are indexed; shadows, Device Defender and locations are not',
}

/**
 * Refuses an input that uses a member of {@link UNSUPPORTED_MEMBERS}; `false` and an empty list ask for nothing.
 *
 * @throws `NotImplementedException` naming the member
 */
export function requireSupported(operation: string, input: Readonly<Record<string, unknown>>): void {
  for (const [member, why] of unsupportedMembers(operation)) {
    const value = Object.hasOwn(input, member) ? input[member] : undefined
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue
    throw new AwsException('NotImplementedException', `${operation} does not implement ${member} yet: ${why}.`)
  }
}

/** Gives the members of one operation that are not honoured, each with the reason. */
export function unsupportedMembers(operation: string): readonly (readonly [member: string, why: string])[] {
  const found = Object.entries(UNSUPPORTED_MEMBERS).find(([name]) => name === operation)
  return Object.entries(found?.[1] ?? {})
}
