import { instant } from '@birthmark/foundation/kernel'
import type { AccessKeyRecord } from '../access-records.ts'
import { certificateId } from '../certificate-id.ts'
import type {
  CaCertificateRecord,
  CertificateId,
  CertificateRecord,
  PolicyRecord,
  Scope,
  TemplateRecord,
  ThingRecord,
} from '../records.ts'

/** The scope of the suites. */
export const SCOPE: Scope = { account: '111122223333', region: 'eu-central-1' }

/** Gives the id whose last digits are `n`. */
export function idNumber(n: number): CertificateId {
  const id = certificateId(n.toString(16).padStart(64, '0'))
  if (id === undefined) throw new TypeError(`not the number of an id: ${n}`)
  return id
}

/** Makes a certificate, INACTIVE unless told otherwise. */
export function certificateRecord(n: number, members: Partial<CertificateRecord> = {}): CertificateRecord {
  return {
    id: idNumber(n),
    pem: `-----BEGIN CERTIFICATE-----\n${n}\n-----END CERTIFICATE-----\n`,
    status: 'INACTIVE',
    mode: 'DEFAULT',
    caId: undefined,
    notBefore: instant(1_700_000_000_000),
    notAfter: instant(253_402_300_799_000),
    createdAt: instant(1_767_225_600_000 + n),
    modifiedAt: instant(1_767_225_600_000 + n),
    customerVersion: 1,
    generationId: `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`,
    ...members,
  }
}

/** Makes a CA, INACTIVE unless told otherwise; its subject is its own. */
export function caRecord(n: number, members: Partial<CaCertificateRecord> = {}): CaCertificateRecord {
  const { caId: _, ...certificate } = certificateRecord(n)
  return {
    ...certificate,
    status: 'INACTIVE',
    subjectHash: n.toString(16).padStart(64, 'a'),
    autoRegistration: false,
    registrationConfig: undefined,
    ...members,
  }
}

/** Makes a policy with a document that names it. */
export function policyRecord(name: string, members: Partial<PolicyRecord> = {}): PolicyRecord {
  return {
    name,
    document: `{"Version":"2012-10-17","Statement":[{"Sid":"${name}","Effect":"Deny","Action":"*","Resource":"*"}]}`,
    defaultVersionId: '1',
    createdAt: instant(1_767_225_600_000),
    modifiedAt: instant(1_767_225_600_000),
    generationId: '00000000-0000-4000-8000-00000000abcd',
    ...members,
  }
}

/** Makes a thing without type and attributes. */
export function thingRecord(name: string, members: Partial<ThingRecord> = {}): ThingRecord {
  return {
    name,
    id: '00000000-0000-4000-8000-00000000ef01',
    typeName: undefined,
    attributes: {},
    version: 1,
    createdAt: instant(1_767_225_600_000),
    ...members,
  }
}

/** Makes an enabled JITP template. */
export function templateRecord(name: string, members: Partial<TemplateRecord> = {}): TemplateRecord {
  return {
    name,
    type: 'JITP',
    description: '',
    enabled: true,
    roleArn: 'arn:aws:iam::111122223333:role/provisioning',
    body: '{"Resources":{}}',
    defaultVersionId: 1,
    createdAt: instant(1_767_225_600_000),
    modifiedAt: instant(1_767_225_600_000),
    ...members,
  }
}

/** Makes an access key. */
export function accessKeyRecord(id: string): AccessKeyRecord {
  return {
    id,
    secret: `secret of ${id}`,
    name: 'first',
    createdAt: instant(1_767_225_600_000),
    role: 'custom',
    permissions: '{}',
    session: undefined,
  }
}
