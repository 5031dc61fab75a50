import { equalBytes } from '@birthmark/foundation/kernel'
import { readCertificateFields } from '../der.ts'
import { CKA, CKR } from '../standard.ts'
import { Refusal } from './refusal.ts'
import type { KeyPlace } from './source.ts'
import type { Template } from './template.ts'
import type { Token } from './token.ts'

/**
 * Chooses the place of a new key pair: the one that label and CKA_ID name, else the first without a key. An element has
 * its own names, so others are refused rather than forgotten.
 *
 * @throws `Refusal` ATTRIBUTE_VALUE_INVALID, TEMPLATE_INCONSISTENT, DEVICE_MEMORY
 */
export function keyPlace(token: Token, template: Template): KeyPlace {
  const { pairs } = token.source
  const { label, id } = template
  const named =
    label === undefined ? undefined : found(pairs.find((place) => isNamed(label, place.key, place.name, 'key')))
  const numbered = id === undefined ? undefined : found(pairs.find((place) => equalBytes(id, Uint8Array.of(place.id))))
  if (named !== undefined && numbered !== undefined && named !== numbered) throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  const free = pairs.find(
    (place) => !token.objects.some(({ kind, slot }) => kind === 'private-key' && slot === place.key),
  )
  const place = named ?? numbered ?? free
  if (place === undefined) throw new Refusal(CKR.DEVICE_MEMORY)
  return place
}

/**
 * Chooses the slot of a certificate: the one that its label names, the one beside the key of its CKA_ID, or the
 * one beside the key that it certifies.
 *
 * @throws `Refusal` ATTRIBUTE_VALUE_INVALID, TEMPLATE_INCONSISTENT
 */
export function certificateSlot(token: Token, template: Template, der: Uint8Array): string {
  const fields = readCertificateFields(der)
  if (fields === undefined) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  const { pairs, anchors } = token.source
  const { label, id } = template
  const numbered = id === undefined ? undefined : found(pairs.find((place) => equalBytes(id, Uint8Array.of(place.id))))
  const named = label === undefined ? undefined : labelledSlot(label, pairs, anchors)
  if (named !== undefined && numbered !== undefined && named !== numbered.certificate) {
    throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  }
  const certified = token.objects.find(({ kind, attributes }) => {
    const own = attributes.get(CKA.PUBLIC_KEY_INFO)
    return kind === 'private-key' && own instanceof Uint8Array && equalBytes(own, fields.publicKeyInfo)
  })
  return found(named ?? numbered?.certificate ?? certified?.place?.certificate)
}

function labelledSlot(label: string, pairs: readonly KeyPlace[], anchors: readonly string[]): string {
  const place = pairs.find(({ certificate, name }) => isNamed(label, certificate, name, 'certificate'))
  return found(
    place?.certificate ?? anchors.find((slot, index) => label === slot || label === `trust anchor ${index + 1}`),
  )
}

function isNamed(label: string, slot: string, name: string, kind: 'key' | 'certificate'): boolean {
  return label === slot || label === `${name} ${kind}`
}

function found<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  return value
}
