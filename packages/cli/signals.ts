import { faults, type Raise } from '@birthmark/foundation/kernel'

export const SIGNAL_FAULTS = {
  INTERRUPTED: {
    blame: 'caller',
    message: 'stopped by {signal} before it was done',
    remedy: 'Nothing of it runs any more; run the command again to start anew.',
  },
} as const
const signalFault: Raise<typeof SIGNAL_FAULTS> = faults(SIGNAL_FAULTS)

/** The request to stop, which may come at any moment from now on. */
export interface StopRequest {
  /** Resolves when it has come. */
  readonly told: Promise<void>
  /** Whether it has come. */
  readonly isTold: boolean
}

/**
 * Listens from now on for what tells this process to stop: SIGTERM, SIGINT, SIGHUP, or the end of its standard input.
 *
 * @param inputEnds Stop too when standard input ends, as it does when the parent process is gone, however it went.
 */
export function listenForStop({ inputEnds }: { readonly inputEnds: boolean }): StopRequest {
  const { promise: told, resolve } = Promise.withResolvers<void>()
  let isTold = false
  const tell = (): void => {
    isTold = true
    // An input that is still open would keep the process alive after everything else has ended.
    if (inputEnds) process.stdin.destroy()
    resolve()
  }
  for (const signal of STOP_SIGNALS) process.on(signal, tell)
  if (inputEnds) {
    process.stdin.on('end', tell)
    process.stdin.on('error', tell)
    process.stdin.resume()
  }
  return {
    told,
    get isTold() {
      return isTold
    },
  }
}

/**
 * Runs work that a signal interrupts. What the work has open is for the caller to close: the work itself is left where
 * it is.
 *
 * @param work Gets a function that it calls when it has done what it was for: signals then no longer interrupt it.
 * @throws `INTERRUPTED`, and whatever the work throws
 */
export async function interruptible(work: (done: () => void) => Promise<void>): Promise<void> {
  const { promise: interruption, reject } = Promise.withResolvers<void>()
  let isDone = false
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (!isDone) reject(signalFault('INTERRUPTED', { signal }))
    })
  }
  const working = work(() => {
    isDone = true
  })
  await Promise.race([working, interruption])
}

/** SIGHUP is the terminal that was closed. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
