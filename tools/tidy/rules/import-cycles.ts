import type { Finding, Rule } from '../rule.ts'
import type { Source } from '../source.ts'
import type { Tree } from '../tree.ts'

/** No file imports itself, by whatever way round. Types count: a cycle of types is one unit in two files as well. */
export const importCycles: Rule = {
  name: 'no import cycles',
  check(tree) {
    const state = new Map<string, 'open' | 'done'>()
    const findings: Finding[] = []
    const visit = (source: Source, path: readonly string[]): void => {
      state.set(source.path, 'open')
      for (const { target, line } of targetsOf(tree, source)) {
        const way = [...path, target.path]
        if (state.get(target.path) === 'open') {
          const cycle = way.slice(way.indexOf(target.path))
          findings.push({ path: source.path, line, message: `import cycle: ${cycle.join(' -> ')}` })
        } else if (!state.has(target.path)) {
          visit(target, way)
        }
      }
      state.set(source.path, 'done')
    }
    for (const source of tree.sources) if (!state.has(source.path)) visit(source, [source.path])
    return findings
  },
}

function targetsOf(tree: Tree, source: Source): { readonly target: Source; readonly line: number }[] {
  return source.imports.flatMap(({ specifier, line }) => {
    const path = tree.resolve(source.path, specifier)
    const target = path === undefined ? undefined : tree.source(path)
    return target === undefined ? [] : [{ target, line }]
  })
}
