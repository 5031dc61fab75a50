import { findFunctions } from '../functions.ts'
import type { Rule } from '../rule.ts'

/** Lines of a function, at most: what fits on a screen. The habit is half of it. */
export const FUNCTION_LINES_MAX = 70

/** Lines of a file, at most. The habit is half of it. */
export const FILE_LINES_MAX = 400

/** Characters of a line, at most: two files fit side by side. */
export const LINE_CHARACTERS_MAX = 120

/** Functions that fit on a screen. */
export const functionLength: Rule = {
  name: `no function above ${FUNCTION_LINES_MAX} lines`,
  check: (tree) =>
    tree.sources.flatMap((source) =>
      findFunctions(source.code).flatMap(({ start, end }) => {
        const line = source.lineAt(start)
        const count = source.lineAt(end) - line + 1
        if (count <= FUNCTION_LINES_MAX) return []
        return [{ path: source.path, line, message: `this function has ${count} lines: split it` }]
      }),
    ),
}

/** Files that are read in one go. */
export const fileLength: Rule = {
  name: `no file above ${FILE_LINES_MAX} lines`,
  check: (tree) =>
    tree.sources.flatMap(({ path, lines }) => {
      const count = lines.at(-1) === '' ? lines.length - 1 : lines.length
      return count <= FILE_LINES_MAX ? [] : [{ path, line: count, message: `this file has ${count} lines: split it` }]
    }),
}

/** Lines that need no scrolling. */
export const lineLength: Rule = {
  name: `no line above ${LINE_CHARACTERS_MAX} characters`,
  check: (tree) =>
    tree.sources.flatMap(({ path, lines }) =>
      lines.flatMap((text, index) => {
        const count = Array.from(text).length
        return count <= LINE_CHARACTERS_MAX
          ? []
          : [{ path, line: index + 1, message: `this line has ${count} characters` }]
      }),
    ),
}
