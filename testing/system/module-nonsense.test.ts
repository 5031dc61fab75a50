/** SoftHSM whose answers are spoilt on their way, one after the other: the driver must take none for good. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { CryptokiModule, type ModuleOptions } from '@birthmark/chip/cryptoki/adapters'
import { Fault } from '@birthmark/foundation/kernel'
import { HSM_PIN, newHsmTokens } from '../testkit/hsm-tokens.ts'

const PROXY = join(import.meta.dirname, '../testkit/spoil-module.ts')
/** As many answers as {@link usualCalls} hears at the least. */
const ANSWERS = 20

test('whichever answer is nonsense, the call fails with a declared fault, and the next use works', async (context) => {
  const { environment, path } = await newHsmTokens(context, 'device')
  const options = { label: 'device', pin: HSM_PIN, environment }
  let noticed = 0
  for (let answer = 2; answer <= ANSWERS; answer += 1) {
    const command = [process.execPath, PROXY, String(answer), 'p11-kit', 'remote', path] as const
    const codes = await usualCalls({ ...options, command })
    for (const code of codes) assert.match(code, /^CRYPTOKI_(MODULE_LOST|MESSAGE_INVALID|REFUSED|TOKEN_|OBJECT_)/)
    noticed += codes.length > 0 ? 1 : 0
  }
  // Turned random bytes are random bytes; most other answers have a form that they lose.
  assert.ok(noticed > ANSWERS / 2, `${noticed} of ${ANSWERS} were noticed`)
  assert.deepEqual(await usualCalls(options), [])
})

/** Makes the calls of a usual use, and gives the codes of those that failed; anything undeclared is thrown. */
async function usualCalls(options: ModuleOptions): Promise<readonly string[]> {
  const codes: string[] = []
  const attempt = async <Value>(call: () => Promise<Value>): Promise<Value | undefined> => {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      codes.push(error.code)
      return undefined
    }
  }
  const module = await attempt(() => CryptokiModule.open('/usr/lib/softhsm/libsofthsm2.so', options))
  if (module === undefined) return codes
  await attempt(() => module.random(16))
  await attempt(() => module.identify())
  await attempt(() => module.generateKey('key'))
  const signer = await attempt(() => module.signer('key'))
  await attempt(async () => signer?.sign(randomBytes(10)))
  await attempt(() => module.objects())
  await module.close()
  return codes
}
