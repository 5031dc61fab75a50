/** One attribute of a subject name, as `Certificate.subject` of the x509 room gives it. */
export interface SubjectAttribute {
  /** A short name such as `CN`, or a dotted OID. */
  readonly type: string
  readonly value: string
}

/** The parameter that holds the certificate's id; it needs no declaration. */
export const CERTIFICATE_ID_PARAMETER = 'AWS::IoT::Certificate::Id'

/**
 * The parameters that take their value from the subject of a device's certificate (AWS IoT Core developer guide,
 * Just-in-time provisioning), and the attribute of each. `SerialNumber` is the attribute of the subject, not the
 * certificate's own serial number.
 */
export const SUBJECT_PARAMETERS: ReadonlyMap<string, { readonly name: string; readonly oid: string }> = new Map([
  ['AWS::IoT::Certificate::Country', { name: 'C', oid: '2.5.4.6' }],
  ['AWS::IoT::Certificate::Organization', { name: 'O', oid: '2.5.4.10' }],
  ['AWS::IoT::Certificate::OrganizationalUnit', { name: 'OU', oid: '2.5.4.11' }],
  ['AWS::IoT::Certificate::DistinguishedNameQualifier', { name: 'dnQualifier', oid: '2.5.4.46' }],
  ['AWS::IoT::Certificate::StateName', { name: 'ST', oid: '2.5.4.8' }],
  ['AWS::IoT::Certificate::CommonName', { name: 'CN', oid: '2.5.4.3' }],
  ['AWS::IoT::Certificate::SerialNumber', { name: 'serialNumber', oid: '2.5.4.5' }],
])

/** Gives the value of a subject's first attribute of a kind; `undefined` when there is none, or an empty one. */
export function subjectValue(
  subject: readonly SubjectAttribute[],
  attribute: { readonly name: string; readonly oid: string },
): string | undefined {
  const found = subject.find(({ type }) => type === attribute.name || type === attribute.oid)
  return found === undefined || found.value === '' ? undefined : found.value
}
