import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'
import { Source } from './source.ts'

/** A workspace: what its `package.json` says. */
export interface Package {
  /** Its folder, such as `packages/chip`. */
  readonly folder: string
  readonly name: string
  /** Its front doors: the file of each entry of `exports`, by the specifier that reaches it. */
  readonly doors: ReadonlyMap<string, string>
  readonly dependencies: ReadonlySet<string>
}

/** Everything in the repository that is tracked, or would be. */
export class Tree {
  /** Text of each file by its path from the root. */
  readonly files: ReadonlyMap<string, string>
  readonly sources: readonly Source[]
  readonly packages: readonly Package[]
  /** Names of the packages that tests and tools may use. */
  readonly developmentDependencies: ReadonlySet<string>
  readonly #sourceByPath: ReadonlyMap<string, Source>

  constructor(files: ReadonlyMap<string, string>) {
    this.files = files
    this.sources = [...files].filter(([path]) => path.endsWith('.ts')).map(([path, text]) => new Source(path, text))
    this.#sourceByPath = new Map(this.sources.map((source) => [source.path, source]))
    this.packages = [...files]
      .filter(([path]) => /^packages\/[^/]+\/package\.json$/.test(path))
      .map(([path, text]) => readPackage(dirname(path), text))
    const root = manifestOf(files.get('package.json') ?? '{}')
    this.developmentDependencies = new Set(Object.keys({ ...root.devDependencies, ...root.dependencies }))
  }

  source(path: string): Source | undefined {
    return this.#sourceByPath.get(path)
  }

  /** Gives the workspace that a file lies in. */
  packageOf(path: string): Package | undefined {
    return this.packages.find(({ folder }) => path.startsWith(`${folder}/`))
  }

  /** Gives the file that `specifier` in `from` means, when it is one of the repository's. */
  resolve(from: string, specifier: string): string | undefined {
    if (specifier.startsWith('.')) return normalize(join(dirname(from), specifier))
    for (const { doors } of this.packages) {
      const door = doors.get(specifier)
      if (door !== undefined) return door
    }
    return undefined
  }
}

/** Reads the repository at `root`: files that git tracks, and those that it neither tracks nor ignores. */
export function readTree(root: string): Tree {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root })
  const paths = [...new Set(listed.toString().split('\0'))].filter(
    (path) => path !== '' && existsSync(join(root, path)),
  )
  return new Tree(new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')])))
}

/** Makes a tree of the files given, for tests of rules. */
export function treeOf(files: Readonly<Record<string, string>>): Tree {
  return new Tree(new Map(Object.entries(files)))
}

function readPackage(folder: string, text: string): Package {
  const manifest = manifestOf(text)
  const name = manifest.name ?? folder
  const doors = Object.entries(manifest.exports ?? {}).map(
    ([entry, file]) => [join(name, entry), join(folder, file)] as const,
  )
  return { folder, name, doors: new Map(doors), dependencies: new Set(Object.keys(manifest.dependencies ?? {})) }
}

interface Manifest {
  readonly name?: string
  readonly exports?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

function manifestOf(text: string): Manifest {
  return JSON.parse(text) as Manifest
}
