import type { AcceptedConnect } from '@birthmark/cloud/mqtt'
import type { PolicyCertificate, PolicyContext, PolicyThing } from '@birthmark/cloud/policy'
import type { Scope } from '@birthmark/cloud/registry'
import type { AlternativeName, Certificate, DistinguishedName } from '@birthmark/foundation/x509'
import type { ClientCertificate } from './client-certificate.ts'

/** Writes the ARN of something that policies speak about, such as `topic/dt/press-7`. */
export function resourceArn(scope: Scope, resource: string): string {
  return `arn:aws:iot:${scope.region}:${scope.account}:${resource}`
}

/** What of a CONNECT the policies can ask about. */
export type ConnectFacts = Pick<AcceptedConnect, 'wishedPersistence'> & {
  readonly clientId: string | undefined
  readonly will: { readonly topic: string } | undefined
}

/** Says what the policy variables of one connection stand for. */
export function policyContext(connection: {
  readonly scope: Scope
  readonly accepted: ConnectFacts
  readonly remoteAddress: string | undefined
  /** Absent for a client that is known by its access key. */
  readonly certificate: ClientCertificate | undefined
  readonly thing: PolicyThing | undefined
}): PolicyContext {
  const { accepted, certificate, scope, thing } = connection
  const { will, wishedPersistence } = accepted
  return {
    clientId: accepted.clientId,
    sourceIp: connection.remoteAddress,
    certificateId: certificate?.id,
    thing,
    // Few policies ask what is in the certificate.
    get certificate() {
      return certificate && policyCertificate(certificate.content)
    },
    connectAttributes: [
      ...(wishedPersistence ? ['PersistentConnect'] : []),
      ...(will === undefined ? [] : ['LastWill']),
    ],
    lastWillTopic: will === undefined ? undefined : resourceArn(scope, `topic/${will.topic}`),
  }
}

/** Gives the names in a certificate by the policy variables' words for them. */
function policyCertificate(certificate: Certificate): PolicyCertificate {
  return {
    subject: attributesOf(certificate.subject),
    issuer: attributesOf(certificate.issuer),
    subjectAlternativeName: alternativesOf(certificate.subjectAlternativeNames),
    issuerAlternativeName: alternativesOf(certificate.issuerAlternativeNames),
    serialNumber: certificate.serialNumber,
  }
}

function attributesOf(name: DistinguishedName): Readonly<Record<string, readonly string[]>> {
  return grouped(name.map(({ type, value }) => [ATTRIBUTE_NAMES.get(type), value]))
}

function alternativesOf(names: readonly AlternativeName[]): Readonly<Record<string, readonly string[]>> {
  return grouped(names.map(({ type, value }) => [ALTERNATIVE_NAMES[type], value]))
}

function grouped(
  pairs: readonly (readonly [string | undefined, string])[],
): Readonly<Record<string, readonly string[]>> {
  const groups: Record<string, string[]> = {}
  for (const [name, value] of pairs) {
    if (name !== undefined) (groups[name] ??= []).push(value)
  }
  return groups
}

/** AWS IoT Core developer guide, X.509 certificate policy variables; keys are the names of the x509 room. */
const ATTRIBUTE_NAMES: ReadonlyMap<string, string> = new Map([
  ['dnQualifier', 'DistinguishedNameQualifier'],
  ['C', 'Country'],
  ['O', 'Organization'],
  ['OU', 'OrganizationalUnit'],
  ['ST', 'State'],
  ['CN', 'CommonName'],
  ['serialNumber', 'SerialNumber'],
  ['title', 'Title'],
  ['SN', 'Surname'],
  ['GN', 'GivenName'],
  ['initials', 'Initials'],
  ['pseudonym', 'Pseudonym'],
  ['generationQualifier', 'GenerationQualifier'],
])

/** AWS has no variable for the name of a hardware module. */
const ALTERNATIVE_NAMES: Readonly<Partial<Record<AlternativeName['type'], string>>> = {
  email: 'RFC822Name',
  dns: 'DNSName',
  directory: 'DirectoryName',
  uri: 'UniformResourceIdentifier',
  ip: 'IPAddress',
}
