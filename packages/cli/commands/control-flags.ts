import type { Command } from 'commander'
import { accessFromEnvironment } from '../access.ts'
import type { CloudAccess } from '../cloud-client.ts'
import { onCloud } from '../cloud-options.ts'

/** Which control plane a command works on. */
export interface ControlFlags {
  readonly control?: string
  readonly json?: boolean
}

/** Gives a command the option that names a control plane. */
export function usesControl(command: Command): Command {
  return onCloud(command)
}

/** Gives the access that the flags and the environment name. @throws `ACCESS_KEY_MISSING` */
export function accessOf({ control }: ControlFlags): CloudAccess {
  return accessFromEnvironment(control)
}

/** Gives the members of an answer, as far as it is an object. */
export function membersOf(answer: unknown): Readonly<Record<string, unknown>> {
  return typeof answer === 'object' && answer !== null ? { ...answer } : {}
}

/** Gives the objects of a list in an answer. */
export function listOf(answer: unknown, member: string): readonly Readonly<Record<string, unknown>>[] {
  const list = membersOf(answer)[member]
  return Array.isArray(list) ? list.map(membersOf) : []
}
