import { lstatSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { Fault, messageOf } from '@birthmark/foundation/kernel'
import { authorityFault } from './faults.ts'

/**
 * Listens on a Unix socket that only this user may open. What a process that is gone left there is removed; what
 * still answers, or is no socket, is not.
 *
 * @throws `SOCKET_IN_USE`, `SOCKET_UNUSABLE` (operator)
 */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw authorityFault('SOCKET_UNUSABLE', { path, why: `it is longer than ${SOCKET_PATH_BYTES_MAX} bytes` })
  }
  await removeStale(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(authorityFault('SOCKET_UNUSABLE', { path, why: error.message }, error)))
    // The file comes to be inside `listen`; with this mask it never is open to others, not even for a moment.
    const mask = process.umask(0o177)
    try {
      server.listen(path, resolve)
    } finally {
      process.umask(mask)
    }
  })
}

async function removeStale(path: string): Promise<void> {
  try {
    const there = lstatSync(path, { throwIfNoEntry: false })
    if (there === undefined) return
    if (!there.isSocket())
      throw authorityFault('SOCKET_UNUSABLE', { path, why: 'something that is no socket is there' })
    if (await answers(path)) throw authorityFault('SOCKET_IN_USE', { path })
    rmSync(path, { force: true })
  } catch (error) {
    throw error instanceof Fault ? error : authorityFault('SOCKET_UNUSABLE', { path, why: messageOf(error) }, error)
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}

/** Longest path of a Unix socket, in bytes: Linux takes 107, macOS 103. */
const SOCKET_PATH_BYTES_MAX = 103
