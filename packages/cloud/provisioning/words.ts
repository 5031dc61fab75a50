/** Names of things and of their types (AWS IoT API, ThingName, ThingTypeName). */
export const THING_NAME: RegExp = /^[a-zA-Z0-9:_-]{1,128}$/
/** Names of policies (AWS IoT API, PolicyName). */
export const POLICY_NAME: RegExp = /^[\w+=,.@-]{1,128}$/
/** Names of a thing's attributes (AWS IoT API, AttributeName). */
export const ATTRIBUTE_NAME: RegExp = /^[a-zA-Z0-9_.,@/:#-]{1,128}$/
/** Values of a thing's attributes (AWS IoT API, AttributeValue). */
export const ATTRIBUTE_VALUE: RegExp = /^[a-zA-Z0-9_.,@/:#=[\]-]{0,800}$/

/** What a template can make of a certificate's status. */
export const CERTIFICATE_STATUSES = ['ACTIVE', 'INACTIVE'] as const
/** How a template can attach a certificate to a thing. */
export const PRINCIPAL_TYPES = ['NON_EXCLUSIVE_THING', 'EXCLUSIVE_THING'] as const

/**
 * Most attributes of a thing without a type, and of one with (AWS IoT Core quotas). At the limit:
 * `PROVISIONING_ATTRIBUTES_TOO_MANY`.
 */
export const ATTRIBUTES_COUNT_MAX = { untyped: 3, typed: 50 } as const
