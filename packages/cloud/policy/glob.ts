/**
 * Stands for `*` in marked text: any run of characters, also none. Marked text keeps wildcards apart from characters
 * that only look like them, such as a `*` that came out of a client id. Neither mark can occur in a policy, whose
 * characters are printable ASCII; substituted text that holds one is not substituted.
 */
export const ANY = '\u0001'
/** Stands for `?` in marked text: exactly one character (one UTF-16 code unit). */
export const ONE = '\u0000'

/** A compiled pattern. */
export interface Glob {
  /** What stands between its {@link ANY} marks; a lone piece means that there is none. */
  readonly pieces: readonly string[]
  /** Whether a piece has a {@link ONE} mark; most have none, and compare as plain text. */
  readonly hasOne: boolean
}

/** Compiles marked text. */
export function compileGlob(marked: string): Glob {
  return { pieces: marked.split(ANY), hasOne: marked.includes(ONE) }
}

/** Turns the wildcards `*` and `?` of plain text into marks. */
export function markWildcards(text: string): string {
  return text.replaceAll('*', ANY).replaceAll('?', ONE)
}

/** Gives marked text as a person wrote it, wildcards as `*` and `?`. */
export function unmark(marked: string): string {
  return marked.replaceAll(ANY, '*').replaceAll(ONE, '?')
}

/** Gives a compiled pattern as a person would write it. */
export function globText(glob: Glob): string {
  return unmark(glob.pieces.join(ANY))
}

/**
 * Tells whether `text` as a whole matches `glob`; case counts.
 *
 * The first and last piece are pinned to the ends and every other piece settles at the leftmost place that is left,
 * once: nothing is ever tried again, so a pattern cannot make the time explode. It grows with the text, times the
 * longest piece in the worst case.
 */
export function matchesGlob({ pieces, hasOne }: Glob, text: string): boolean {
  const fits = hasOne ? fitsMarked : fitsPlain
  const first = pieces[0] ?? ''
  if (pieces.length === 1) return first.length === text.length && fits(first, text, 0)
  const last = pieces[pieces.length - 1] ?? ''
  const end = text.length - last.length
  if (end < first.length || !fits(first, text, 0) || !fits(last, text, end)) return false
  let at = first.length
  for (let index = 1; index < pieces.length - 1; index++) {
    const piece = pieces[index] ?? ''
    const found = find(piece, text, at, end)
    if (found < 0) return false
    at = found + piece.length
  }
  return true
}

/** Gives the leftmost place from `from` where `piece` fits and ends at or before `end`, or -1. */
function find(piece: string, text: string, from: number, end: number): number {
  if (!piece.includes(ONE)) {
    const found = text.indexOf(piece, from)
    return found + piece.length <= end ? found : -1
  }
  for (let at = from; at + piece.length <= end; at++) {
    if (fitsMarked(piece, text, at)) return at
  }
  return -1
}

function fitsPlain(piece: string, text: string, at: number): boolean {
  return text.startsWith(piece, at)
}

function fitsMarked(piece: string, text: string, at: number): boolean {
  for (let index = 0; index < piece.length; index++) {
    if (piece[index] !== ONE && piece[index] !== text[at + index]) return false
  }
  return true
}
