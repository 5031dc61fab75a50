import { type Members, readJsonObject } from '@birthmark/factory/json'
import { PROFILE_NAME } from '@birthmark/factory/order'
import { days, instant, seconds } from '@birthmark/foundation/kernel'
import {
  type CertificateProfile,
  KEY_USAGES,
  type KeyKind,
  NO_EXPIRATION,
  PROFILE_LINTS,
  PURPOSES,
} from '@birthmark/foundation/x509'
import { BUILT_IN, type BuiltInName } from './built-in-profiles.ts'
import { readTemplate, type SubjectTemplate } from './profile-subject.ts'
import { setupFault } from './setup-faults.ts'

/**
 * The statement "this profile file has the right form and breaks no rule for profiles". {@link CheckedProfile.parse}
 * and the profiles built in are its only origins, and an authority issues under nothing else.
 */
export class CheckedProfile {
  readonly profile: CertificateProfile
  /** The type of the hardware, a dotted OID, that devices are named with (RFC 4108 §5), where the profile wants it. */
  readonly hardwareType: string | undefined
  readonly #subject: SubjectTemplate

  private constructor(profile: CertificateProfile, subject: SubjectTemplate, hardwareType?: string) {
    this.profile = profile
    this.#subject = subject
    this.hardwareType = hardwareType
  }

  /**
   * Reads a profile file, strictly: every problem of its form, or every rule that it breaks, is reported at once.
   *
   * @throws `PROFILE_INVALID` (operator)
   */
  static parse(text: string): CheckedProfile {
    const file = readJsonObject(text, readProfile)
    if (!file.ok) throw setupFault('PROFILE_INVALID', { problems: file.problems.join('; ') })
    const { profile, subject, hardwareType } = file.value
    const broken = PROFILE_LINTS.filter(({ holds }) => !holds(profile))
    if (broken.length === 0) return new CheckedProfile(profile, subject, hardwareType)
    const problems = broken.map(({ rule, source, otherwise }) => `${rule}: ${otherwise} (${source})`).join('; ')
    throw setupFault('PROFILE_INVALID', { problems })
  }

  /**
   * Gives one of the profiles built in; with `mlDsa` one that also allows ML-DSA-65 keys, with `anySubject` one that
   * also allows an empty subject.
   */
  static builtIn(
    name: BuiltInName,
    allowed: { readonly mlDsa: boolean; readonly anySubject?: boolean },
  ): CheckedProfile {
    const { mlDsa, anySubject = false } = allowed
    const key = `${name}/${mlDsa}/${anySubject}`
    const known = CheckedProfile.#builtIn.get(key)
    if (known !== undefined) return known
    const profile: CertificateProfile = { ...BUILT_IN[name], ...(anySubject && { subject: 'optional' }) }
    // The standard of a profile may name its keys for good.
    const keys: readonly KeyKind[] =
      mlDsa && profile.standard === undefined ? [...profile.keys, 'ml-dsa-65'] : profile.keys
    const made = new CheckedProfile({ ...profile, keys }, 'from-request')
    CheckedProfile.#builtIn.set(key, made)
    return made
  }

  get name(): string {
    return this.profile.name
  }

  /** How the subject is made; as the request has it where the profile does not say. */
  get subject(): SubjectTemplate {
    return this.#subject
  }

  /** One object for each: the templates of certificates are kept by the profile that they are of. */
  static readonly #builtIn = new Map<string, CheckedProfile>()
}

interface ProfileFile {
  readonly profile: CertificateProfile
  readonly subject: SubjectTemplate
  readonly hardwareType: string | undefined
}

function readProfile(members: Members): ProfileFile {
  members.word('format', [PROFILE_FORMAT])
  const name = members.text('name', PROFILE_NAME, '1 to 64 of a-z, 0-9, "-", beginning with a letter')
  if (Object.hasOwn(BUILT_IN, name)) members.refuse('name', 'is that of a profile built in')
  const base = BUILT_IN[members.has('base') ? members.word('base', BASES) : 'device']
  const subject = members.has('subject') ? readTemplate(members, base) : 'from-request'
  const validity = members.has('validity') ? members.object('validity', readValidity) : undefined
  return {
    subject,
    hardwareType: readHardwareType(members, base),
    profile: {
      ...base,
      name,
      ...(subject !== 'from-request' && { subject: subject.length === 0 ? 'optional' : 'required' }),
      ...(validity !== undefined && { validity }),
      ...(members.has('backdatedSeconds') && {
        backdated: seconds(members.integer('backdatedSeconds', 0, BACKDATED_SECONDS_MAX)),
      }),
      ...(members.has('pathLength') && { pathLength: members.integer('pathLength', 0, 255) }),
      ...(members.has('keyUsage') && { keyUsage: members.words('keyUsage', KEY_USAGES) }),
      ...(members.has('extendedKeyUsage') && { extendedKeyUsage: purposes(members) }),
      ...(members.has('policies') && { policies: members.texts('policies', OID, OID_FORM, { least: 0 }) }),
      ...(members.has('subjectAlternativeNames') && {
        subjectAlternativeNames: members.word('subjectAlternativeNames', ['required', 'optional', 'forbidden']),
      }),
      ...(members.has('keys') && { keys: members.words('keys', KEY_KINDS) }),
      ...urls(members, 'crlUrls'),
      ...urls(members, 'ocspUrls'),
      ...urls(members, 'issuerUrls'),
      ...(members.has('extensions') && { extensions: members.objects('extensions', readExtension) }),
    },
  }
}

/** Devices alone are hardware; and where alternative names are forbidden, or the request's, this one has no place. */
function readHardwareType(members: Members, { isCa, subjectAlternativeNames }: CertificateProfile): string | undefined {
  if (!members.has('hardwareType')) return undefined
  const names = members.has('subjectAlternativeNames') ? 'named' : subjectAlternativeNames
  if (isCa || names !== 'optional') members.refuse('hardwareType', 'is for devices without other alternative names')
  return members.text('hardwareType', OID, OID_FORM)
}

function readValidity(members: Members): CertificateProfile['validity'] {
  const named = ['days', 'until', 'noExpiration'].filter((name) => members.has(name))
  const [only] = named
  if (named.length !== 1) members.refuse('days', 'must stand alone: name one of days, until and noExpiration')
  if (only === 'until') return { until: instant(members.moment('until')) }
  if (only !== 'noExpiration') return { lasts: days(members.integer('days', 1, DAYS_MAX)) }
  if (!members.flag('noExpiration')) members.refuse('noExpiration', 'must be true, or left out')
  return { until: NO_EXPIRATION }
}

function purposes(members: Members): readonly string[] {
  const names = Object.keys(PURPOSES)
  const pattern = new RegExp(`^(?:${names.join('|')}|${OID.source.slice(1, -1)})$`)
  return members.texts('extendedKeyUsage', pattern, `${names.join(', ')} or a dotted OID`, { least: 0 })
}

function urls(members: Members, name: 'crlUrls' | 'ocspUrls' | 'issuerUrls'): Partial<CertificateProfile> {
  if (!members.has(name)) return {}
  return { [name]: members.texts(name, /^http:\/\/[\x21-\x7e]{1,2000}$/, 'an http: URL', { least: 0 }) }
}

function readExtension(members: Members): NonNullable<CertificateProfile['extensions']>[number] {
  return {
    oid: members.text('oid', OID, OID_FORM),
    critical: members.has('critical') ? members.flag('critical') : false,
    value: members.base64('der', EXTENSION_BYTES_MAX),
  }
}

/** The form of the file; another one is refused. */
const PROFILE_FORMAT = 'birthmark-profile/1'

const OID = /^[0-2](?:\.(?:0|[1-9]\d{0,9})){1,20}$/
const OID_FORM = 'a dotted OID'

/** What a file may begin from; a root signs itself, and needs no file. */
const BASES = [
  'device',
  'idevid',
  'vendor-device',
  'endpoint',
  'verification',
  'issuing-ca',
  'intermediate-ca',
] as const satisfies readonly BuiltInName[]

const KEY_KINDS = ['ec-p256', 'ec-p384', 'ec-p521', 'rsa', 'ml-dsa-65'] as const

/** Longest validity in days: a hundred years. An identity that never ends says `noExpiration`. */
const DAYS_MAX = 36_525

/** Longest time that a certificate may begin before it is made, in seconds: a week, for a device with a lost clock. */
const BACKDATED_SECONDS_MAX = 604_800

/** Longest value of an extension, in bytes: with it a certificate still goes into a chip's certificate object. */
const EXTENSION_BYTES_MAX = 4096
