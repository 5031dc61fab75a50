import { multiAccount, transfer } from './accounts.ts'
import { bulk, oneClick, registerThing } from './by-operator.ts'
import { claim, factoryReset } from './claim.ts'
import { inline, registration } from './just-in-time.ts'
import { ownCa } from './own-ca.ts'
import { trustedUser } from './trusted-user.ts'
import type { Way } from './way.ts'

/** Every way beside `jitp`, which is the main job. */
export const WAYS: ReadonlyMap<string, Way> = new Map([
  ['inline', inline],
  ['jitr', registration],
  ['multi-account', multiAccount],
  ['claim', claim],
  ['own-ca', ownCa],
  ['trusted-user', trustedUser],
  ['factory-reset', factoryReset],
  ['bulk', bulk],
  ['register-thing', registerThing],
  ['one-click', oneClick],
  ['transfer', transfer],
])
