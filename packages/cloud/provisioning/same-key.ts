import type { CertificateId, CertificateRecord, ScopedRegistry } from '@birthmark/cloud/registry'
import { equalBytes, type Instant } from '@birthmark/foundation/kernel'
import type { PlannedChange } from './plan-model.ts'

/** Reads the public key of a certificate (PEM), as DER. */
export type PublicKeyOf = (pem: string) => Uint8Array

/**
 * Gives those of a thing's other certificates that have the key of a certificate: a key that never leaves its element
 * is the device, whatever certificates it is given over the years.
 *
 * @throws faults of the registry
 */
export async function certificatesOfSameKey(
  registry: ScopedRegistry,
  thingName: string,
  certificate: Pick<CertificateRecord, 'id' | 'pem'>,
  publicKeyOf: PublicKeyOf,
): Promise<readonly CertificateRecord[]> {
  const principals = await registry.principalsOfThing(thingName)
  const ids = principals.map((one) => one.certificateId).filter((id) => id !== certificate.id)
  const others = await Promise.all(ids.map((id) => registry.certificate(id)))
  const key = publicKeyOf(certificate.pem)
  return others.filter((other) => other !== undefined).filter(({ pem }) => equalBytes(publicKeyOf(pem), key))
}

/** Gives the changes by which certificates lose a thing and may connect no more. */
export function retire(
  thingName: string,
  certificates: readonly { readonly id: CertificateId; readonly status: CertificateRecord['status'] }[],
  now: Instant,
): readonly PlannedChange[] {
  return certificates.flatMap(({ id, status }): readonly PlannedChange[] => {
    const detach: PlannedChange = { do: 'detach-thing-principal', thingName, certificateId: id }
    if (status !== 'ACTIVE') return [detach]
    return [detach, { do: 'set-certificate-status', id, from: ['ACTIVE'], to: 'INACTIVE', at: now }]
  })
}
