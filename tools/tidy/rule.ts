import type { Tree } from './tree.ts'

/** A place that breaks a rule. */
export interface Finding {
  readonly path: string
  readonly line: number
  /** What is wrong there, and what to do. */
  readonly message: string
}

/** A rule of the house, held against the whole repository. */
export interface Rule {
  readonly name: string
  check(tree: Tree): readonly Finding[]
}

/** Writes a finding as editors understand it. */
export function formatFinding({ path, line, message }: Finding): string {
  return `${path}:${line}: ${message}`
}
