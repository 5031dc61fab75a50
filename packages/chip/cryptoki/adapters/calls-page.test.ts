import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { CALL_NAMES, type CallName, callOf } from '../calls.ts'
import { CKR, decodeResponse, encodeRequest, TokenApplication } from '../index.ts'
import { hostCrypto } from './host-crypto.ts'
import { openTrustXToken } from './index.ts'

/* The reference page of PKCS#11 against the code: what it says of each call, by name. */

const PAGE = readFileSync(new URL('../../../../docs/reference/pkcs11.md', import.meta.url), 'utf8')
const [DONE = '', NOT_DONE = ''] = (PAGE.split('\n## The calls')[1] ?? '').split('\n## ')[0]?.split('\nNot done') ?? []

/** Two calls of the standard have a second form on the wire, which has no page of its own. */
const SECOND_FORMS: readonly CallName[] = ['InitToken2', 'DeriveKey2']

/** What stands for an argument of each kind. */
const ANY = {
  y: 0,
  u: 1n,
  z: new Uint8Array(1),
  s: new Uint8Array(32),
  ay: new Uint8Array(0),
  fy: 0,
  fu: 0,
  aA: [],
  fA: [],
}

test('every call of the protocol is on the page, once, as done or as not done', () => {
  for (const name of CALL_NAMES.filter((each) => !SECOND_FORMS.includes(each))) {
    const [isDone, isNotDone] = [DONE, NOT_DONE].map((part) => part.includes(`\`C_${name}\``))
    assert.equal(Number(isDone) + Number(isNotDone), 1, `C_${name}`)
  }
})

test('what is not done is answered with CKR_FUNCTION_NOT_SUPPORTED, and nothing else is', async () => {
  const chip = await TrustX.open(await openVirtualChip())
  const application = new TokenApplication([await openTrustXToken(chip)], { dialect: 2, host: hostCrypto })
  await application.answer(encodeRequest('Initialize', [new Uint8Array(0), 0, new Uint8Array(0)], 2))
  for (const name of CALL_NAMES) {
    const values: unknown = callOf(name).request.letters.map((letter) =>
      letter === 'M' ? { type: 0x1041 } : Reflect.get(ANY, letter),
    )
    const body = await application.answer(encodeRequest(name, values as never, 2))
    const response = decodeResponse(name, body, 2)
    const isUnknown = !response.ok && response.code === CKR.FUNCTION_NOT_SUPPORTED
    assert.equal(isUnknown, NOT_DONE.includes(`\`C_${name}\``), name)
    if (name === 'Finalize') {
      await application.answer(encodeRequest('Initialize', [new Uint8Array(0), 0, new Uint8Array(0)], 2))
    }
  }
  await chip.close()
})
