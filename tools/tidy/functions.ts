/** A function with a body in braces: where it begins and ends. */
export interface FunctionSpan {
  /** Offset of its parameter list, or of the arrow where that has no parentheses. */
  readonly start: number
  /** Offset of the closing brace. */
  readonly end: number
}

/**
 * Finds the functions, methods, accessors and arrow functions in blanked-out code, suites of tests apart. A brace opens
 * a body after `=>`, or after a parameter list and the return type that may follow it.
 */
export function findFunctions(code: string): FunctionSpan[] {
  const partners = matchBrackets(code)
  const functions: FunctionSpan[] = []
  for (const { index } of code.matchAll(/=>\s*\{/g)) {
    const open = code.indexOf('{', index)
    const end = partners.get(open)
    const start = startOfArrow(code, index, partners)
    if (end !== undefined && !isSuite(code, start)) functions.push({ start, end })
  }
  for (const { index } of code.matchAll(/\)/g)) {
    const open = bodyAfter(code, index + 1, partners)
    const start = partners.get(index)
    const end = open === undefined ? undefined : partners.get(open)
    if (start !== undefined && end !== undefined && !isControl(code, start)) functions.push({ start, end })
  }
  return functions
}

/** Pairs the offsets of brackets, both ways. Angle brackets are none: they also compare. */
function matchBrackets(code: string): ReadonlyMap<number, number> {
  const partners = new Map<number, number>()
  const open: number[] = []
  for (const { 0: bracket, index } of code.matchAll(/[()[\]{}]/g)) {
    if ('([{'.includes(bracket)) {
      open.push(index)
      continue
    }
    const start = open.pop()
    if (start === undefined) continue
    partners.set(start, index)
    partners.set(index, start)
  }
  return partners
}

function startOfArrow(code: string, arrow: number, partners: ReadonlyMap<number, number>): number {
  const before = code.slice(0, arrow).trimEnd()
  return before.endsWith(')') ? (partners.get(before.length - 1) ?? arrow) : arrow
}

/** Gives the offset of the brace that opens a body after a parameter list, over a return type if there is one. */
function bodyAfter(code: string, from: number, partners: ReadonlyMap<number, number>): number | undefined {
  const next = /\S/.exec(code.slice(from, from + 200))
  if (next === null) return undefined
  const at = from + next.index
  if (code[at] === '{') return at
  return code[at] === ':' ? bodyAfterType(code, at + 1, partners) : undefined
}

/** Walks over a type. A brace where a type may begin is part of the type; one where it may end opens the body. */
function bodyAfterType(code: string, from: number, partners: ReadonlyMap<number, number>): number | undefined {
  let wantsOperand = true
  let openAngles = 0
  for (let at = from; at < code.length; ) {
    const token = TYPE_TOKEN.exec(code.slice(at, at + 200))?.[0]
    if (token === '{' && !wantsOperand) return at
    if (token === undefined || (token === ',' && openAngles === 0)) return undefined
    if (!wantsOperand && OPERAND.test(token) && !CONTINUES.test(token)) return undefined
    if (token === '<') openAngles += 1
    if (token === '>') openAngles -= 1
    const closing = '([{'.includes(token) ? partners.get(at) : undefined
    at = closing === undefined ? at + token.length : closing + 1
    if (token.trim() !== '') wantsOperand = closing === undefined && WANTS_OPERAND.test(token)
  }
  return undefined
}

const TYPE_TOKEN = /^(?:\s+|=>|[\w$.]+|(['"`]) *\1|[|&<>,?:([{])/
const OPERAND = /^[\w$'"`]/
/** Words that may stand after an operand: `x is T`, `T extends U`. */
const CONTINUES = /^(?:is|extends)$/
const WANTS_OPERAND = /^(?:[|&<,?:]|=>|is|extends|keyof|typeof|readonly|asserts|infer|unique|new)$/

/** Whether a function only groups tests: it is the heading of a chapter, not something to understand at once. */
function isSuite(code: string, start: number): boolean {
  return /\b(?:suite|describe)\([^\n]*, (?:async )?$/.test(code.slice(code.lastIndexOf('\n', start) + 1, start))
}

/** Whether the parentheses belong to a statement such as `if (…) {`. */
function isControl(code: string, open: number): boolean {
  return /\b(?:if|for|while|switch|catch|with)(?:\s+await)?\s*$/.test(code.slice(Math.max(0, open - 20), open))
}
