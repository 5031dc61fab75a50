import { equalBytes } from '@birthmark/foundation/kernel'
import { writeSpki } from '../curves.ts'
import { CKR } from '../standard.ts'
import { Refusal } from './refusal.ts'
import type { StoredObject, WantedCertificate, WantedData, WantedNames } from './source.ts'

/** Where one identity is in a chip: the slots of key and certificate, and the CKA_ID that pairs them. */
export interface KeyPlace {
  readonly id: number
  readonly key: string
  readonly certificate: string
  /** Name for people, beside the slots' own. */
  readonly name: string
}

/** Where bytes of the user's own are in a chip. */
export interface DataPlace {
  readonly slot: string
  readonly name: string
  readonly bytesMax: number
}

/** The places of a chip. It cannot keep other names than its own, so those are refused rather than forgotten. */
export interface ChipPlaces {
  /** The first is the one that vendors' programs expect. */
  readonly pairs: readonly KeyPlace[]
  readonly anchors: readonly string[]
  readonly data: readonly DataPlace[]
}

/**
 * Chooses the place of a new key pair: the one that label and CKA_ID name, else the first without a key.
 *
 * @throws `Refusal` ATTRIBUTE_VALUE_INVALID, TEMPLATE_INCONSISTENT, DEVICE_MEMORY
 */
export function keyPlace({ pairs }: ChipPlaces, objects: readonly StoredObject[], names: WantedNames): KeyPlace {
  const { label } = names
  const named =
    label === undefined ? undefined : found(pairs.find((place) => isNamed(label, place.key, place.name, 'key')))
  const numbered = placeOfId(pairs, names)
  if (named !== undefined && numbered !== undefined && named !== numbered) throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  const free = pairs.find((place) => !objects.some(({ kind, slot }) => kind === 'key' && slot === place.key))
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
export function certificateSlot(
  { pairs, anchors }: ChipPlaces,
  objects: readonly StoredObject[],
  wanted: WantedCertificate,
): string {
  const numbered = placeOfId(pairs, wanted)
  const named = wanted.label === undefined ? undefined : labelledSlot(wanted.label, pairs, anchors)
  if (named !== undefined && numbered !== undefined && named !== numbered.certificate) {
    throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  }
  const certified = objects.find((each) => each.kind === 'key' && equalBytes(writeSpki(each), wanted.publicKey))
  const beside = pairs.find((place) => place.key === certified?.slot)
  return found(named ?? numbered?.certificate ?? beside?.certificate)
}

/**
 * Chooses the place of a data object: the one that its label names, else the smallest free one that it fits in.
 *
 * @throws `Refusal` ATTRIBUTE_VALUE_INVALID, TEMPLATE_INCONSISTENT, DEVICE_MEMORY
 */
export function dataPlace({ data }: ChipPlaces, objects: readonly StoredObject[], wanted: WantedData): DataPlace {
  const { label, value, application } = wanted
  if (application !== '') throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  const named = label === undefined ? undefined : found(data.find(({ slot, name }) => label === slot || label === name))
  const free = data.filter(({ slot }) => !objects.some((each) => each.kind === 'data' && each.slot === slot))
  const place = named ?? free.find(({ bytesMax }) => value.length <= bytesMax)
  if (place === undefined || value.length > place.bytesMax) throw new Refusal(CKR.DEVICE_MEMORY)
  return place
}

function placeOfId(pairs: readonly KeyPlace[], { id }: WantedNames): KeyPlace | undefined {
  return id === undefined ? undefined : found(pairs.find((place) => equalBytes(id, Uint8Array.of(place.id))))
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
