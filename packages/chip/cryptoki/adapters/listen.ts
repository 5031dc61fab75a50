import { chmodSync, lstatSync, rmSync, statSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname, resolve } from 'node:path'
import { cryptokiFault } from '@birthmark/chip/cryptoki'
import { messageOf } from '@birthmark/foundation/kernel'

/**
 * Lets a server listen on the path of a Unix socket that only this user may open. A socket that a dead process left
 * behind is replaced.
 *
 * Node cannot ask who is at the other end (SO_PEERCRED), so the kernel's check on the socket's file is the one there
 * is: mode 0600 from the first moment on, in a folder where no other user may put another socket in its place.
 *
 * @throws `CRYPTOKI_SOCKET_TAKEN`, `CRYPTOKI_FOLDER_OPEN`
 */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw cryptokiFault('CRYPTOKI_SOCKET_TAKEN', { why: 'its path is too long' })
  assertFolderIsOurs(dirname(resolve(path)))
  try {
    if (await isLeftover(path)) rmSync(path, { force: true })
    await listen(server, path)
  } catch (error) {
    throw cryptokiFault('CRYPTOKI_SOCKET_TAKEN', { why: codeOf(error) }, error)
  }
}

/** A folder with the sticky bit, as /tmp has, lets others add entries but not exchange ours. */
function assertFolderIsOurs(path: string): void {
  const folder = statSync(path, { throwIfNoEntry: false })
  if (folder === undefined) return
  const mayOthersWrite = (folder.mode & 0o022) !== 0 && (folder.mode & 0o1000) === 0
  const isOthers = folder.uid !== 0 && folder.uid !== process.getuid?.()
  if (mayOthersWrite || isOthers) throw cryptokiFault('CRYPTOKI_FOLDER_OPEN', { path })
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Whoever may connect may use the keys: there is no moment at which another user could.
    const mask = process.umask(0o177)
    server.listen(path, () => {
      server.removeListener('error', reject)
      resolve()
    })
    process.umask(mask)
    if (server.listening) chmodSync(path, 0o600)
  })
}

/** Tells a socket that a dead process left behind from one that is served, and from a path where nothing is. */
function isLeftover(path: string): Promise<boolean> {
  // Connecting to a file is refused as well, and a file is nobody's leftover socket.
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return Promise.resolve(false)
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.once('error', (error) => resolve(codeOf(error) === 'ECONNREFUSED'))
  })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : messageOf(error)
}

/** Longest path of a socket, in bytes: clients of p11-kit cut what is longer (sun_path of Linux, less its end). */
const PATH_BYTES_MAX = 107
