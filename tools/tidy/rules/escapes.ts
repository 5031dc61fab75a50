import type { Finding, Rule } from '../rule.ts'
import type { Source } from '../source.ts'

/** The type checker is not talked out of anything in what ships. */
export const typeEscapes: Rule = {
  name: 'no any, no double cast, no non-null assertion in what ships',
  check: (tree) =>
    tree.sources
      .filter((source) => source.path.startsWith('packages/') && !source.isTest)
      .flatMap((source) => [
        ...at(source, /\bas\s+any\b/g, '`as any`: parse the value instead'),
        ...at(source, /\bas\s+unknown\s+as\b/g, '`as unknown as`: parse the value instead'),
        ...at(source, /[\w$)\]]!(?=[.,;:()[\]}\s?]|$)(?!\s*==)/gm, 'a non-null assertion: handle the absence'),
      ]),
}

/** Whoever silences a checker says why, on the same line. */
export const suppressions: Rule = {
  name: 'suppressions say why',
  check: (tree) =>
    tree.sources.flatMap((source) =>
      source.comments.flatMap(({ text, at: offset }) =>
        SUPPRESSIONS.filter(({ pattern }) => pattern.test(text)).map(({ message }) => ({
          path: source.path,
          line: source.lineAt(offset),
          message,
        })),
      ),
    ),
}

function at(source: Source, pattern: RegExp, message: string): Finding[] {
  return source.matches(pattern).map(({ line }) => ({ path: source.path, line, message }))
}

const SUPPRESSIONS: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  { pattern: /^\/[/*]\s*@ts-expect-error\s*(?:\*\/)?$/, message: '@ts-expect-error without a reason' },
  { pattern: /^\/[/*]\s*@ts-(?:ignore|nocheck)\b/, message: 'only @ts-expect-error, which fails when it is needless' },
  {
    pattern: /^\/[/*]\s*(?:eslint|oxlint)-disable(?!.* -- \S)/,
    message: 'a lint rule is disabled without ` -- reason`',
  },
  { pattern: /^\/[/*]\s*biome-ignore\b(?!.*: \S)/, message: 'biome is silenced without `: reason`' },
]
