import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import { readVectors } from '../../../testing/testkit/vectors.ts'
import { CALL_NAMES, type CallName } from './calls.ts'
import type { Dialect } from './mechanism.ts'
import { decodeRequest, decodeResponse, encodeError, encodeRequest, encodeResponse } from './message.ts'

interface Capture {
  readonly offered: Dialect
  readonly answered: Dialect
  readonly calls: readonly { readonly call: CallName; readonly request: string; readonly response: string }[]
}

/** Rows: the release, how many exchanges its file holds, and of how many calls. */
const CAPTURES: readonly (readonly [release: string, exchanges: number, calls: number])[] = [
  ['0.24.1', 74, 65],
  ['0.25.5', 102, 87],
  ['0.26.4', 102, 87],
]

for (const [release, exchanges, calls] of CAPTURES) {
  test(`what p11-kit ${release} says is read, and written byte by byte`, () => {
    const capture = readVectors<Capture>(`cryptoki/p11-kit-${release}.json`)
    assert.equal(capture.calls.length, exchanges)
    assert.equal(new Set(capture.calls.map(({ call }) => call)).size, calls)
    for (const { call, request, response } of capture.calls) {
      const read = decodeRequest(fromHex(request), capture.answered)
      assert.equal(read?.name, call)
      assert.equal(toHex(encodeRequest(call, read?.values as never, capture.answered)), request, call)
      assert.equal(toHex(answered(call, fromHex(response), capture.answered)), response, call)
    }
  })
}

test('every call of the protocol was captured at least once, and most of them with success', () => {
  const all = CAPTURES.flatMap(([release]) => readVectors<Capture>(`cryptoki/p11-kit-${release}.json`).calls)
  assert.deepEqual(
    CALL_NAMES.filter((name) => !all.some(({ call }) => call === name)),
    [],
  )
  const succeeded = new Set(all.filter(({ response }) => !response.startsWith('00000000')).map(({ call }) => call))
  assert.equal(succeeded.size, 54)
})

function answered(call: CallName, body: Uint8Array, dialect: Dialect): Uint8Array {
  const response = decodeResponse(call, body, dialect)
  return response.ok ? encodeResponse(call, response.values, dialect) : encodeError(response.code)
}
