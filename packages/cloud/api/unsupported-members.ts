import { AwsException } from './exceptions.ts'
import type { Input, OperationName } from './operation-types.ts'

const CERTIFICATES_ONLY = 'targets are certificates: thing groups and Amazon Cognito identities are refused'

/**
 * The members of implemented operations that this endpoint cannot honour, and why. A request that uses one is refused,
 * and `docs/reference/operations.md` lists them.
 */
const UNSUPPORTED_MEMBERS: {
  readonly [Name in OperationName]?: { readonly [Member in keyof Input<Name>]?: string }
} = {
  CreatePolicy: { tags: 'tags are not kept' },
  CreateProvisioningTemplate: {
    preProvisioningHook: 'there are no Lambda functions here',
    tags: 'tags are not kept',
  },
  CreateThing: { billingGroupName: 'billing groups are not kept' },
  ListThings: { usePrefixAttributeValue: 'attributes are matched whole' },
  RegisterCACertificate: { tags: 'tags are not kept' },
}

/** What else an implemented operation does not do; each is refused, or told here because it changes nothing for AWS. */
export const LIMITATIONS: { readonly [Name in OperationName]?: string } = {
  AttachPolicy: CERTIFICATES_ONLY,
  AttachPrincipalPolicy: CERTIFICATES_ONLY,
  AttachThingPrincipal: CERTIFICATES_ONLY,
  CreateProvisioningTemplate: 'the type must be JITP: there is no provisioning by claim',
  CreateThing: 'thing types are not kept: thingTypeName is a name only and need not exist',
  DescribeEndpoint: 'of the endpoint types only iot:Data and iot:Data-ATS',
  UpdateThing: 'thing types are not kept: thingTypeName is a name only and need not exist',
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
