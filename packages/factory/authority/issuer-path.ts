import type { Instant } from '@birthmark/foundation/kernel'
import { type Certificate, formatName } from '@birthmark/foundation/x509'

/** An issuing CA and what stands above it, up to a root. */
export interface IssuerPath {
  readonly issuing: Certificate
  /** Between the issuing CA and the root, nearest first. */
  readonly chain: readonly Certificate[]
  /** Self-signed; the issuing CA itself where a root signs. */
  readonly root: Certificate
}

/**
 * Says what is wrong with the path of a CA as RFC 5280 §6.1 judges it, without validity, of which {@link expiredIn}
 * knows: signatures, CA flags, key usages and path lengths. `undefined` when nothing is.
 */
export function brokenPath({ issuing, chain, root }: IssuerPath): string | undefined {
  if (!root.isSignedBy(root)) return 'the root is not self-signed'
  const path = issuing.fingerprint === root.fingerprint ? [root] : [issuing, ...chain, root]
  for (const [at, certificate] of path.entries()) {
    const below = path[at - 1]
    if (below !== undefined && !below.isSignedBy(certificate)) {
      return `${nameOf(below)} is not signed by the key of ${nameOf(certificate)}`
    }
    if (!maySign(certificate)) return `${nameOf(certificate)} is no CA`
    const between = path.slice(0, at).filter(({ issuerHash, subjectHash }) => issuerHash !== subjectHash).length
    if (certificate.pathLength !== undefined && between > certificate.pathLength) {
      return `${between} CAs stand below ${nameOf(certificate)}, whose path length allows ${certificate.pathLength}`
    }
  }
  return undefined
}

/** Says which certificate of a path is not valid now; `undefined` when all are. */
export function expiredIn({ issuing, chain, root }: IssuerPath, now: Instant): string | undefined {
  const expired = [issuing, ...chain, root].find(({ notBefore, notAfter }) => now < notBefore || now > notAfter)
  if (expired === undefined) return undefined
  const [from, until] = [expired.notBefore, expired.notAfter].map((moment) => new Date(moment).toISOString())
  return `${nameOf(expired)} is valid only from ${from} until ${until}`
}

/**
 * Sorts the issuers above a CA, given in any order, into a path. What does not belong to it is left out.
 *
 * @returns `undefined` when no self-signed root is reached.
 */
export function pathAbove(issuing: Certificate, others: readonly Certificate[]): IssuerPath | undefined {
  const chain: Certificate[] = []
  for (let at = issuing; chain.length <= others.length; ) {
    if (at.isSignedBy(at)) return { issuing, chain: chain.slice(0, -1), root: at }
    const above = others.find((candidate) => !chain.includes(candidate) && at.isSignedBy(candidate))
    if (above === undefined) return undefined
    chain.push(above)
    at = above
  }
  return undefined
}

function maySign({ isCa, keyUsage }: Certificate): boolean {
  return isCa && (keyUsage === undefined || keyUsage.includes('keyCertSign'))
}

function nameOf({ subject }: Certificate): string {
  return formatName(subject).slice(0, NAME_CHARACTERS_SHOWN)
}

/** How much of a name goes into a message, in characters. */
const NAME_CHARACTERS_SHOWN = 128
