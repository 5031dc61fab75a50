/** A protocol version, as Node spells it. */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** The versions of this client by their number on the wire, newest first. */
export const VERSIONS: ReadonlyMap<number, TlsVersion> = new Map([
  [0x0304, 'TLSv1.3'],
  [0x0303, 'TLSv1.2'],
])
