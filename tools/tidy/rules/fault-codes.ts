import type { Finding, Rule } from '../rule.ts'
import type { Source } from '../source.ts'
import type { Tree } from '../tree.ts'

/** A code in a fault table. */
interface Code {
  readonly code: string
  readonly source: Source
  readonly line: number
}

/** Each code is defined once, and raised somewhere in what ships. */
export const faultCodes: Rule = {
  name: 'fault codes are defined once and raised',
  check(tree) {
    const codes = tree.sources.filter((source) => ships(source)).flatMap(codesOf)
    const raised = literals(tree)
    const first = new Map<string, Code>()
    const findings: Finding[] = []
    for (const code of codes) {
      const { path } = code.source
      const other = first.get(code.code)
      if (other !== undefined)
        findings.push({ path, line: code.line, message: `${code.code} is also defined in ${other.source.path}` })
      else if (!raised.has(code.code))
        findings.push({ path, line: code.line, message: `${code.code} is raised nowhere` })
      first.set(code.code, other ?? code)
    }
    return findings
  },
}

function ships({ path, isTest }: Source): boolean {
  return path.startsWith('packages/') && !isTest
}

/** The keys of `export const X_FAULTS = { … }`. */
function codesOf(source: Source): Code[] {
  return source.matches(/^export const \w+_FAULTS\b[^={]*= \{$/gm).flatMap(({ at }) => {
    const end = source.code.indexOf('\n}', at)
    return source
      .matches(/^ {2}([A-Z][A-Z0-9_]+): /gm)
      .filter((key) => key.at > at && key.at < end)
      .map(({ line, groups: [, code = ''] }) => ({ code, source, line }))
  })
}

/** Every string in what ships that looks like a code. */
function literals(tree: Tree): ReadonlySet<string> {
  const values = tree.sources
    .filter((source) => ships(source))
    .flatMap((source) => source.strings().map(({ value }) => value))
  return new Set(values.filter((value) => /^[A-Z][A-Z0-9_]+$/.test(value)))
}
