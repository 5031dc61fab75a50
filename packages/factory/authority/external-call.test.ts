import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callUrl } from './external-call.ts'

test('an address is not asked without the token that its settings name', async () => {
  const settings = { timeoutSeconds: 1, tokenFile: '/nowhere/token' }
  await assert.rejects(callUrl('http://127.0.0.1:1/sign', '', settings), {
    code: 'EXTERNAL_CA_FAILED',
    message: /there is no file \/nowhere\/token with its token$/,
  })
})
