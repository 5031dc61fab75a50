import { elementSigner, type IdentitySlots, type SecureElement } from '@birthmark/chip'
import { type Certificate, parseCertificate, type Signer } from '@birthmark/foundation/x509'
import { agentFault } from './faults.ts'

/** Who a device is, as its secure element says: what it shows, what it signs with, whom it trusts. */
export interface DeviceIdentity {
  readonly certificate: Certificate
  readonly signer: Signer
  readonly trustAnchor: Certificate
  /** Further roots of the endpoint, when it may show more than one. */
  readonly otherAnchors?: readonly Certificate[]
}

/**
 * Reads a device's identity from its element. The key stays inside; {@link DeviceIdentity.signer} calls the element.
 *
 * @throws `DEVICE_HAS_NO_CERTIFICATE`, `DEVICE_HAS_NO_TRUST_ANCHOR`, the element's own faults
 */
export async function loadIdentity(
  element: SecureElement,
  slots: IdentitySlots = element.defaultSlots,
): Promise<DeviceIdentity> {
  const certificateDer = await element.readCertificate(slots.certificate)
  if (certificateDer === undefined) throw agentFault('DEVICE_HAS_NO_CERTIFICATE', { slot: slots.certificate })
  const anchorDer = await element.readCertificate(slots.trustAnchor)
  if (anchorDer === undefined) throw agentFault('DEVICE_HAS_NO_TRUST_ANCHOR', { slot: slots.trustAnchor })
  const certificate = parseCertificate(certificateDer)
  return {
    certificate,
    signer: elementSigner(element, slots.key, certificate.publicKey),
    trustAnchor: parseCertificate(anchorDer),
  }
}
