/** The lifecycle states that access conditions speak of. */
export interface Lifecycles {
  /** LcsG, of the whole chip. */
  readonly global: number
  /** LcsA, of the application. */
  readonly application: number
  /** LcsO, of the data object in question. */
  readonly object: number
}

/** The lifecycle states: creation, initialisation, operational, termination. Bits are only ever gained. */
export const LIFECYCLE = { CREATION: 0x01, INITIALISATION: 0x03, OPERATIONAL: 0x07, TERMINATION: 0x0f } as const

/** Tells whether `value` is a lifecycle state. */
export function isLifecycle(value: number): boolean {
  return value === 0x01 || value === 0x03 || value === 0x07 || value === 0x0f
}

/**
 * Tells whether `bytes` is an access condition that the chip takes: ALW or NEV alone, or comparisons of lifecycle
 * states joined by AND and OR.
 *
 * ```text
 *   00 | FF | simple { (FD | FE) simple }     simple = (70 | E0 | E1) (FA | FB | FC) value
 * ```
 *
 * Source: Trust M solution reference manual v3.70, access conditions; identifiers as the Trust X host tools know them.
 */
export function isAccessCondition(bytes: Uint8Array): boolean {
  if (bytes.length === 1) return bytes[0] === ALWAYS || bytes[0] === NEVER
  if (bytes.length % 4 !== 3) return false
  for (let at = 0; at < bytes.length; at += 4) {
    const [subject = 0, operator = 0, , join = OR] = bytes.subarray(at, at + 4)
    if (subject !== LCS_GLOBAL && subject !== LCS_APPLICATION && subject !== LCS_OBJECT) return false
    if (operator !== EQUAL && operator !== GREATER && operator !== LESS) return false
    if (join !== AND && join !== OR) return false
  }
  return true
}

/** Decides a condition that {@link isAccessCondition} accepts; one that is missing means never. AND binds stronger. */
export function isGranted(condition: Uint8Array | undefined, lifecycles: Lifecycles): boolean {
  if (condition === undefined || condition[0] === NEVER) return false
  if (condition[0] === ALWAYS) return true
  let token = true
  for (let at = 0; at < condition.length; at += 4) {
    token &&= holds(condition, at, lifecycles)
    if (condition[at + 3] === AND) continue
    if (token) return true
    token = true
  }
  return false
}

/** Writes an access condition for people: `always`, `never`, `LcsO < operational || LcsG < operational`. */
export function formatCondition(condition: Uint8Array | undefined): string {
  if (condition === undefined || condition[0] === NEVER) return 'never'
  if (condition[0] === ALWAYS) return 'always'
  let text = ''
  for (let at = 0; at < condition.length; at += 4) {
    const [subject = 0, operator = 0, value = 0, join] = condition.subarray(at, at + 4)
    text += `${SYMBOLS.get(subject) ?? '?'} ${SYMBOLS.get(operator) ?? '?'} ${formatLifecycle(value)}`
    if (join !== undefined) text += ` ${SYMBOLS.get(join) ?? '?'} `
  }
  return text
}

/** Names a lifecycle state, `operational` for example; a value that is none stays a number. */
export function formatLifecycle(value: number): string {
  const state = Object.entries(LIFECYCLE).find(([, known]) => known === value)
  return state?.[0].toLowerCase() ?? String(value)
}

function holds(condition: Uint8Array, at: number, lifecycles: Lifecycles): boolean {
  const subject = condition[at]
  const operator = condition[at + 1]
  const value = condition[at + 2] ?? 0
  const actual =
    subject === LCS_GLOBAL
      ? lifecycles.global
      : subject === LCS_APPLICATION
        ? lifecycles.application
        : lifecycles.object
  if (operator === EQUAL) return actual === value
  return operator === GREATER ? actual > value : actual < value
}

const ALWAYS = 0x00
const NEVER = 0xff
const LCS_GLOBAL = 0x70
const LCS_APPLICATION = 0xe0
const LCS_OBJECT = 0xe1
const EQUAL = 0xfa
const GREATER = 0xfb
const LESS = 0xfc
const AND = 0xfd
const OR = 0xfe

const SYMBOLS: ReadonlyMap<number, string> = new Map([
  [LCS_GLOBAL, 'LcsG'],
  [LCS_APPLICATION, 'LcsA'],
  [LCS_OBJECT, 'LcsO'],
  [EQUAL, '=='],
  [GREATER, '>'],
  [LESS, '<'],
  [AND, '&&'],
  [OR, '||'],
])

/** Condition ALW: always. */
export const CONDITION_ALWAYS: Uint8Array = Uint8Array.of(ALWAYS)

/** Condition NEV: never. */
export const CONDITION_NEVER: Uint8Array = Uint8Array.of(NEVER)

/** Condition `LcsO < operational`: until the object is locked. */
export const CONDITION_UNTIL_LOCKED: Uint8Array = Uint8Array.of(LCS_OBJECT, LESS, LIFECYCLE.OPERATIONAL)
