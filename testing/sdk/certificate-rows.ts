import { type CaCertificateRecord, certificateId } from '@birthmark/cloud/registry'
import { newTestAuthority } from '../testkit/test-authority.ts'
import { ABSENT, answered, INVALID, NOWHERE, ROLE, row, type SdkRow, type SdkWorld, TAKEN } from './row.ts'

/** A CA of the tests, and its certificates. */
const ca = await newTestAuthority('Issuing CA of the rows')
const device = await ca.issueDevice()
const stray = await ca.issueDevice()
const spare = await newTestAuthority('Spare CA')

const held = (world: SdkWorld): string => answered(world, 'CreateCertificateFromCsr', 'certificateId')
const caId = { certificateId: ca.certificate.fingerprint }
const absentId = { certificateId: NOWHERE }
const badId = { certificateId: 'zz' }

/** Certificates of all origins, CAs, transfers. */
export const CERTIFICATE_ROWS: readonly SdkRow[] = [
  row('GetRegistrationCode', {}),
  row(
    'RegisterCACertificate',
    async ({ answers }: SdkWorld) => ({
      caCertificate: ca.certificate.toPem(),
      verificationCertificate: (
        await ca.proof(String(answers.get('GetRegistrationCode')?.['registrationCode']))
      ).toPem(),
      setAsActive: true,
    }),
    [
      'RegistrationCodeValidationException',
      async () => {
        const another = await newTestAuthority('Another')
        const verificationCertificate = (await another.proof('0'.repeat(64))).toPem()
        return { caCertificate: another.certificate.toPem(), verificationCertificate }
      },
    ],
    ['CertificateValidationException', { caCertificate: 'no PEM', verificationCertificate: 'no PEM' }],
    [INVALID, { caCertificate: '' }],
  ),
  row('DescribeCACertificate', caId, [ABSENT, absentId], [INVALID, badId]),
  row('ListCACertificates', {}, [INVALID, { pageSize: 0 }]),
  row(
    'UpdateCACertificate',
    { ...caId, newAutoRegistrationStatus: 'ENABLE' },
    [ABSENT, { ...absentId, newStatus: 'ACTIVE' }],
    [INVALID, { ...caId, newStatus: 'SLEEPING' }],
  ),
  row(
    'RegisterCertificate',
    { certificatePem: device.toPem(), caCertificatePem: ca.certificate.toPem(), status: 'ACTIVE' },
    [TAKEN, { certificatePem: device.toPem(), caCertificatePem: ca.certificate.toPem() }],
    ['CertificateValidationException', { certificatePem: 'no PEM' }],
  ),
  row('ListCertificatesByCA', { caCertificateId: ca.certificate.fingerprint }, [INVALID, { caCertificateId: 'zz' }]),
  row(
    'RegisterCertificateWithoutCA',
    { certificatePem: stray.toPem(), status: 'INACTIVE' },
    [TAKEN, { certificatePem: stray.toPem() }],
    ['CertificateValidationException', { certificatePem: 'no PEM' }],
  ),
  row('CreateKeysAndCertificate', { setAsActive: true }),
  row(
    'CreateCertificateFromCsr',
    async (world: SdkWorld) => ({ certificateSigningRequest: await world.newCsr(), setAsActive: true }),
    [INVALID, { certificateSigningRequest: 'no PEM' }],
    [INVALID, { certificateSigningRequest: '' }],
  ),
  row('DescribeCertificate', (w: SdkWorld) => ({ certificateId: held(w) }), [ABSENT, absentId], [INVALID, badId]),
  row('ListCertificates', { ascendingOrder: true }, [INVALID, { pageSize: 251 }], [INVALID, { marker: 'no token' }]),
  row(
    'UpdateCertificate',
    (world: SdkWorld) => ({ certificateId: held(world), newStatus: 'INACTIVE' }),
    [ABSENT, { ...absentId, newStatus: 'ACTIVE' }],
    [INVALID, (world: SdkWorld) => ({ certificateId: held(world), newStatus: 'PENDING_TRANSFER' })],
  ),
  row(
    'TransferCertificate',
    (world: SdkWorld) => ({ certificateId: held(world), targetAwsAccount: world.otherAccount }),
    [ABSENT, (world: SdkWorld) => ({ ...absentId, targetAwsAccount: world.otherAccount })],
    [INVALID, { ...absentId, targetAwsAccount: 'me' }],
  ),
  row('ListOutgoingCertificates', {}, [INVALID, { pageSize: 0 }]),
  {
    ...row('RejectCertificateTransfer', (w: SdkWorld) => ({ certificateId: held(w), rejectReason: 'no' }), [
      ABSENT,
      absentId,
    ]),
    byOther: true,
  },
  row(
    'TransferCertificate',
    (world: SdkWorld) => ({ certificateId: held(world), targetAwsAccount: world.otherAccount }),
    ['CertificateStateException', (w: SdkWorld) => ({ certificateId: held(w), targetAwsAccount: '999999999999' })],
  ),
  row('CancelCertificateTransfer', (w: SdkWorld) => ({ certificateId: held(w) }), [ABSENT, absentId]),
  row('TransferCertificate', (w: SdkWorld) => ({ certificateId: held(w), targetAwsAccount: w.otherAccount })),
  {
    ...row('AcceptCertificateTransfer', (w: SdkWorld) => ({ certificateId: held(w), setAsActive: true }), [
      ABSENT,
      absentId,
    ]),
    byOther: true,
  },
  row(
    'DeleteCertificate',
    { certificateId: stray.fingerprint },
    [ABSENT, absentId],
    ['CertificateStateException', { certificateId: device.fingerprint }],
  ),
  row(
    'DeleteCACertificate',
    { certificateId: spare.certificate.fingerprint },
    ['CertificateStateException', caId],
    [ABSENT, absentId],
  ),
  row('DeleteRegistrationCode', {}, [ABSENT, {}]),
  row('DescribeEndpoint', { endpointType: 'iot:Data-ATS' }, [INVALID, { endpointType: 'iot:Nothing' }]),
  row(
    'CreateRoleAlias',
    { roleAlias: 'alias', roleArn: ROLE },
    [TAKEN, { roleAlias: 'alias', roleArn: ROLE }],
    [INVALID, { roleAlias: 'a b', roleArn: ROLE }],
    [INVALID, { roleAlias: 'short', roleArn: ROLE, credentialDurationSeconds: 1 }],
  ),
  row('DescribeRoleAlias', { roleAlias: 'alias' }, [ABSENT, { roleAlias: 'none' }]),
  row('ListRoleAliases', {}, [INVALID, { pageSize: 0 }]),
  row('UpdateRoleAlias', { roleAlias: 'alias', credentialDurationSeconds: 900 }, [ABSENT, { roleAlias: 'none' }]),
  row('DeleteRoleAlias', { roleAlias: 'alias' }, [ABSENT, { roleAlias: 'none' }]),
]

/** Gives the record of the CA that the row of DeleteCACertificate deletes: it is not ACTIVE. */
export async function spareCa(): Promise<CaCertificateRecord> {
  const { fingerprint, notAfter, notBefore } = spare.certificate
  const id = certificateId(fingerprint)
  if (id === undefined) throw new TypeError('a fingerprint is an id')
  const moments = { notBefore, notAfter, createdAt: notBefore, modifiedAt: notBefore }
  return {
    id,
    pem: spare.certificate.toPem(),
    subjectHash: '0'.repeat(64),
    status: 'INACTIVE',
    mode: 'SNI_ONLY',
    autoRegistration: false,
    registrationConfig: undefined,
    ...moments,
    customerVersion: 1,
    generationId: '00000000-0000-4000-8000-000000000001',
  }
}
