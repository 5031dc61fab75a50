import { Fault, type FaultDefinition, messageOf } from '@birthmark/foundation/kernel'

/** An error on its way to another process; a fault keeps its code. */
export type PortableError =
  | { readonly message: string }
  | { readonly code: string; readonly definition: FaultDefinition; readonly context: Fault['context'] }

/** Makes an error portable. Its cause and its stack stay where it happened. */
export function portableError(error: unknown): PortableError {
  if (!(error instanceof Fault)) return { message: messageOf(error) }
  const { blame, code, context, message, remedy, spec } = error
  return { code, context, definition: { blame, message, remedy, ...(spec !== undefined && { spec }) } }
}

/** Gives the error that was made portable. */
export function errorOf(portable: PortableError): Error {
  if (!('code' in portable)) return new Error(portable.message)
  return new Fault(portable.code, portable.definition, portable.context)
}
