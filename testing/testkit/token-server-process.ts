import { openTrustXToken, serveTokens } from '@birthmark/chip/cryptoki/adapters'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'

/*
 * A token server in a process of its own that tells, when asked, how much it holds: started with an IPC channel and
 * `--expose-gc` by tests that count its memory. The socket is the first word.
 */

/** What the process answers to any message. */
export interface Holdings {
  readonly connections: number
  /** Sessions on the token, of all programs. */
  readonly sessions: number
  /** Bytes in use after a collection: JavaScript's heap, and the buffers outside it. */
  readonly bytes: number
  /** What it complained of, since the last time. */
  readonly faults: readonly string[]
}

const chip = await TrustX.open(await openVirtualChip())
const token = await openTrustXToken(chip)
const faults: string[] = []
const server = await serveTokens(process.argv[2] ?? '', [token], ({ code }) => faults.push(code))
process.on('message', () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const holdings: Holdings = {
    connections: server.connections,
    sessions: token.sessionsCount,
    bytes: heapUsed + external,
    faults: faults.splice(0),
  }
  process.send?.(holdings)
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
