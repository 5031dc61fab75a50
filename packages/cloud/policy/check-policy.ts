import type { PolicyDocument } from './document.ts'
import { POLICY_CHARACTERS_MAX, POLICY_TEXT_CHARACTERS_MAX, quoted } from './json-reader.ts'
import { type Lint, lintPolicy } from './lint-policy.ts'
import { type LocatedJson, locateJson, placeAt, type TextPlace } from './locate-json.ts'
import type { PolicyContext } from './model.ts'
import { readPolicy } from './parse-policy-document.ts'
import { repairPolicy } from './repair-policy.ts'

/** Something that is wrong with a policy document (`error`), or most likely not what was meant (`warning`). */
export interface PolicyFinding extends TextPlace {
  readonly severity: 'error' | 'warning'
  /** Stable, for machines. */
  readonly code: string
  /** JSON path, such as `$.Statement[0].Action`. */
  readonly path: string
  /** One sentence: what is wrong. */
  readonly message: string
  /** One sentence: what to do. */
  readonly remedy: string
}

/**
 * Checks a policy document: everything for which it would be refused, each with its place, and what looks like a
 * mistake. A fault does not hide the next: what is wrong is left out, and the rest is read on.
 *
 * @param context The connection that the policy is to bind: variables that have no value there are found too.
 * @returns in the order of the text; at most {@link FINDINGS_COUNT_MAX}
 */
export function checkPolicy(text: string, context?: PolicyContext): readonly PolicyFinding[] {
  const located = locateJson(text)
  const findings = [...textFindings(text, located)]
  if (located.failure === undefined && text.length <= POLICY_TEXT_CHARACTERS_MAX) {
    const { document, faults } = readAll(JSON.parse(text))
    for (const { path, why } of faults) findings.push(malformed(text, placeOf(located, path, why), path, why))
    if (document !== undefined) {
      const lints = lintPolicy(document, context).map((lint) => ({ ...lint, path: writtenPath(located, lint.path) }))
      // What stands for a fault would be found again.
      const isSound = ({ path }: Lint): boolean =>
        !faults.some((fault) => statementOf(fault.path) === statementOf(path))
      for (const lint of lints.filter(isSound)) findings.push(findingOf(text, located, lint))
    }
  }
  return findings
    .sort((left, right) => left.line - right.line || left.column - right.column)
    .slice(0, FINDINGS_COUNT_MAX)
}

function* textFindings(text: string, { repeated, failure }: LocatedJson): Generator<PolicyFinding> {
  const stray = text.search(/[^\t\n\r\x20-\x7e]/)
  if (stray >= 0) {
    yield error(text, stray, '$', {
      code: 'POLICY_CHARACTERS',
      message: `The character ${quoted(String.fromCodePoint(text.codePointAt(stray) ?? 0))} is not printable ASCII.`,
      remedy: 'Write it in ASCII; names with other characters cannot be used in policies.',
    })
  }
  const size = text.replaceAll(/\s/g, '').length
  if (size > POLICY_CHARACTERS_MAX) {
    yield error(text, 0, '$', {
      code: 'POLICY_TOO_LONG',
      message: `The document has ${size} characters besides white space; ${POLICY_CHARACTERS_MAX} are allowed.`,
      remedy: 'Use variables or wildcards instead of lists, or attach two policies.',
    })
  }
  for (const [path, at] of repeated) {
    yield error(text, at, path, {
      code: 'POLICY_MEMBER_REPEATED',
      message: `${path} is given twice.`,
      remedy: 'Keep one of the two: most readers take the last and forget the first.',
    })
  }
  if (failure === undefined) return
  yield error(text, failure.at, '$', {
    code: 'POLICY_NOT_JSON',
    message: `The document is not JSON: ${failure.why}.`,
    remedy: 'Correct the syntax there.',
  })
}

interface Read {
  readonly document: PolicyDocument | undefined
  readonly faults: readonly { readonly path: string; readonly why: string }[]
}

/** Reads what can be read: each fault is noted, and what is at fault taken out of the way. */
function readAll(value: unknown): Read {
  const faults: { path: string; why: string }[] = []
  for (let round = 0; round < FINDINGS_COUNT_MAX; round++) {
    const read = readPolicy(value)
    if (read.ok) return { document: read.document, faults }
    faults.push({ path: read.path, why: read.why })
    if (!repairPolicy(value, read.path, read.why)) break
  }
  return { document: undefined, faults }
}

/** A member that is named in a fault has a place of its own. */
function placeOf({ values }: LocatedJson, path: string, why: string): number {
  const name = /"([^"]*)"/.exec(why)?.[1]
  return (name === undefined ? undefined : values.get(`${path}.${name}`)) ?? values.get(path) ?? 0
}

function malformed(text: string, at: number, path: string, why: string): PolicyFinding {
  const message = `${why.slice(0, 1).toUpperCase()}${why.slice(1)}.`
  return error(text, at, path, { code: 'POLICY_MALFORMED', message, remedy: 'Correct it there.' })
}

/** A list of one need not be written as a list. */
function writtenPath({ values }: LocatedJson, path: string): string {
  const written = values.has('$.Statement[0]') ? path : path.replace('$.Statement[0]', '$.Statement')
  return values.has(written) ? written : written.replace(/\[\d+\]$/, '')
}

function statementOf(path: string): string {
  return /^\$\.Statement(?:\[\d+\])?/.exec(path)?.[0] ?? ''
}

function findingOf(text: string, { values }: LocatedJson, { path, inside, ...words }: Lint): PolicyFinding {
  const start = values.get(path) ?? 0
  const within = inside === undefined ? -1 : text.indexOf(inside, start)
  return { severity: 'warning', path, ...placeAt(text, within < 0 ? start : within), ...words }
}

function error(
  text: string,
  at: number,
  path: string,
  words: Pick<PolicyFinding, 'code' | 'message' | 'remedy'>,
): PolicyFinding {
  return { severity: 'error', path, ...placeAt(text, at), ...words }
}

/** Findings of one document; whoever has more corrects these first. */
const FINDINGS_COUNT_MAX = 100
