/**
 * Who must act when something failed.
 *
 * - `peer`     the device or client broke a protocol rule or presented bad credentials
 * - `caller`   our own API, or command, was called in a way that no retry could make right
 * - `operator` configuration, storage, the clock or an external dependency needs attention
 * - `busy`     a documented limit was reached; the same request may succeed later
 * - `bug`      an invariant of ours failed
 */
export type Blame = 'peer' | 'caller' | 'operator' | 'busy' | 'bug'

/** One row of a fault table: everything that is fixed about one failure. */
export interface FaultDefinition {
  readonly blame: Blame
  /** One sentence without a full stop; `{name}` is replaced by the context's value of that name. */
  readonly message: string
  /** What to do about it, a whole sentence; `{name}` is replaced as in the message. */
  readonly remedy: string
  /** Document, version and section of the rule that was broken, where there is one. */
  readonly spec?: string
}

/** The failures of one room, by their code. */
export type FaultTable<Code extends PropertyKey = string> = Readonly<Record<Code, FaultDefinition>>

/** Values that explain one occurrence. Never a secret: they reach logs and people. */
export type FaultContext = Readonly<Record<string, string | number | boolean | undefined>>

/** A failure that somebody must act on. Match on {@link Fault.code}, which never changes its meaning. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: string
  readonly blame: Blame
  readonly remedy: string
  readonly spec: string | undefined
  readonly context: FaultContext

  constructor(code: string, definition: FaultDefinition, context: FaultContext = {}, cause?: unknown) {
    super(fill(definition.message, context), cause === undefined ? undefined : { cause })
    this.code = code
    this.blame = definition.blame
    this.remedy = fill(definition.remedy, context)
    this.spec = definition.spec
    this.context = context
  }
}

/** Makes a {@link Fault} of one table; a code that the table lacks does not compile. */
export type Raise<Table extends FaultTable<keyof Table>> = (
  code: keyof Table & string,
  context?: FaultContext,
  cause?: unknown,
) => Fault

/** Gives the one function that raises the faults of `table`. */
export function faults<Table extends FaultTable<keyof Table>>(table: Table): Raise<Table> {
  return (code, context, cause) => new Fault(code, table[code], context, cause)
}

/** Tells whether `error` is a fault with `code`. */
export function isFault(error: unknown, code?: string): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code)
}

/**
 * Gives a fault with the file that it is about before its message: what reads a text does not know where it is from.
 * A fault that names the file already, and whatever is no fault, is given as it is.
 */
export function inFile(path: string, error: unknown): unknown {
  if (!(error instanceof Fault) || error.message.includes(path)) return error
  const { code, blame, message: told, remedy, spec, context } = error
  const definition = { blame, message: '{inFile}: {told}', remedy, ...(spec !== undefined && { spec }) }
  return new Fault(code, definition, { ...context, inFile: path, told }, error)
}

/** Gives the text of anything that was thrown, for logs and for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function fill(text: string, context: FaultContext): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = context[name]
    return value === undefined ? whole : String(value)
  })
}
