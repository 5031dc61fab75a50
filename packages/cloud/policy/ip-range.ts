/**
 * Tells whether `address` lies in `range`, an address or a CIDR block (RFC 4632 §3.1, RFC 4291 §2.3), IPv4 or IPv6;
 * an IPv4 address mapped into IPv6 counts as the IPv4 address. `undefined` when either cannot be read.
 */
export function ipInRange(address: string, range: string): boolean | undefined {
  const [base = '', length, ...rest] = range.split('/')
  const want = parseIp(base)
  const have = parseIp(address)
  if (want === undefined || have === undefined || rest.length > 0) return undefined
  const bits = length === undefined ? want.length * 8 : Number(length)
  if ((length !== undefined && !/^\d{1,3}$/.test(length)) || bits > want.length * 8) return undefined
  return want.length === have.length && samePrefix(want, have, bits)
}

/** Reads an address as its 4 or 16 bytes; `undefined` when it is none. */
function parseIp(text: string): readonly number[] | undefined {
  if (!text.includes(':')) return parseIpv4(text)
  const bytes = parseIpv6(text)
  const mapped = bytes !== undefined && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff
  return mapped && bytes[11] === 0xff ? bytes.slice(12) : bytes
}

function parseIpv4(text: string): readonly number[] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return undefined
  return parts.map(Number)
}

function parseIpv6(text: string): readonly number[] | undefined {
  const [head = '', tail, ...rest] = text.split('::')
  if (rest.length > 0) return undefined
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  if (before === undefined || after === undefined) return undefined
  const missing = 16 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined
  return [...before, ...Array.from({ length: missing }, () => 0), ...after]
}

function groups(text: string): readonly number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    const ipv4 = index === parts.length - 1 && part.includes('.') ? parseIpv4(part) : undefined
    if (ipv4 !== undefined) bytes.push(...ipv4)
    else if (/^[0-9a-fA-F]{1,4}$/.test(part))
      bytes.push(Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255)
    else return undefined
  }
  return bytes
}

function samePrefix(left: readonly number[], right: readonly number[], bits: number): boolean {
  const whole = bits >> 3
  for (let index = 0; index < whole; index++) {
    if (left[index] !== right[index]) return false
  }
  const mask = 0xff & ~(0xff >> (bits & 7))
  return mask === 0 || ((left[whole] ?? 0) & mask) === ((right[whole] ?? 0) & mask)
}
