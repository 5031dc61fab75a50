import type { SecureVersion } from 'node:tls'

/**
 * The predefined security policies of AWS IoT Core (developer guide, transport security), by what they mean here: the
 * versions of TLS. The cipher suites are those of {@link ENDPOINT_CIPHERS} always.
 */
const VERSIONS: Readonly<Record<SecurityPolicy, TlsVersions>> = {
  IoTSecurityPolicy_TLS13_1_3_2022_10: { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' },
  IoTSecurityPolicy_TLS13_1_2_2022_10: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' },
  IoTSecurityPolicy_TLS12_1_2_2022_10: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
}

/** Between which versions of TLS a client may choose. */
interface TlsVersions {
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
}

/** The name of a security policy that is served here. */
export type SecurityPolicy =
  | 'IoTSecurityPolicy_TLS13_1_3_2022_10'
  | 'IoTSecurityPolicy_TLS13_1_2_2022_10'
  | 'IoTSecurityPolicy_TLS12_1_2_2022_10'

/** The security policies that are served here. */
export const SECURITY_POLICIES: readonly SecurityPolicy[] = [
  'IoTSecurityPolicy_TLS13_1_3_2022_10',
  'IoTSecurityPolicy_TLS13_1_2_2022_10',
  'IoTSecurityPolicy_TLS12_1_2_2022_10',
]

/** AWS IoT Core's own policies that let clients use TLS 1.0 or 1.1 (RFC 8996 forbids both): never served here. */
export const OLD_SECURITY_POLICIES: readonly string[] = [
  'IoTSecurityPolicy_TLS12_1_0_2016_01',
  'IoTSecurityPolicy_TLS12_1_0_2015_01',
]

/** What an endpoint speaks that is told nothing else: TLS 1.2 and 1.3, the default of AWS IoT Core. */
export const DEFAULT_SECURITY_POLICY: SecurityPolicy = 'IoTSecurityPolicy_TLS13_1_2_2022_10'

/** Tells whether `name` is a security policy that is served here. */
export function isSecurityPolicy(name: string): name is SecurityPolicy {
  return SECURITY_POLICIES.some((policy) => policy === name)
}

/** Gives the versions of TLS that a policy allows. */
export function tlsVersionsOf(policy: SecurityPolicy): TlsVersions {
  return VERSIONS[policy]
}
