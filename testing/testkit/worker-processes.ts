import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Gives the processes of a server's workers, by the server's; Linux only. */
export function workersOf(server: number): number[] {
  const children = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8').split(' ').map(Number)
  return children.filter((pid) => pid > 0 && commandLine(pid).includes('worker.ts')).toSorted((a, b) => a - b)
}

/** Gives the process that has the server's end of a connection over loopback, by the client's port. */
export function processWithPeer(pids: readonly number[], clientPort: number): number | undefined {
  const inode = inodeOfPeer(clientPort)
  return inode === undefined ? undefined : pids.find((pid) => hasSocket(pid, inode))
}

function hasSocket(pid: number, inode: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`
    return readdirSync(folder).some((fd) => linkOf(`${folder}/${fd}`) === `socket:[${inode}]`)
  } catch {
    return false
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** The kernel's list has one line for each socket: number, local address, remote address, state, …, inode. */
function inodeOfPeer(port: number): string | undefined {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => readFileSync(path, 'utf8').split('\n').slice(1))
  const fields = lines.map((line) => line.trim().split(/\s+/))
  return fields.find(([, , remote]) => remote?.endsWith(wanted) === true)?.[9]
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
