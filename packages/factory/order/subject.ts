import { hash } from 'node:crypto'
import type { Members } from '@birthmark/factory/json'
import type { DistinguishedName } from '@birthmark/foundation/x509'
import { orderFault } from './faults.ts'

/**
 * How an order names its devices: patterns of literal text with `{product}`, `{uid}` (the element's own number, hex)
 * and `{uidHash}` (the first 16 hex digits of the SHA-256 of that text). Without any, the subject is empty, as chip
 * vendors do it. A short number is a hash and not the end of the uid, because the last bytes of a chip's uid are its
 * firmware's build number, which thousands share.
 */
export interface SubjectRule {
  readonly commonName?: string
  readonly serialNumber?: string
}

/** A common name that is a valid thing name, and the element's number beside it. */
export const DEFAULT_SUBJECT: SubjectRule = { commonName: '{product}-{uidHash}', serialNumber: '{uid}' }

/**
 * Gives the subject of the device with `uid`.
 *
 * @throws `ORDER_SUBJECT_TOO_LONG`
 */
export function deviceSubject(rule: SubjectRule, product: string, uid: string): DistinguishedName {
  const attributes = [
    { type: 'CN', pattern: rule.commonName },
    { type: 'serialNumber', pattern: rule.serialNumber },
  ]
  return attributes.flatMap(({ type, pattern }) =>
    pattern === undefined ? [] : [{ type, value: fill(type, pattern, product, uid) }],
  )
}

/** Reads the member `subject` of a work order. */
export function readSubjectRule(members: Members): SubjectRule {
  const pattern = (name: string): string => members.text(name, PATTERN, PATTERN_FORM)
  return {
    ...(members.has('commonName') && { commonName: pattern('commonName') }),
    ...(members.has('serialNumber') && { serialNumber: pattern('serialNumber') }),
  }
}

function fill(attribute: string, pattern: string, product: string, uid: string): string {
  const text = pattern
    .replaceAll('{product}', product)
    .replaceAll('{uidHash}', () => hash('sha256', uid).slice(0, 16))
    .replaceAll('{uid}', uid)
  if (text.length <= ATTRIBUTE_CHARACTER_COUNT_MAX) return text
  const most = ATTRIBUTE_CHARACTER_COUNT_MAX
  throw orderFault('ORDER_SUBJECT_TOO_LONG', { attribute, uid, characters: text.length, most })
}

/** Literal text of characters that every string type of a certificate and every thing name has, and placeholders. */
const PATTERN = /^(?=.*\{uid(?:Hash)?\})(?:[a-zA-Z0-9:._-]|\{(?:product|uid|uidHash)\}){1,100}$/
const PATTERN_FORM = 'letters, digits, ":._-", {product}, and at least one of {uid} and {uidHash}'

/** Longest commonName and serialNumber (RFC 5280 Appendix A.1: ub-common-name 64, ub-serial-number 64). */
const ATTRIBUTE_CHARACTER_COUNT_MAX = 64
