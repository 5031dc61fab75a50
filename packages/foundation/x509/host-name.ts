import { isIP } from 'node:net'
import type { Certificate } from './certificate.ts'
import { x509Fault } from './faults.ts'
import { canonicalIp } from './general-name.ts'

/**
 * Checks that a server certificate is for `host` (RFC 9525 §6). Only the subject alternative names count, never the
 * common name. An IP address must be among them as an address; a DNS name is compared without regard to case, and `*`
 * stands for exactly one left-most label.
 *
 * @param host A DNS name, with or without the final dot, or an IP address; international names in punycode.
 * @throws `HOST_NAME_MISMATCH` (peer)
 */
export function checkHostName(certificate: Certificate, host: string): void {
  const names = certificate.subjectAlternativeNames
  const address = isIP(host) === 0 ? undefined : canonicalIp(host)
  const found =
    isIP(host) === 0
      ? names.some(({ type, value }) => type === 'dns' && matchesDnsName(value, host))
      : address !== undefined && names.some(({ type, value }) => type === 'ip' && value === address)
  if (!found) throw x509Fault('HOST_NAME_MISMATCH', { host: host.slice(0, HOST_CHARACTERS_MAX) })
}

function matchesDnsName(pattern: string, host: string): boolean {
  const wanted = labelsOf(host)
  const presented = labelsOf(pattern)
  if (presented.length !== wanted.length || wanted.includes('') || wanted.includes('*')) return false
  // RFC 9525 §6.3: a wildcard is the whole left-most label. One that covers a top-level domain is nobody's.
  const isWildcard = presented[0] === '*' && presented.length >= WILDCARD_LABELS_MIN
  return presented.every((label, index) => (isWildcard && index === 0) || label === wanted[index])
}

function labelsOf(name: string): string[] {
  return name.toLowerCase().replace(/\.$/, '').split('.')
}

/** Longest DNS name, in characters (RFC 1035 §2.3.4); more of a host is not repeated in a message. */
const HOST_CHARACTERS_MAX = 253

/** `*.example.com` is the shortest wildcard that is honoured, in labels. */
const WILDCARD_LABELS_MIN = 3
