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

/** Makes the code once, however many ask for it at the same time: the first one's stands. */
async function makeCode(call: Call): Promise<string> {
  const code = toHex(call.entropy.bytes(CODE_BYTES))
  const made = await call.registry.commit([{ do: 'set-registration-code', code }])
  if (made.ok) return code
  // Absent when it was deleted meanwhile.
  return (await call.registry.registrationCode()) ?? makeCode(call)
}

/** 64 hex digits, as AWS IoT has it. */
const CODE_BYTES = 32
