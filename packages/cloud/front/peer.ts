import type { Socket } from 'node:net'

/** The client's end of a connection. */
export interface Peer {
  /** An IPv4 address that came as one mapped into IPv6 is written as IPv4. */
  readonly address: string
  /** Address and port: unique among the open connections of one listener. */
  readonly key: string
}

/** Tells who is at the other end; `undefined` when the connection is gone already. */
export function peerOf({ remoteAddress, remotePort }: Socket): Peer | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined
  return { address: remoteAddress.replace(/^::ffff:(?=\d+\.)/, ''), key: `${remoteAddress} ${remotePort}` }
}
