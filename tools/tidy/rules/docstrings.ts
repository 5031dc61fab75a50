import type { Rule } from '../rule.ts'
import type { Export, Source } from '../source.ts'
import type { Tree } from '../tree.ts'

/** What a front door hands out has a docstring. Fault tables and what raises them speak for themselves. */
export const docstrings: Rule = {
  name: 'what front doors export has docstrings',
  check: (tree) =>
    [...handedOut(tree)].flatMap(([source, names]) =>
      source.exports
        .filter(({ name }) => names.has(name))
        .filter((declared) => !hasDocstring(source, declared) && !isFaultTable(declared))
        .map(({ name, line }) => ({ path: source.path, line, message: `${name} has no docstring` })),
    ),
}

/** The names that front doors re-export, or declare themselves, by the file that declares them. */
function handedOut(tree: Tree): ReadonlyMap<Source, ReadonlySet<string>> {
  const found = new Map<Source, Set<string>>()
  const add = (source: Source | undefined, names: readonly string[]): void => {
    if (source !== undefined) found.set(source, new Set([...(found.get(source) ?? []), ...names]))
  }
  for (const door of tree.packages.flatMap(({ doors }) => [...doors.values()])) {
    const source = tree.source(door)
    add(source, source?.exports.map(({ name }) => name) ?? [])
    for (const { specifier, names } of source?.imports ?? [])
      add(tree.source(tree.resolve(door, specifier) ?? ''), names)
  }
  return found
}

function hasDocstring(source: Source, { name, at }: Export): boolean {
  const before = source.text.slice(0, at).trimEnd().length
  if (source.comments.some(({ text, at: start }) => start + text.length === before && text.startsWith('/**')))
    return true
  // The second signature of an overload is documented at the first.
  return source.exports.some((other) => other.name === name && other.at < at)
}

function isFaultTable({ name, kind }: Export): boolean {
  return kind === 'const' && (name.endsWith('_FAULTS') || name.endsWith('Fault'))
}
