/** The request target (RFC 9112 §3.2.1), taken apart. */
export interface Target {
  /** As it was sent, still percent-encoded. */
  readonly rawPath: string
  /** Decoded names and values, in the order they were sent. A bare plus sign is a space, `%2B` is a plus sign. */
  readonly query: readonly (readonly [name: string, value: string])[]
}

/** Reads a request target in origin form; `undefined` when it is another form or not well-formed percent-encoding. */
export function parseTarget(text: string): Target | undefined {
  if (!text.startsWith('/')) return undefined
  const mark = text.indexOf('?')
  const rawPath = mark < 0 ? text : text.slice(0, mark)
  const query: [string, string][] = []
  for (const pair of mark < 0 ? [] : text.slice(mark + 1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeForm(equals < 0 ? pair : pair.slice(0, equals))
    const value = decodeForm(equals < 0 ? '' : pair.slice(equals + 1))
    if (name === undefined || value === undefined) return undefined
    query.push([name, value])
  }
  return { rawPath, query }
}

/** Decodes as HTML forms and URLSearchParams encode; AWS's clients send neither character bare. */
function decodeForm(text: string): string | undefined {
  return decodePercent(text.replaceAll('+', ' '))
}

/** Decodes percent-encoded UTF-8 (RFC 3986 §2.1); `undefined` when it is not well-formed. */
export function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
