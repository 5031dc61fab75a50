/**
 * Lays rows out under their headings, in columns as wide as their widest cell.
 *
 * @param columns Headings by the member that each shows, in order.
 */
export function tableLines(
  columns: Readonly<Record<string, string>>,
  rows: readonly Readonly<Record<string, unknown>>[],
): readonly string[] {
  const names = Object.keys(columns)
  const cells = [Object.values(columns), ...rows.map((row) => names.map((name) => cellText(row[name])))]
  const widths = names.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)))
  return cells.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Shows a value in one cell: moments as dates, lists with commas. */
function cellText(value: unknown): string {
  if (value === undefined || value === null) return '-'
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(cellText).join(', ')
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, text]) => `${name}=${cellText(text)}`)
      .join(' ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Gives a moment in milliseconds as a date; anything else stays what it is. */
export function asDate(value: unknown): unknown {
  return typeof value === 'number' ? new Date(value) : value
}
