import { ANY, compileGlob, type Glob, markWildcards, ONE } from './glob.ts'

/** Text of a policy that may hold variables and wildcards, read once per document. */
export interface Template {
  /** As it stands in the document. */
  readonly text: string
  /** Marked text and variables, in order. */
  readonly parts: readonly TemplatePart[]
  /** The compiled pattern of a template without variables: connections share it. */
  readonly constant: Glob | undefined
}

export type TemplatePart = string | { readonly variable: string }

/** A template with its variables replaced, as marked text; or the first variable that has no value. */
export type BoundTemplate =
  | { readonly ok: true; readonly marked: string }
  | { readonly ok: false; readonly variable: string }

/**
 * Reads a template: `${name}` is a variable, `$(*)`, `${*}` and their kin for `?` and `$` are plain characters, other
 * `*` and `?` are wildcards, any other `$` is itself (as in `$aws/things`).
 *
 * @param variables `false` for documents of version 2008-10-17, in which `$` has no meaning.
 * @returns `undefined` when a `${` is never closed.
 */
export function parseTemplate(text: string, variables: boolean): Template | undefined {
  if (!variables) return templateOf(text, [markWildcards(text)])
  const parts: TemplatePart[] = []
  let plain = ''
  let at = 0
  for (const match of text.matchAll(SPECIAL)) {
    plain += text.slice(at, match.index)
    at = match.index + match[0].length
    const [whole, escaped, name] = match
    if (whole === '${') return undefined
    if (whole === '*') plain += ANY
    else if (whole === '?') plain += ONE
    else if (escaped !== undefined) plain += escaped
    else if (name === '*' || name === '?' || name === '$') plain += name
    else {
      parts.push(plain, { variable: name ?? '' })
      plain = ''
    }
  }
  return templateOf(text, [...parts, plain + text.slice(at)])
}

/** Replaces the variables of a template. What `valueOf` gives becomes plain characters, never wildcards. */
export function bindTemplate(template: Template, valueOf: (variable: string) => string | undefined): BoundTemplate {
  let marked = ''
  for (const part of template.parts) {
    if (typeof part === 'string') {
      marked += part
      continue
    }
    const value = valueOf(part.variable)
    if (value === undefined || value.includes(ANY) || value.includes(ONE)) return { ok: false, variable: part.variable }
    marked += value
  }
  return { ok: true, marked }
}

function templateOf(text: string, parts: readonly TemplatePart[]): Template {
  const [only, ...others] = parts
  return { text, parts, constant: typeof only === 'string' && others.length === 0 ? compileGlob(only) : undefined }
}

/** An escaped character, a variable (or an escaped character in its form), an unclosed `${`, or a wildcard. */
const SPECIAL = /\$\(([*?$])\)|\$\{([^}]*)\}|\$\{|[*?]/g
