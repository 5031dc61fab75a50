import { dirname, join, normalize } from 'node:path/posix'
import type { Rule } from '../rule.ts'
import type { Export, Source } from '../source.ts'
import type { Tree } from '../tree.ts'

/** Every file is imported by what ships, is an entry point, or belongs to the tests and is used there. */
export const unusedFiles: Rule = {
  name: 'no file that nobody imports',
  check(tree) {
    const reached = reachable(tree)
    return tree.sources
      .filter(({ path }) => !reached.has(path))
      .map(({ path }) => ({
        path,
        line: 1,
        message: 'nobody imports this file but itself or tests: use it or delete it',
      }))
  },
}

/** What a file exports, somebody imports; what a front door exports may be for the world outside. */
export const unusedExports: Rule = {
  name: 'no export that nobody imports',
  check(tree) {
    const imported = importedNames(tree)
    return tree.sources
      .filter((source) => !isDoor(tree, source) && !isStarted(tree, source))
      .flatMap((source) => {
        const names = imported.get(source.path)
        return source.exports
          .filter((declared) => !isUsed(source, declared, names))
          .map((declared) => ({
            path: source.path,
            line: declared.line,
            message: `nobody imports ${declared.name}: do not export it`,
          }))
      })
  },
}

/**
 * Everything that the code base's starting points lead to, and what tests lead to outside the packages: what ships must
 * not need a test to be reached.
 */
function reachable(tree: Tree): ReadonlySet<string> {
  const entryPoints = tree.sources.filter((source) => isEntryPoint(tree, source))
  const tests = tree.sources.filter(({ isTest }) => isTest)
  const ships = (path: string): boolean => path.startsWith('packages/') && tree.source(path)?.isTest === false
  const inTests = [...reach(tree, tests)].filter((path) => !ships(path))
  return new Set([...reach(tree, entryPoints), ...inTests])
}

function reach(tree: Tree, starts: readonly Source[]): ReadonlySet<string> {
  const reached = new Set<string>()
  const queue = starts.map(({ path }) => path)
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const source = tree.source(path)
    if (source === undefined || reached.has(path)) continue
    reached.add(path)
    queue.push(...filesNamedIn(tree, source))
  }
  return reached
}

/** Imports, and paths in strings: a file that is started as a process of its own is named by its path. */
function filesNamedIn(tree: Tree, source: Source): string[] {
  const imported = source.imports.map(({ specifier }) => tree.resolve(source.path, specifier))
  const named = source
    .strings()
    .map(({ value }) => (value.endsWith('.ts') ? normalize(join(dirname(source.path), value)) : undefined))
  return [...imported, ...named].filter((path) => path !== undefined)
}

/** Front doors, tools, benchmarks, and what JavaScript starts. */
function isEntryPoint(tree: Tree, source: Source): boolean {
  return isDoor(tree, source) || /^(?:tools|bench)\/[^/]+\.ts$/.test(source.path) || isStarted(tree, source)
}

/** Whether a JavaScript file names this one, as the command's does. */
function isStarted(tree: Tree, { path: wanted }: Source): boolean {
  return [...tree.files].some(
    ([path, text]) =>
      path.endsWith('.js') &&
      [...text.matchAll(/['"]([^'"]+\.ts)['"]/g)].some(
        ([, specifier = '']) => normalize(join(dirname(path), specifier)) === wanted,
      ),
  )
}

function isDoor(tree: Tree, { path }: Source): boolean {
  return tree.packages.some(({ doors }) => [...doors.values()].includes(path))
}

function importedNames(tree: Tree): ReadonlyMap<string, ReadonlySet<string>> {
  const imported = new Map<string, Set<string>>()
  for (const source of tree.sources) {
    for (const { specifier, names } of source.imports) {
      const path = tree.resolve(source.path, specifier)
      if (path === undefined) continue
      const known = imported.get(path) ?? new Set()
      for (const name of names) known.add(name)
      imported.set(path, known)
    }
  }
  return imported
}

/**
 * A type that describes something else in its file is part of that; fault tables and limits are exported to be read by
 * people and by what writes the reference.
 */
function isUsed(source: Source, { name, kind }: Export, imported: ReadonlySet<string> | undefined): boolean {
  if (imported?.has(name) === true || imported?.has('*') === true) return true
  if (/_(?:FAULTS|MAX|MIN)$/.test(name)) return true
  const isType = kind === 'interface' || kind === 'type'
  return isType && [...source.code.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].length > 1
}
