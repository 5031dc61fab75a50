import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CaCertificateRecord,
  type CertificateId,
  type Change,
  certificateId,
  type Registry,
  type Scope,
} from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { type Entropy, encodeUtf8, type Instant, instant, silentLog, toHex } from '@birthmark/foundation/kernel'
import type { FirstConnection, PresentedCertificate } from '../../first-connection.ts'
import type { SubjectAttribute } from '../../subject-parameters.ts'
import { TemplateCache } from '../../template-cache.ts'
import { sha256 } from '../index.ts'

/** Where the tests are. */
export const SCOPE: Scope = { account: '111122223333', region: 'eu-central-1' }
/** When the tests are. */
export const NOW: Instant = instant(1_767_225_600_000)

/** Runs `body` on a registry of its own. */
export async function withRegistry(body: (registry: Registry) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-provisioning-'))
  const registry = await openSqliteRegistry({ folder, clock: { now: () => NOW }, log: silentLog })
  try {
    await body(registry)
  } finally {
    await registry.close()
    await rm(folder, { recursive: true })
  }
}

/** Makes a CA whose devices are provisioned by `templateBody`. */
export function caWith(templateBody: string | undefined, templateName?: string): CaCertificateRecord {
  return {
    id: idOf('ca'),
    pem: 'the CA',
    subjectHash: 'c'.repeat(64),
    status: 'ACTIVE',
    mode: 'SNI_ONLY',
    autoRegistration: true,
    registrationConfig: { templateBody, roleArn: undefined, templateName },
    notBefore: instant(0),
    notAfter: NOW,
    createdAt: NOW,
    modifiedAt: NOW,
    customerVersion: 1,
    generationId: 'g',
  }
}

/** Makes the certificate of a device, in the shape that provisioning reads. */
export function deviceCertificate(
  name: string,
  subject: readonly SubjectAttribute[] = subjectOf(name),
): PresentedCertificate {
  return {
    fingerprint: idOf(name),
    subject,
    notBefore: instant(NOW - 1000),
    notAfter: instant(NOW + 1000),
    toPem: () => `the certificate of ${name}`,
  }
}

/** A subject with common name and serial number. */
export function subjectOf(name: string): readonly SubjectAttribute[] {
  return [
    { type: 'CN', value: name },
    { type: 'serialNumber', value: `SN-${name}` },
  ]
}

/** The first connection of a device with a CA's template. */
export function connectionOf(
  name: string,
  template: string,
  certificate: PresentedCertificate = deviceCertificate(name),
): FirstConnection {
  return {
    ca: caWith(template),
    certificate,
    now: NOW,
    entropy: countingEntropy(),
    templates: new TemplateCache(),
    sha256,
  }
}

/** The policy that templates name. */
export function policyNamed(name: string): Change {
  const policy = { name, document: '{}', defaultVersionId: '1', createdAt: NOW, modifiedAt: NOW, generationId: 'g' }
  return { do: 'create-policy', policy }
}

/** Gives the id of a certificate by any name. */
export function idOf(name: string): CertificateId {
  const id = certificateId(toHex(sha256(encodeUtf8(name))))
  if (id === undefined) throw new TypeError('a SHA-256 is an id')
  return id
}

function countingEntropy(): Entropy {
  let calls = 0
  return {
    bytes: (count) => {
      calls += 1
      return new Uint8Array(count).fill(calls)
    },
  }
}
