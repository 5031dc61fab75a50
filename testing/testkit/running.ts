import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as pauseMs } from 'node:timers/promises'

/** Gives the command lines of the processes that name `text` (a scratch folder for example); Linux only. */
function processesNaming(text: string): string[] {
  const own = String(process.pid)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== own)
    .map(commandLine)
    .filter((line) => line.includes(text))
}

/** Waits until no process names `text` any more; the test's own time limit ends a wait that has no end. */
export async function untilNoProcessNames(text: string): Promise<void> {
  while (processesNaming(text).length > 0) await pauseMs(LOOK_AGAIN_MS)
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/**
 * Gives a free port that stays free while nobody listens on it: below those that the system gives to clients, which
 * would take it, or connect it with itself, between a kill and a restart.
 */
export async function steadyPort(): Promise<number> {
  for (;;) {
    const port = STEADY_FIRST + Math.floor(Math.random() * STEADY_COUNT)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)))
  })
}

const LOOK_AGAIN_MS = 20
/** Linux gives clients the ports from 32,768 (`ip_local_port_range`). */
const STEADY_FIRST = 20_000
const STEADY_COUNT = 10_000
