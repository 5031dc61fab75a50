/** What GetStatistics tells of a field (AWS IoT API, Statistics). */
export interface Statistics {
  readonly count: number
  readonly average: number
  readonly sum: number
  readonly minimum: number
  readonly maximum: number
  readonly sumOfSquares: number
  readonly variance: number
  readonly stdDeviation: number
}

/**
 * Gives the statistics of numbers; `undefined` when there are none. Variance and deviation are those of a population.
 */
export function statisticsOf(values: readonly number[]): Statistics | undefined {
  const [first] = values
  if (first === undefined) return undefined
  let [sum, sumOfSquares, minimum, maximum] = [0, 0, first, first]
  for (const value of values) {
    sum += value
    sumOfSquares += value * value
    if (value < minimum) minimum = value
    if (value > maximum) maximum = value
  }
  const count = values.length
  const average = sum / count
  const variance = Math.max(0, sumOfSquares / count - average * average)
  return { count, average, sum, minimum, maximum, sumOfSquares, variance, stdDeviation: Math.sqrt(variance) }
}

/** Counts different values. */
export function cardinalityOf(values: readonly string[]): number {
  return new Set(values).size
}

/** Gives the value below which each percentage of the numbers lies: the nearest rank. */
export function percentilesOf(
  values: readonly number[],
  percents: readonly number[],
): readonly { readonly percent: number; readonly value: number }[] {
  const sorted = values.toSorted((left, right) => left - right)
  return percents.flatMap((percent) => {
    const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]
    return value === undefined ? [] : [{ percent, value }]
  })
}

/** Counts the documents of each value, the most frequent first; values of one count in their own order. */
export function bucketsOf(
  values: readonly string[],
  max: number,
): readonly { readonly keyValue: string; readonly count: number }[] {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts]
    .map(([keyValue, count]) => ({ keyValue, count }))
    .toSorted((left, right) => right.count - left.count || (left.keyValue < right.keyValue ? -1 : 1))
    .slice(0, max)
}
