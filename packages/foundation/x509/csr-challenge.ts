import { encodeUtf8 } from '../kernel/index.ts'
import { constructed, DerError, DerReader, enterDer, TAG } from './der.ts'
import { readAscii, readOid } from './der-values.ts'
import { encodeDer, encodeOid } from './der-writer.ts'

/**
 * Puts the attributes of a request into the order that DER wants of a SET (X.690 §11.6).
 *
 * @param extensions The DER of the extension request; may be empty.
 * @param challenge The text of a challengePassword (RFC 2985 §5.4.1), if there is one.
 */
export function buildAttributes(extensions: Uint8Array, challenge: string | undefined): readonly Uint8Array[] {
  if (challenge === undefined) return [extensions]
  const value = encodeDer(TAG.SET, encodeDer(TAG.UTF8_STRING, encodeUtf8(challenge)))
  const attribute = encodeDer(TAG.SEQUENCE, CHALLENGE_OID, value)
  return [extensions, attribute].sort((left, right) => Buffer.compare(left, right))
}

/**
 * Gives the challenge in a request; `undefined` when there is none, or what is there cannot be read. The signature of
 * the request is not verified here: that is for whoever issues, before it relies on what this says.
 */
export function readCsrChallenge(der: Uint8Array): string | undefined {
  try {
    const info = enterDer(der, TAG.SEQUENCE).enter(TAG.SEQUENCE)
    for (const tag of [TAG.INTEGER, TAG.SEQUENCE, TAG.SEQUENCE]) info.take(tag)
    const attributes = info.takeIf(constructed(0))
    return attributes === undefined ? undefined : findChallenge(new DerReader(attributes.content))
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}

function findChallenge(attributes: DerReader): string | undefined {
  while (!attributes.isAtEnd) {
    const attribute = attributes.enter(TAG.SEQUENCE)
    if (readOid(attribute.content(TAG.OID)) !== CHALLENGE_PASSWORD) continue
    return readAscii(attribute.enter(TAG.SET).content(TAG.UTF8_STRING))
  }
  return undefined
}

/** PKCS#9 (RFC 2985 §5.4.1). */
const CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7'
const CHALLENGE_OID = encodeOid(CHALLENGE_PASSWORD)
