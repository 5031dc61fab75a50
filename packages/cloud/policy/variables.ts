import type { PolicyCertificate, PolicyContext, PolicyThing } from './model.ts'

/**
 * Gives the values of a condition key for one connection; `undefined` when it has none. Key names ignore case, as in
 * IAM; the name of a thing's attribute does not.
 */
export function keyValues(context: PolicyContext, key: string): readonly string[] | undefined {
  return FIXED_KEYS.get(key.toLowerCase())?.(context) ?? thingKey(context, key) ?? certificateKey(context, key)?.values
}

/**
 * Gives what `${variable}` is replaced by; `undefined` when it has no single value or one that must not be substituted:
 * a certificate's text with a character that is a wildcard to somebody (`* $ + ? #`) or longer than
 * {@link CERTIFICATE_VALUE_CHARACTERS_MAX}.
 */
export function substitution(context: PolicyContext, variable: string): string | undefined {
  const certificate = certificateKey(context, variable)
  const values = certificate?.values ?? keyValues(context, variable)
  const value = values?.[0]
  if (value === undefined || values?.length !== 1 || LIST_KEYS.has(variable.toLowerCase())) return undefined
  if (certificate === undefined) return value
  const safe = value.length <= CERTIFICATE_VALUE_CHARACTERS_MAX && !/[*$+?#]/.test(value)
  return safe && !certificate.list ? value : undefined
}

/** Tells whether a variable can have a single value on some connection. */
export function canSubstitute(variable: string): boolean {
  return isKnownKey(variable) && !LIST_KEYS.has(variable.toLowerCase()) && !/\.List$/i.test(variable)
}

/** Tells whether a key of AWS IoT or a global key is one that {@link keyValues} can give; other services' keys are. */
export function isKnownKey(key: string): boolean {
  if (!/^(?:iot|aws):/i.test(key)) return true
  if (FIXED_KEYS.has(key.toLowerCase()) || THING_KEY.test(key)) return true
  const [, , alternative, attribute] = CERTIFICATE_KEY.exec(key) ?? []
  if (attribute === undefined) return false
  const names = alternative === undefined ? SUBJECT_ATTRIBUTES : ALTERNATIVE_NAMES
  return names.some((name) => sameName(name, attribute))
}

/** `iot:Thing.` is the older spelling of `iot:Connection.Thing.`; both are in the field. */
function thingKey(context: PolicyContext, key: string): readonly string[] | undefined {
  const [, property, attribute] = THING_KEY.exec(key) ?? []
  if (property === undefined) return undefined
  const { thing } = context
  if (attribute !== undefined) return thing === undefined ? undefined : attributeOf(thing, attribute)
  switch (property.toLowerCase()) {
    case 'thingname':
      return one(thing?.name)
    case 'thingtypename':
      return one(thing?.typeName)
    default:
      return [thing === undefined ? 'false' : 'true']
  }
}

function attributeOf(thing: PolicyThing, name: string): readonly string[] | undefined {
  return Object.hasOwn(thing.attributes, name) ? one(thing.attributes[name]) : undefined
}

/** The bare name and `.0` are the first value, `.1` the second (the guide's own example), `.List` all of them. */
function certificateKey(context: PolicyContext, key: string): { values: readonly string[]; list: boolean } | undefined {
  const [, holder, alternative, attribute, suffix] = CERTIFICATE_KEY.exec(key) ?? []
  if (holder === undefined || attribute === undefined) return undefined
  const { certificate } = context
  if (certificate === undefined) return undefined
  const names = namesOf(certificate, holder, alternative !== undefined)
  const found = Object.entries(names).find(([name]) => sameName(name, attribute))
  const values = (found?.[1] ?? []).slice(0, CERTIFICATE_VALUES_MAX).map(escapeCertificateValue)
  const list = suffix?.toLowerCase() === 'list'
  const chosen = list ? values : values.slice(Number(suffix ?? 0), Number(suffix ?? 0) + 1)
  return chosen.length === 0 ? undefined : { values: chosen, list }
}

type Names = Readonly<Record<string, readonly string[]>>

function namesOf(certificate: PolicyCertificate, holder: string, alternative: boolean): Names {
  const subject = sameName(holder, 'Subject')
  if (alternative) return subject ? certificate.subjectAlternativeName : certificate.issuerAlternativeName
  return subject ? certificate.subject : certificate.issuer
}

/** The variables of a certificate that have a value, by their bare names. */
function availableKeys(certificate: PolicyCertificate): readonly string[] {
  const named = (prefix: string, names: Names): readonly string[] =>
    Object.entries(names).flatMap(([name, values]) =>
      values.length === 0 ? [] : [`iot:Certificate.${prefix}.${name}`],
    )
  return [
    ...named('Subject', certificate.subject),
    ...named('Issuer', certificate.issuer),
    ...named('Subject.AlternativeName', certificate.subjectAlternativeName),
    ...named('Issuer.AlternativeName', certificate.issuerAlternativeName),
    'iot:Certificate.SerialNumber',
  ]
}

/** Policies name these characters of a certificate with a backslash before them, as in `O\=Amazon.com Inc.`. */
function escapeCertificateValue(value: string): string {
  return value.replaceAll(/[,"\\+=<>;]/g, String.raw`\$&`)
}

function one(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [value]
}

function sameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase()
}

const FIXED_KEYS: ReadonlyMap<string, (context: PolicyContext) => readonly string[] | undefined> = new Map([
  ['iot:clientid', (context: PolicyContext) => one(context.clientId)],
  ['aws:sourceip', (context: PolicyContext) => one(context.sourceIp)],
  ['iot:certificateid', (context: PolicyContext) => one(context.certificateId)],
  ['iot:connectattributes', (context: PolicyContext) => context.connectAttributes],
  ['iot:lastwilltopic', (context: PolicyContext) => one(context.lastWillTopic)],
  ['iot:certificate.serialnumber', (context: PolicyContext) => one(context.certificate?.serialNumber)],
  [
    'iot:certificate.availablekeys',
    (context: PolicyContext) => (context.certificate === undefined ? undefined : availableKeys(context.certificate)),
  ],
])

/** Keys that are sets: they can be compared, not substituted. */
const LIST_KEYS: ReadonlySet<string> = new Set(['iot:connectattributes', 'iot:certificate.availablekeys'])

const THING_KEY = /^iot:(?:Connection\.)?Thing\.(ThingName|ThingTypeName|IsAttached|Attributes\[(.+)\])$/i
const CERTIFICATE_KEY = /^iot:Certificate\.(Subject|Issuer)\.(AlternativeName\.)?([a-z0-9]+)(?:\.(List|\d))?$/i

const SUBJECT_ATTRIBUTES = [
  'DistinguishedNameQualifier',
  'Country',
  'Organization',
  'OrganizationalUnit',
  'State',
  'CommonName',
  'SerialNumber',
  'Title',
  'Surname',
  'GivenName',
  'Initials',
  'Pseudonym',
  'GenerationQualifier',
] as const
const ALTERNATIVE_NAMES = ['RFC822Name', 'DNSName', 'DirectoryName', 'UniformResourceIdentifier', 'IPAddress'] as const

/** Values of one certificate attribute that are looked at (AWS IoT developer guide, certificate policy variables). */
export const CERTIFICATE_VALUES_MAX = 5
/** Longest certificate text that is substituted, in characters (same page). At the limit the variable has no value. */
export const CERTIFICATE_VALUE_CHARACTERS_MAX = 1024
