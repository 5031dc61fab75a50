/** Labels of one measurement, for example `{ outcome: 'refused' }`. Their values come from sets that have an end. */
export type Labels = Readonly<Record<string, string>>

/** Counts, states and spans of a process, and their text for Prometheus. */
export class Metrics {
  readonly #families: Family[] = []

  /** Makes a counter; gives the function that counts. `name` ends in `_total`. */
  counter(name: string, help: string): (labels?: Labels, count?: number) => void {
    const values = new Map<string, number>()
    this.#families.push({ name, help, type: 'counter', lines: () => sampleLines(name, values) })
    return (labels = {}, count = 1) => {
      const key = keyWithin(values, labels)
      values.set(key, (values.get(key) ?? 0) + count)
    }
  }

  /** Adds a gauge: `read` tells its value when the metrics are asked for. */
  gauge(name: string, help: string, read: () => number): void {
    this.#families.push({ name, help, type: 'gauge', lines: () => [`${name} ${read()}`] })
  }

  /** Makes a histogram of seconds; gives the function that adds a span, in seconds. */
  histogram(name: string, help: string): (labels: Labels, seconds: number) => void {
    const values = new Map<string, Span>()
    this.#families.push({ name, help, type: 'histogram', lines: () => spanLines(name, values) })
    return (labels, seconds) => {
      const key = keyWithin(values, labels)
      const span = values.get(key) ?? { counts: BOUNDS_SECONDS.map(() => 0), sum: 0, count: 0 }
      values.set(key, span)
      span.sum += seconds
      span.count += 1
      BOUNDS_SECONDS.forEach((bound, index) => {
        if (seconds <= bound) span.counts[index] = (span.counts[index] ?? 0) + 1
      })
    }
  }

  /** Gives everything in Prometheus's text format, version 0.0.4. */
  text(): string {
    const blocks = this.#families.map(({ name, help, type, lines }) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines()].join('\n'),
    )
    return `${blocks.join('\n')}\n`
  }
}

interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly lines: () => readonly string[]
}

interface Span {
  readonly counts: number[]
  sum: number
  count: number
}

/** Gives the key of a set of labels; beyond {@link LABEL_SETS_MAX} all further sets are one. */
function keyWithin(known: ReadonlyMap<string, unknown>, labels: Labels): string {
  const key = Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')
  return known.has(key) || known.size < LABEL_SETS_MAX ? key : 'other="true"'
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function sampleLines(name: string, values: ReadonlyMap<string, number>): readonly string[] {
  return Array.from(values, ([key, value]) => (key === '' ? `${name} ${value}` : `${name}{${key}} ${value}`))
}

function spanLines(name: string, values: ReadonlyMap<string, Span>): readonly string[] {
  return Array.from(values, ([key, { counts, sum, count }]) => {
    const before = key === '' ? '' : `${key},`
    const labels = key === '' ? '' : `{${key}}`
    return [
      ...counts.map((n, index) => `${name}_bucket{${before}le="${BOUNDS_SECONDS[index]}"} ${n}`),
      `${name}_bucket{${before}le="+Inf"} ${count}`,
      `${name}_sum${labels} ${sum}`,
      `${name}_count${labels} ${count}`,
    ]
  }).flat()
}

/** From a read out of memory to the longest that a client waits. */
const BOUNDS_SECONDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

/** Sets of labels of one metric; there are some 300 operations and 60 causes. At the limit: `{other="true"}`. */
const LABEL_SETS_MAX = 1000
