import type { AttemptCauseCode } from './attempt.ts'

/** Gives the cause for a fault of the provisioning room, by the fault's code. */
export function provisioningCause(code: string): AttemptCauseCode {
  const known = CAUSES.get(code)
  if (known !== undefined) return known
  if (code.startsWith('FLEET_')) return 'PROVISIONING_REQUEST_INVALID'
  return TEMPLATE_TROUBLE.test(code) ? 'TEMPLATE_INVALID' : 'PROVISIONING_FAILED'
}

const CAUSES: ReadonlyMap<string, AttemptCauseCode> = new Map([
  ['TEMPLATE_PARAMETER_UNAVAILABLE', 'PARAMETER_MISSING'],
  ['PROVISIONING_PARAMETER_MISSING', 'PARAMETER_MISSING'],
  ['PROVISIONING_SUBJECT_ATTRIBUTE_MISSING', 'PARAMETER_MISSING'],
  ['FLEET_OUTSIDE_ALLOW_LIST', 'CLAIM_OUTSIDE_ALLOW_LIST'],
  ['FLEET_CLAIM_EXHAUSTED', 'CLAIM_EXHAUSTED'],
  ['FLEET_THING_TAKEN', 'THING_TAKEN'],
  ['FLEET_TOKEN_EXPIRED', 'OWNERSHIP_TOKEN_EXPIRED'],
  ['FLEET_TOKEN_INVALID', 'OWNERSHIP_TOKEN_INVALID'],
  ['FLEET_TOKEN_SPENT', 'OWNERSHIP_TOKEN_INVALID'],
  ['FLEET_BRAKED', 'CLAIM_BRAKED'],
  ['FLEET_BUSY', 'MQTT_LIMIT_REACHED'],
  ['HOOK_REFUSED', 'HOOK_REFUSED'],
  ['HOOK_SLOW', 'HOOK_SLOW'],
  ['HOOK_FAILED', 'HOOK_FAILED'],
])
/** What has a place in the template: how it is written, and what it makes of the parameters. */
const TEMPLATE_TROUBLE = /^TEMPLATE_|_(?:VALUE_TOO_LONG|VALUE_INVALID|OUT_OF_RANGE|ENTRY_MISSING|POLICY_MALFORMED)$/
