import type { Server } from 'node:net'
import { type Log, messageOf } from '@birthmark/foundation/kernel'
import { frontFault } from './faults.ts'
import type { Address } from './front-options.ts'

/** An address, and whether other processes may listen on it too. */
interface ListenAt extends Address {
  readonly reusePort?: boolean | undefined
}

/**
 * Listens, and gives the address that it got.
 *
 * @throws `LISTEN_FAILED` (operator)
 */
export function listen(server: Server, listener: string, at: ListenAt, log: Log): Promise<Address> {
  const { host, port, reusePort = false } = at
  return new Promise((resolve, reject) => {
    let isListening = false
    server.on('error', (error) => {
      // Later on it is a connection that could not be accepted, for want of file descriptors for example.
      if (isListening) return log.write('error', 'front.accept-failed', { listener, why: messageOf(error) })
      reject(frontFault('LISTEN_FAILED', { listener, host, port, why: messageOf(error) }, error))
    })
    server.listen({ host, port, reusePort, backlog: BACKLOG }, () => {
      isListening = true
      const bound = server.address()
      resolve({ host, port: typeof bound === 'object' && bound !== null ? bound.port : port })
    })
  })
}

/**
 * Connections that the system accepts for us before we come to them, where it allows as many (net.core.somaxconn). At
 * the limit: the client's system tries again after a second.
 */
const BACKLOG = 4096
