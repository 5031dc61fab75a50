import { millis } from '@birthmark/foundation/kernel'
import { type AttemptStep, isAttemptStepName } from './attempt.ts'

/**
 * Steps as one text. A record lives as long as its connection and longer, and few are ever looked at: as objects with
 * texts of many pieces its steps take three times the memory.
 */
export function packSteps(steps: readonly AttemptStep[]): string {
  return steps.map(({ after, step, detail }) => `${after} ${step} ${detail.length} ${detail}`).join('')
}

/** Gives the steps that {@link packSteps} packed; several texts may stand one behind the other. */
export function unpackSteps(packed: string): AttemptStep[] {
  const steps: AttemptStep[] = []
  for (let at = 0; at < packed.length; ) {
    const [after, next] = wordAt(packed, at)
    const [step, nextButOne] = wordAt(packed, next)
    const [length, begin] = wordAt(packed, nextButOne)
    at = begin + Number(length)
    if (isAttemptStepName(step)) steps.push({ after: millis(Number(after)), step, detail: packed.slice(begin, at) })
  }
  return steps
}

/** Gives what stands before the next space, and where what follows begins. */
function wordAt(text: string, from: number): readonly [word: string, next: number] {
  const end = text.indexOf(' ', from)
  return [text.slice(from, end), end + 1]
}
