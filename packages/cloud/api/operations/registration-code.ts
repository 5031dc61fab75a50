import type { ScopedRegistry } from '@birthmark/cloud/registry'
import { toHex } from '@birthmark/foundation/kernel'
import { notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { commit } from './conflicts.ts'

/** The code that a CA's owner signs to prove that the CA is theirs. */
export const registrationCodeOperations: Partial<Operations> = {
  async GetRegistrationCode(_input, call) {
    const existing = await call.registry.registrationCode()
    return { registrationCode: existing ?? (await makeCode(call)) }
  },

  async DeleteRegistrationCode(_input, call) {
    if ((await call.registry.registrationCode()) === undefined) throw notFound('There is no registration code.')
    await commit(call, { do: 'set-registration-code', code: undefined })
    return {}
  },
}

/** Makes the code once, however many ask for it at the same time. */
function makeCode(call: Call): Promise<string> {
  const underWay = BEING_MADE.get(call.registry)
  if (underWay !== undefined) return underWay
  const code = toHex(call.entropy.bytes(CODE_BYTES))
  const made = commit(call, { do: 'set-registration-code', code }).then(() => code)
  BEING_MADE.set(call.registry, made)
  const forget = (): boolean => BEING_MADE.delete(call.registry)
  made.then(forget, forget)
  return made
}

const BEING_MADE = new WeakMap<ScopedRegistry, Promise<string>>()

/** 64 hex digits, as AWS IoT has it. */
const CODE_BYTES = 32
