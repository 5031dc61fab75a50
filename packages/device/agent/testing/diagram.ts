/** Draws a table of states as Mermaid does (stateDiagram-v2), in the order of the table. */
export function stateDiagram(table: Readonly<Record<string, Readonly<Partial<Record<string, string>>>>>): string {
  const lines = Object.entries(table).flatMap(([state, row]) =>
    Object.entries(row).map(([event, next = '']) => `  ${state} --> ${next}: ${event}`),
  )
  return ['stateDiagram-v2', ...lines].join('\n')
}
