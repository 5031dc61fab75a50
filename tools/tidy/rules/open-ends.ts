import type { Rule } from '../rule.ts'

/** An open end in the code has a number where it is followed up. */
export const openEnds: Rule = {
  name: 'open ends have a number',
  check: (tree) =>
    tree.sources.flatMap((source) =>
      source.comments.flatMap(({ text, at }) =>
        [...text.matchAll(OPEN_END)].map(({ index }) => ({
          path: source.path,
          line: source.lineAt(at + index),
          message: 'write TODO(#number): what and why, or do it now',
        })),
      ),
    ),
}

const OPEN_END = /\b(?:TODO(?!\(#\d+\): \S)|FIXME|XXX|HACK)\b/g
