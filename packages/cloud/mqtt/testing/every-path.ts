/** Takes one of `count` ways, 0 to `count` - 1. */
export type Choose = (count: number) => number

/**
 * Runs `run` once for every combination of choices that it can make, and gives how many there were. It must choose in
 * the same way when given the same answers.
 */
export function everyPath(run: (choose: Choose) => void): number {
  // The choices of the current path: which way was taken, out of how many.
  const path: { taken: number; count: number }[] = []
  for (let paths = 1; ; paths += 1) {
    let depth = 0
    run((count) => {
      const step = (path[depth] ??= { taken: 0, count })
      depth += 1
      return step.taken
    })
    // Like an odometer: the last choice that has another way takes it; those behind it begin anew.
    path.length = depth
    while (path.length > 0 && isLastWay(path)) path.pop()
    const step = path.at(-1)
    if (step === undefined) return paths
    step.taken += 1
  }
}

function isLastWay(path: readonly { taken: number; count: number }[]): boolean {
  const step = path.at(-1)
  return step !== undefined && step.taken === step.count - 1
}
