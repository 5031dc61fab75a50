import { parsePolicyDocument } from '@birthmark/cloud/policy'
import { isFault, messageOf } from '@birthmark/foundation/kernel'
import { constantText, type DocumentExpression, type Expression, expressionsOf, writeDocument } from './expression.ts'
import { type Declarations, parseDocument, parseExpression } from './parse-expression.ts'
import { OVERRIDES, overrides } from './parse-overrides.ts'
import { parseThing } from './parse-thing.ts'
import type { Place } from './place.ts'
import { placed } from './placed.ts'
import { CERTIFICATE_ID_PARAMETER } from './subject-parameters.ts'
import type {
  CertificateResource,
  CertificateSource,
  PolicyResource,
  ProvisioningTemplate,
  TemplateKind,
  ThingResource,
} from './template.ts'
import { CERTIFICATE_STATUSES, PRINCIPAL_TYPES } from './words.ts'

/** Reads the section `Resources`. */
export function parseResources(
  place: Place,
  kind: TemplateKind,
  declared: Declarations,
): Pick<ProvisioningTemplate, 'thing' | 'certificate' | 'policies'> {
  const things: ThingResource[] = []
  const certificates: CertificateResource[] = []
  const policies: PolicyResource[] = []
  for (const [logicalName, resource] of place.members()) {
    resource.only(['Type', 'Properties', 'OverrideSettings'])
    const type = resource.required('Type').oneOf(RESOURCE_TYPES)
    switch (type) {
      case 'AWS::IoT::Thing':
        things.push(parseThing(resource, logicalName, declared))
        break
      case 'AWS::IoT::Certificate':
        certificates.push(parseCertificate(resource, logicalName, kind, declared))
        break
      case 'AWS::IoT::Policy':
        policies.push(parsePolicy(resource, logicalName, { ...declared, inPolicy: true }))
        break
    }
    if (things.length > 1 || certificates.length > 1) throw resource.fault('TEMPLATE_RESOURCE_REPEATED', { type })
  }
  const certificate = certificates[0]
  if (certificate === undefined) {
    throw place.fault('TEMPLATE_MEMBER_MISSING', { what: 'a resource of type AWS::IoT::Certificate' })
  }
  return { thing: things[0], certificate, policies }
}

function parseCertificate(
  place: Place,
  logicalName: string,
  kind: TemplateKind,
  declared: Declarations,
): CertificateResource {
  const properties = place.required('Properties').only(CERTIFICATE_PROPERTIES)
  const status = placed(properties.member('Status'), declared)
  const principalType = placed(properties.member('ThingPrincipalType'), declared)
  expectWord(properties.member('Status'), status?.value, CERTIFICATE_STATUSES)
  expectWord(properties.member('ThingPrincipalType'), principalType?.value, PRINCIPAL_TYPES)
  return {
    logicalName,
    source: kind === 'REGISTER_THING' ? parseSource(properties, declared) : presentedCertificate(properties, declared),
    status: status ?? { value: { kind: 'text', text: 'ACTIVE' }, path: properties.where },
    principalType,
    override: { status: overrides(place, ['Status']).get('Status')?.oneOf(OVERRIDES) ?? 'DO_NOTHING' },
  }
}

/** In a first connection and in fleet provisioning the certificate is the one at hand, and the template must say so. */
function presentedCertificate(properties: Place, declared: Declarations): CertificateSource {
  const place = properties.required('CertificateId')
  const id = parseExpression(place, declared)
  if (id.kind !== 'ref' || id.parameter !== CERTIFICATE_ID_PARAMETER) {
    throw place.invalid(`{"Ref":"${CERTIFICATE_ID_PARAMETER}"}`)
  }
  for (const name of ['CertificatePem', 'CACertificatePem', 'CertificateSigningRequest']) {
    const other = properties.member(name)
    if (other !== undefined) throw other.fault('TEMPLATE_KEY_UNKNOWN', { known: 'CertificateId' })
  }
  return { by: 'id', id }
}

function parseSource(properties: Place, declared: Declarations): CertificateSource {
  const id = optional(properties.member('CertificateId'), declared)
  const pem = optional(properties.member('CertificatePem'), declared)
  const caPem = optional(properties.member('CACertificatePem'), declared)
  const csr = optional(properties.member('CertificateSigningRequest'), declared)
  const given = [id, pem, csr].filter((source) => source !== undefined)
  if (given.length !== 1 || (caPem !== undefined && pem === undefined)) {
    throw properties.invalid(
      'with exactly one of CertificateId, CertificateSigningRequest, CertificatePem (which may have CACertificatePem)',
    )
  }
  if (id !== undefined) return { by: 'id', id }
  if (csr !== undefined) return { by: 'csr', csr }
  return { by: 'pem', pem: pem ?? { kind: 'text', text: '' }, caPem }
}

function parsePolicy(place: Place, logicalName: string, declared: Declarations): PolicyResource {
  const settings = place.member('OverrideSettings')
  if (settings !== undefined) throw settings.fault('TEMPLATE_KEY_UNKNOWN', { known: 'Type, Properties' })
  const properties = place.required('Properties').only(['PolicyName', 'PolicyDocument'])
  const name = properties.member('PolicyName')
  const document = properties.member('PolicyDocument')
  if ((name === undefined) === (document === undefined)) {
    throw properties.invalid('with exactly one of PolicyName and PolicyDocument')
  }
  const byName = placed(name, declared)
  if (byName !== undefined) return { logicalName, policy: { by: 'name', name: byName } }
  const at = properties.required('PolicyDocument')
  const value = parseDocument(at, declared)
  expectPolicy(at, value)
  return { logicalName, policy: { by: 'document', document: { value, path: at.where } } }
}

/** Judges a document that needs no parameter at once, so that its mistakes are found with the template's. */
function expectPolicy(place: Place, document: DocumentExpression): void {
  if (expressionsOf(document).some((expression) => constantText(expression) === undefined)) return
  try {
    parsePolicyDocument(writeDocument(document, (expression) => constantText(expression) ?? ''))
  } catch (error) {
    if (!isFault(error, 'POLICY_MALFORMED')) throw error
    throw place.fault('TEMPLATE_POLICY_MALFORMED', { why: messageOf(error) })
  }
}

/** Judges a word that needs no parameter at once; letters may be in any case, as in AWS's own examples. */
function expectWord(place: Place | undefined, expression: Expression | undefined, words: readonly string[]): void {
  const text = expression && constantText(expression)
  if (place === undefined || text === undefined || words.includes(text.toUpperCase())) return
  throw place.invalid(words.join(' or '))
}

function optional(place: Place | undefined, declared: Declarations): Expression | undefined {
  return place && parseExpression(place, declared)
}

const RESOURCE_TYPES = ['AWS::IoT::Thing', 'AWS::IoT::Certificate', 'AWS::IoT::Policy'] as const
const CERTIFICATE_PROPERTIES = [
  'CertificateId',
  'CertificatePem',
  'CACertificatePem',
  'CertificateSigningRequest',
  'Status',
  'ThingPrincipalType',
]
