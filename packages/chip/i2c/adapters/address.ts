/** Where a virtual chip bus is: path of a Unix socket, or TCP port on loopback. The protocol knows no password. */
export type BusAddress = string | number

/** Gives what `node:net` wants. */
export function netOptions(address: BusAddress): { path: string } | { host: string; port: number } {
  return typeof address === 'string' ? { path: address } : { host: LOOPBACK, port: address }
}

/** Gives an address for messages. */
export function formatAddress(address: BusAddress): string {
  return typeof address === 'string' ? address : `${LOOPBACK}:${address}`
}

/** Gives the system's name of what went wrong with a socket, `ECONNREFUSED` for example. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'the socket failed'
}

const LOOPBACK = '127.0.0.1'
