import { type Millis, seconds } from '@birthmark/foundation/kernel'

/**
 * Longest request body, in bytes. The largest input of the models is RegisterCACertificate: two certificates of 65 536
 * characters and a template of 10 240, more when JSON escapes them. At the limit: RequestEntityTooLargeException (413),
 * and the connection ends without reading the rest.
 */
export const REQUEST_BYTES_MAX = 262_144

/**
 * Longest body of a request to the data plane at a device endpoint, in bytes: a message of 128 KiB and nothing else. At
 * the limit: RequestEntityTooLargeException (413), and the connection ends without reading the rest.
 */
export const DATA_REQUEST_BYTES_MAX = 131_072

/** Retained messages that one answer lists, at most (AWS IoT API, ListRetainedMessages: 200). */
export const RETAINED_ROWS_MAX = 200

/**
 * Deepest nesting of structures, lists and maps in a body; no input of the models is deeper than 12. At the limit:
 * SerializationException.
 */
export const SHAPE_DEPTH_MAX = 32

/**
 * Furthest that a request's date may be from this clock, either way: what AWS allows (AWS IAM user guide,
 * troubleshooting of signed requests). Beyond it: InvalidSignatureException.
 */
export const CLOCK_SKEW_MAX: Millis = seconds(15 * 60)

/**
 * Longest life of a presigned URL, in seconds: 7 days, as AWS has it (AWS IAM user guide, query parameters of SigV4).
 * Beyond it: InvalidSignatureException.
 */
export const PRESIGNED_SECONDS_MAX = 604_800

/** Longest part of a refused value that a message repeats, in characters; the rest is cut off. */
export const QUOTED_CHARACTERS_MAX = 128

/** Rows of a list when the request does not say how many: what AWS documents for `pageSize`. */
export const PAGE_ROWS_DEFAULT = 25

/** Most attempts that one answer lists; a larger `limit` is refused with InvalidRequestException. */
export const ATTEMPTS_LISTED_MAX = 1000

/** Attempts that an answer lists when `limit` is absent. */
export const ATTEMPTS_LISTED_DEFAULT = 100

/**
 * Attributes of a thing that has no thing type (AWS IoT quotas: 3). At the limit: InvalidRequestException.
 */
export const ATTRIBUTES_WITHOUT_TYPE_MAX = 3

/** Attributes of a thing that has a thing type (AWS IoT quotas: 50). At the limit: InvalidRequestException. */
export const ATTRIBUTES_WITH_TYPE_MAX = 50

/** Role aliases of an account (AWS IoT quotas: 100). At the limit: LimitExceededException. */
export const ROLE_ALIASES_MAX = 100

/** Domain configurations of an account (AWS IoT quotas: 10). At the limit: LimitExceededException. */
export const DOMAIN_CONFIGURATIONS_MAX = 10

/** Authorizers of an account (AWS IoT quotas: 100). At the limit: LimitExceededException. */
export const AUTHORIZERS_MAX = 100

/** Certificate providers of an account and region (AWS IoT guide, self-managed signing: 1): LimitExceededException. */
export const CERTIFICATE_PROVIDERS_MAX = 1

/** The only version of what a pre-provisioning hook is told (AWS IoT API, ProvisioningHook). */
export const HOOK_PAYLOAD_VERSION = '2020-04-01'
