import type { Server } from 'node:net'
import { type Fault, type Log, messageOf } from '@birthmark/foundation/kernel'
import { serverFault } from './faults.ts'

/** A place to listen on, and the option that a user would change it with. */
export interface ListenAt {
  readonly address: string
  /** 0 takes any free port. */
  readonly port: number
  readonly option: string
}

/**
 * Listens, and gives the port that it got. What fails later on is logged, and ends nothing.
 *
 * @throws `PORT_IN_USE`, `PORT_NOT_PERMITTED`, `ADDRESS_NOT_USABLE`
 */
export function listen(server: Server, at: ListenAt, log: Log): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(listenFault(error, at))
    server.once('error', refuse)
    server.listen({ host: at.address, port: at.port }, () => {
      server.off('error', refuse)
      // From now on it is a connection that could not be accepted, for want of file descriptors for example.
      server.on('error', (error) =>
        log.write('error', 'server.accept-failed', { port: at.port, why: messageOf(error) }),
      )
      const bound = server.address()
      resolve(typeof bound === 'object' && bound !== null ? bound.port : at.port)
    })
  })
}

/** Translates what `listen` failed with into a sentence for the operator. */
export function listenFault(error: unknown, { address, port, option }: ListenAt): Fault {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return serverFault('PORT_IN_USE', { address, port, option }, error)
  if (code === 'EACCES') return serverFault('PORT_NOT_PERMITTED', { address, port, option }, error)
  return serverFault('ADDRESS_NOT_USABLE', { address, port, why: messageOf(error) }, error)
}
