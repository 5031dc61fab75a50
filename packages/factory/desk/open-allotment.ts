import { readJsonObject } from '@birthmark/factory/json'
import { ALLOTMENT_FORMAT } from './allotments.ts'
import { openJson } from './envelope.ts'
import { deskFault } from './faults.ts'
import { type Allotment, readAllotment } from './records.ts'

/**
 * Reads an allotment that the desk with this key signed.
 *
 * @param deskKey DER SubjectPublicKeyInfo.
 * @throws `ALLOTMENT_INVALID` (operator)
 */
export function openAllotment(text: string, deskKey: Uint8Array): Allotment {
  const sealed = openJson(text.trimEnd())
  if (sealed === undefined || !sealed.isSignedBy(deskKey)) {
    throw deskFault('ALLOTMENT_INVALID', { why: 'the authority did not sign it, or it was changed' })
  }
  const parsed = readJsonObject(sealed.content, (members) => {
    members.word('format', [ALLOTMENT_FORMAT])
    return readAllotment(members)
  })
  if (parsed.ok) return parsed.value
  throw deskFault('ALLOTMENT_INVALID', { why: parsed.problems.join('; ') })
}
