import { hash } from 'node:crypto'
import type { Members } from '@birthmark/factory/json'
import type { CertificateProfile, DistinguishedName } from '@birthmark/foundation/x509'
import { setupFault } from './setup-faults.ts'

/**
 * How a profile makes a subject: as the request has it, or attribute by attribute from literal text and placeholders.
 * `{product}`, `{uid}` and `{uidHash}` are those of a work order, `{request.CN}` and the like what the CSR says.
 */
export type SubjectTemplate = 'from-request' | readonly { readonly type: string; readonly value: string }[]

/** What a subject can be made from. */
export interface SubjectValues {
  /** The subject of the CSR. */
  readonly request: DistinguishedName
  /** Of the work order, where there is one. */
  readonly product?: string
  readonly uid?: string
}

/** Reads the member `subject` of a profile file. */
export function readTemplate(members: Members, base: CertificateProfile): SubjectTemplate {
  const template = members.objects('subject', (attribute) => ({
    type: attribute.text('type', ATTRIBUTE_TYPE, 'a short name such as CN, or a dotted OID'),
    value: attribute.text('value', TEMPLATE, 'text, with {product}, {uid}, {uidHash} and {request.TYPE} where wanted'),
  }))
  if (template.length === 0 && base.subject === 'required') {
    members.refuse('subject', 'must name the device, unless the base is one that lets the subject be empty')
  }
  return template
}

/**
 * Makes the subject of one certificate.
 *
 * @throws `PROFILE_VALUE_MISSING` (caller)
 */
export function fillSubject(template: SubjectTemplate, values: SubjectValues, profile: string): DistinguishedName {
  if (template === 'from-request') return values.request
  return template.map(({ type, value }) => ({
    type,
    value: value.replaceAll(PLACEHOLDER, (placeholder, name: string) => {
      const text = valueOf(name, values)
      if (text === undefined) throw setupFault('PROFILE_VALUE_MISSING', { profile, placeholder })
      return text
    }),
  }))
}

function valueOf(name: string, { request, product, uid }: SubjectValues): string | undefined {
  if (name === 'product') return product
  if (name === 'uid') return uid
  if (name === 'uidHash') return uid === undefined ? undefined : hash('sha256', uid).slice(0, 16)
  return request.find(({ type }) => `request.${type}` === name)?.value
}

/** A short name, or a dotted OID; whether the type is known is seen when the name is written. */
const ATTRIBUTE_TYPE = /^(?:[A-Za-z]{1,32}|[0-2](?:\.\d{1,10}){1,20})$/

const PLACEHOLDER = /\{([A-Za-z0-9.]+)\}/g

/** Text without braces, and placeholders. */
const TEMPLATE = /^(?=.{1,256}$)(?:[^{}\p{Cc}]|\{(?:product|uid|uidHash|request\.[A-Za-z0-9.]{1,64})\})+$/u
