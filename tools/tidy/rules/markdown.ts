import { dirname, join, normalize } from 'node:path/posix'
import type { Finding, Rule } from '../rule.ts'
import type { Tree } from '../tree.ts'

/** A page has one title. */
export const markdownTitle: Rule = {
  name: 'Markdown has exactly one H1',
  check: (tree) =>
    pages(tree).flatMap(({ path, lines }) => {
      const titles = lines.filter(({ text }) => /^# \S/.test(text))
      const [, second] = titles
      if (titles.length === 1) return []
      return [{ path, line: second?.line ?? 1, message: `${titles.length} titles (# …) where there must be one` }]
    }),
}

/** A link to a file or folder of the repository leads somewhere. */
export const markdownLinks: Rule = {
  name: 'links in Markdown lead somewhere',
  check: (tree) =>
    pages(tree).flatMap(({ path, lines }) =>
      lines.flatMap(({ text, line }) =>
        [...text.matchAll(/\]\(([^()\s]+)\)/g)].flatMap(([, target = '']): Finding[] =>
          isDead(tree, path, target) ? [{ path, line, message: `the link ${target} leads nowhere` }] : [],
        ),
      ),
    ),
}

interface Page {
  readonly path: string
  /** The lines outside code fences. */
  readonly lines: readonly { readonly text: string; readonly line: number }[]
}

function pages(tree: Tree): Page[] {
  return [...tree.files]
    .filter(([path]) => path.endsWith('.md'))
    .map(([path, text]) => ({ path, lines: proseLines(text) }))
}

function proseLines(text: string): Page['lines'] {
  let fence: string | undefined
  return text.split('\n').flatMap((content, index) => {
    const mark = /^\s*(```+|~~~+)/.exec(content)?.[1]
    if (fence === undefined && mark !== undefined) fence = mark
    else if (fence !== undefined && mark?.startsWith(fence) === true) fence = undefined
    else if (fence === undefined) return [{ text: content, line: index + 1 }]
    return []
  })
}

function isDead(tree: Tree, from: string, target: string): boolean {
  if (/^(?:[a-z][a-z0-9+.-]*:|#)/i.test(target)) return false
  const path = normalize(join(dirname(from), decodeURIComponent(target.split('#')[0] ?? ''))).replace(/\/$/, '')
  if (path === '.' || tree.files.has(path)) return false
  return ![...tree.files.keys()].some((file) => file.startsWith(`${path}/`))
}
