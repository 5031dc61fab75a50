import { Presets, SingleBar } from 'cli-progress'
import type { Output } from '../output.ts'

/** Shows how far a step of known length has come. */
export interface Progress {
  /** Counts one more. */
  advance(): void
  done(): void
}

/** Gives a bar on a terminal, and a plain line for each tenth elsewhere. */
export function progress(output: Output, label: string, total: number): Progress {
  return output.terminal ? bar(label, total) : lines(output, label, total)
}

function bar(label: string, total: number): Progress {
  const shown = new SingleBar(
    { format: `  ${label} {bar} {value}/{total}  {duration_formatted}`, stream: process.stderr, hideCursor: true },
    Presets.shades_classic,
  )
  shown.start(total, 0)
  return { advance: () => shown.increment(), done: () => shown.stop() }
}

function lines(output: Output, label: string, total: number): Progress {
  const step = Math.ceil(total / LINES)
  let count = 0
  return {
    advance: () => {
      count += 1
      if (count % step === 0 || count === total) output.say(`  ${label} ${count}/${total}`)
    },
    done: () => undefined,
  }
}

/** Lines that a step prints where no bar can be drawn. */
const LINES = 10
