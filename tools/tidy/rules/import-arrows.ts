import { dirname } from 'node:path/posix'
import type { Finding, Rule } from '../rule.ts'
import type { Import, Source } from '../source.ts'
import type { Package, Tree } from '../tree.ts'

/** Which workspace may import which: arrows point one way. The command may import every one. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'packages/foundation': [],
  'packages/chip': ['packages/foundation'],
  'packages/factory': ['packages/foundation', 'packages/chip'],
  'packages/cloud': ['packages/foundation'],
  'packages/device': ['packages/foundation', 'packages/chip'],
  'packages/console': ['packages/foundation', 'packages/chip', 'packages/factory', 'packages/cloud', 'packages/device'],
  'packages/cli': ['packages/foundation', 'packages/chip', 'packages/factory', 'packages/cloud', 'packages/device'],
}

/** Arrows between workspaces, front doors of rooms, declared dependencies, and nothing of the tests in what ships. */
export const importArrows: Rule = {
  name: 'imports follow the arrows, go through front doors, and are declared',
  check: (tree) => [...refusedImports(tree), ...unusedWorkspaces(tree)],
}

function refusedImports(tree: Tree): Finding[] {
  return tree.sources.flatMap((source) =>
    source.imports.flatMap((used) => {
      const message = refusalOf(tree, source, used)
      return message === undefined ? [] : [{ path: source.path, line: used.line, message }]
    }),
  )
}

/** A workspace that is declared and that no file imports. */
function unusedWorkspaces(tree: Tree): Finding[] {
  return tree.packages.flatMap(({ folder, dependencies }) => {
    const inside = tree.sources.filter(({ path }) => path.startsWith(`${folder}/`))
    const specifiers = inside.flatMap(({ imports }) => imports.map(({ specifier }) => specifier))
    return tree.packages
      .filter(({ name }) => dependencies.has(name))
      .filter(({ name }) => !specifiers.some((specifier) => specifier === name || specifier.startsWith(`${name}/`)))
      .map(({ name }) => ({ path: `${folder}/package.json`, line: 1, message: `${name} is declared and not imported` }))
  })
}

function refusalOf(tree: Tree, source: Source, used: Import): string | undefined {
  if (used.specifier.startsWith('node:')) return undefined
  const target = tree.resolve(source.path, used.specifier)
  if (target === undefined) return refusalOfPackage(tree, source, used.specifier)
  if (!tree.files.has(target)) return `${used.specifier} does not exist`
  const own = tree.packageOf(source.path)
  const other = tree.packageOf(target)
  if (own !== undefined && !source.isTest && tree.source(target)?.isTest === true) {
    return `${used.specifier} is for tests; what ships must not import it`
  }
  if (other === undefined)
    return own === undefined || source.isTest ? undefined : `${used.specifier} leaves the workspace`
  return own === other ? refusalOfRoom(source, used, target, other) : refusalOfArrow(used, own, other)
}

/** A specifier that is no file of ours: another registry package, or a workspace without such a door. */
function refusalOfPackage(tree: Tree, source: Source, specifier: string): string | undefined {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const workspace = tree.packages.find((candidate) => candidate.name === name)
  if (workspace !== undefined) return `${specifier} is no front door of ${workspace.folder}`
  const own = tree.packageOf(source.path)
  const declared = own?.dependencies.has(name) ?? true
  const inTests = (source.isTest || own === undefined) && tree.developmentDependencies.has(name)
  const anywhere = source.isTest && tree.packages.some(({ dependencies }) => dependencies.has(name))
  return declared || inTests || anywhere ? undefined : `${name} is not declared in ${own?.folder}/package.json`
}

function refusalOfArrow(used: Import, own: Package | undefined, other: Package): string | undefined {
  if (used.specifier.startsWith('.')) return `${used.specifier} leaves the workspace: import ${other.name} by its name`
  if (own === undefined) return undefined
  if (ARROWS[own.folder]?.includes(other.folder) !== true) return `${own.folder} must not import ${other.folder}`
  const declared = own.dependencies.has(other.name)
  return declared ? undefined : `${other.name} is not declared in ${own.folder}/package.json`
}

/** Inside a workspace: from outside a room only its front door. Tests also see what is below their own room. */
function refusalOfRoom(source: Source, used: Import, target: string, { doors }: Package): string | undefined {
  const room = roomOf(target, new Set(doors.values()))
  if (room === undefined || source.path.startsWith(`${room}/`) || target === `${room}/index.ts`) return undefined
  const seenByTests = target.includes('/testing/') || target.startsWith(`${dirname(source.path)}/`)
  return source.isTest && seenByTests ? undefined : `${used.specifier} reaches past the front door ${room}/index.ts`
}

/** The nearest folder above a file that has a front door of its own. */
function roomOf(path: string, doors: ReadonlySet<string>): string | undefined {
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    if (doors.has(`${folder}/index.ts`)) return folder
  }
  return undefined
}
