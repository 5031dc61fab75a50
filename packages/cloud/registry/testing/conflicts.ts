import { instant } from '@birthmark/foundation/kernel'
import { ACCESS_KEYS_MAX } from '../access-changes.ts'
import { CA_SAME_SUBJECT_MAX, type Change, POLICIES_PER_TARGET_MAX, POLICY_VERSIONS_MAX } from '../changes.ts'
import { catalogConflicts } from './catalog-suite.ts'
import type { ConflictCase } from './conflict-case.ts'
import { identityConflicts } from './identity-suite.ts'
import { provisioningConflicts } from './provisioning-suite.ts'
import {
  accessKeyRecord,
  caRecord,
  certificateRecord,
  idNumber,
  policyRecord,
  templateRecord,
  thingRecord,
} from './records.ts'

/** Every conflict that the port declares, once. */
export function conflictCases(): readonly ConflictCase[] {
  return [
    ...thingConflicts(),
    ...certificateConflicts(),
    ...policyConflicts(),
    ...attachmentConflicts(),
    ...otherConflicts(),
    ...identityConflicts(),
    ...provisioningConflicts(),
    ...catalogConflicts(),
  ]
}

function thingConflicts(): readonly ConflictCase[] {
  const update = { do: 'update-thing', name: 't', attributes: {}, typeName: undefined } as const
  return [
    { why: 'same name', given: [thing('t')], change: thing('t'), reason: 'exists' },
    { why: 'no such thing', given: [], change: update, reason: 'absent' },
    { why: 'another version', given: [thing('t')], change: { ...update, expectedVersion: 2 }, reason: 'version' },
    {
      why: 'another version',
      given: [thing('t')],
      change: { do: 'delete-thing', name: 't', expectedVersion: 7 },
      reason: 'version',
    },
    {
      why: 'a certificate is attached',
      given: [thing('t'), certificate(1), principal('t', 1)],
      change: { do: 'delete-thing', name: 't' },
      reason: 'attached',
    },
  ]
}

function certificateConflicts(): readonly ConflictCase[] {
  const activate = {
    do: 'set-certificate-status',
    id: idNumber(1),
    from: ['PENDING_ACTIVATION'],
    to: 'ACTIVE',
    at: NOW,
  } as const
  const remove = { do: 'delete-certificate', id: idNumber(1), force: false } as const
  const active = certificate(1, 'ACTIVE')
  return [
    { why: 'same id', given: [certificate(1)], change: certificate(1), reason: 'exists' },
    { why: 'no such certificate', given: [], change: activate, reason: 'absent' },
    { why: 'another status', given: [certificate(1)], change: activate, reason: 'state' },
    { why: 'no such certificate', given: [], change: remove, reason: 'absent' },
    { why: 'active', given: [active], change: remove, reason: 'state' },
    { why: 'active, forced', given: [active], change: { ...remove, force: true }, reason: 'state' },
    {
      why: 'a policy is attached',
      given: [certificate(1), policy('p'), attach('p', 1)],
      change: remove,
      reason: 'attached',
    },
    {
      why: 'attached to a thing, forced',
      given: [certificate(1), thing('t'), principal('t', 1)],
      change: { ...remove, force: true },
      reason: 'attached',
    },
  ]
}

function policyConflicts(): readonly ConflictCase[] {
  const setDefault = { do: 'set-default-policy-version', policyName: 'p', versionId: '2', at: NOW } as const
  const removeVersion = { do: 'delete-policy-version', policyName: 'p', versionId: '2' } as const
  const full = [policy('p'), ...Array.from({ length: POLICY_VERSIONS_MAX - 1 }, () => version('p'))]
  return [
    { why: 'same name', given: [policy('p')], change: policy('p'), reason: 'exists' },
    { why: 'no such policy', given: [], change: version('p'), reason: 'absent' },
    { why: 'every version is taken', given: full, change: version('p'), reason: 'limit' },
    { why: 'no such policy', given: [], change: setDefault, reason: 'absent' },
    { why: 'no such version', given: [policy('p')], change: setDefault, reason: 'absent' },
    { why: 'not a number', given: [policy('p')], change: { ...setDefault, versionId: '01' }, reason: 'absent' },
    { why: 'no such policy', given: [], change: removeVersion, reason: 'absent' },
    { why: 'no such version', given: [policy('p')], change: removeVersion, reason: 'absent' },
    { why: 'the default', given: [policy('p')], change: { ...removeVersion, versionId: '1' }, reason: 'default' },
    { why: 'no such policy', given: [], change: { do: 'delete-policy', name: 'p' }, reason: 'absent' },
    {
      why: 'attached',
      given: [policy('p'), certificate(1), attach('p', 1), version('p')],
      change: { do: 'delete-policy', name: 'p' },
      reason: 'attached',
    },
    {
      why: 'more than the default version',
      given: [policy('p'), version('p')],
      change: { do: 'delete-policy', name: 'p' },
      reason: 'versions',
    },
  ]
}

function attachmentConflicts(): readonly ConflictCase[] {
  const names = Array.from({ length: POLICIES_PER_TARGET_MAX + 1 }, (_, index) => `p${index}`)
  const ten = [certificate(1), ...names.map(policy), ...names.slice(0, -1).map((name) => attach(name, 1))]
  const things = [thing('t'), thing('u'), certificate(1)]
  return [
    { why: 'no such policy', given: [certificate(1)], change: attach('p', 1), reason: 'absent' },
    { why: 'no such certificate', given: [policy('p')], change: attach('p', 1), reason: 'target-absent' },
    { why: 'the eleventh', given: ten, change: attach(`p${POLICIES_PER_TARGET_MAX}`, 1), reason: 'limit' },
    { why: 'no such thing', given: [certificate(1)], change: principal('t', 1), reason: 'absent' },
    { why: 'no such certificate', given: [thing('t')], change: principal('t', 1), reason: 'target-absent' },
    {
      why: 'exclusively attached elsewhere',
      given: [...things, principal('t', 1, true)],
      change: principal('u', 1),
      reason: 'exclusive',
    },
    {
      why: 'attached elsewhere, wanted exclusively',
      given: [...things, principal('t', 1)],
      change: principal('u', 1, true),
      reason: 'exclusive',
    },
    {
      why: 'not attached',
      given: things,
      change: { do: 'detach-thing-principal', thingName: 't', certificateId: idNumber(1) },
      reason: 'absent',
    },
  ]
}

function otherConflicts(): readonly ConflictCase[] {
  const subjectHash = 'c'.repeat(64)
  const same = Array.from({ length: CA_SAME_SUBJECT_MAX }, (_, n) => ca(n, { subjectHash }))
  return [
    { why: 'same id', given: [ca(1)], change: ca(1), reason: 'exists' },
    { why: 'same subject, the eleventh', given: same, change: ca(99, { subjectHash }), reason: 'limit' },
    { why: 'no such CA', given: [], change: { do: 'update-ca', id: idNumber(1), at: NOW }, reason: 'absent' },
    { why: 'no such CA', given: [], change: { do: 'delete-ca', id: idNumber(1) }, reason: 'absent' },
    {
      why: 'active',
      given: [ca(1, { status: 'ACTIVE' })],
      change: { do: 'delete-ca', id: idNumber(1) },
      reason: 'state',
    },
    { why: 'same name', given: [template('j')], change: template('j'), reason: 'exists' },
    { why: 'no such template', given: [], change: { do: 'delete-template', name: 'j' }, reason: 'absent' },
    { why: 'same id', given: [accessKey('AKIA1')], change: accessKey('AKIA1'), reason: 'exists' },
    {
      why: 'as many as may be',
      given: Array.from({ length: ACCESS_KEYS_MAX }, (_, index) => accessKey(`AKIA${index}`)),
      change: accessKey('AKIAMORE'),
      reason: 'limit',
    },
    { why: 'no such key', given: [], change: { do: 'revoke-access-key', id: 'AKIA1' }, reason: 'absent' },
    {
      why: 'there is one',
      given: [{ do: 'set-registration-code', code: 'a' }],
      change: { do: 'set-registration-code', code: 'b' },
      reason: 'exists',
    },
    { why: 'open already', given: [openScope('a1')], change: openScope('a2'), reason: 'exists' },
  ]
}

function openScope(endpointPrefix: string): Change {
  return { do: 'open-scope', endpointPrefix, at: NOW }
}

function thing(name: string): Change {
  return { do: 'create-thing', thing: thingRecord(name) }
}

function certificate(n: number, status: 'ACTIVE' | 'INACTIVE' = 'INACTIVE'): Change {
  return { do: 'register-certificate', certificate: certificateRecord(n, { status }) }
}

function ca(n: number, members: Parameters<typeof caRecord>[1] = {}): Change {
  return { do: 'register-ca', ca: caRecord(n, members) }
}

function policy(name: string): Change {
  return { do: 'create-policy', policy: policyRecord(name) }
}

function version(policyName: string): Change {
  return { do: 'create-policy-version', policyName, document: '{}', setAsDefault: false, at: NOW }
}

function attach(policyName: string, n: number): Change {
  return { do: 'attach-policy', policyName, certificateId: idNumber(n) }
}

function principal(thingName: string, n: number, exclusive = false): Change {
  return { do: 'attach-thing-principal', thingName, certificateId: idNumber(n), exclusive }
}

function template(name: string): Change {
  return { do: 'create-template', template: templateRecord(name) }
}

function accessKey(id: string): Change {
  return { do: 'create-access-key', key: accessKeyRecord(id) }
}

const NOW = instant(1_767_225_700_000)
