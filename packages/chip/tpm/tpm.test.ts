import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, fromHex, isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { makeOffer, readEndorsements } from './device.ts'
import { HIERARCHY, NO_PASSWORD, Tpm } from './tpm.ts'
import { sized, uint32 } from './wire.ts'

/** A TPM that gives these answers, one after the other, the last one again and again; and what it was asked. */
function scripted(...answers: readonly Uint8Array[]): { tpm: Tpm; asked: Uint8Array[] } {
  const asked: Uint8Array[] = []
  const tpm = new Tpm({
    send: (command) => {
      asked.push(command)
      return Promise.resolve(answers[asked.length - 1] ?? answers.at(-1) ?? new Uint8Array(0))
    },
    close: () => Promise.resolve(),
  })
  return { tpm, asked }
}

const BUSY = [0x922, 0x908, 0x90a].map((code) => concat(fromHex('8001 0000000a'), uint32(code)))
const DONE = fromHex('8001 0000000a 00000000')

test('a TPM that is busy is asked again, the same, and not for ever', async () => {
  const { tpm, asked } = scripted(...BUSY, DONE)
  await tpm.flush(0x80000001)
  assert.equal(asked.length, 4)
  assert.equal(new Set(asked).size, 1)
  const always = scripted(BUSY[0] ?? DONE)
  await assert.rejects(
    always.tpm.flush(0x80000001),
    (error) => isFault(error, 'TPM_COMMAND_REFUSED') && error.context['name'] === 'RETRY',
  )
  assert.ok(always.asked.length > 1)
})

/** An answer without sessions around these parameters. */
function answer(parameters: Uint8Array): Uint8Array {
  return concat(fromHex('8001'), uint32(10 + parameters.length), fromHex('00000000'), parameters)
}

test('arbitrary answers to any command give a value or a declared fault', async () => {
  const bytes = fc.uint8Array({ maxLength: 120 })
  const capability = fc
    .tuple(fc.constantFrom(1, 6), bytes)
    .map(([kind, rest]) => concat(fromHex('00'), uint32(kind), rest))
  const answers = fc.array(fc.oneof(bytes, bytes.map(answer), capability.map(answer)), { minLength: 1, maxLength: 4 })
  const object = { publicArea: sized(new Uint8Array(1)), privateArea: sized(new Uint8Array(1)) }
  const calls: readonly ((tpm: Tpm) => Promise<unknown>)[] = [
    (tpm) => tpm.properties(),
    (tpm) => tpm.handles({ first: 0, last: 9 }),
    (tpm) => tpm.readPublic(1),
    (tpm) => tpm.createPrimary(HIERARCHY.OWNER, new Uint8Array(1), NO_PASSWORD),
    (tpm) => tpm.load(1, object),
    (tpm) => tpm.unseal(1, NO_PASSWORD),
    (tpm) => tpm.certify({ object: 1, authorization: NO_PASSWORD, signer: 2, nonce: new Uint8Array(1) }),
    readEndorsements,
    makeOffer,
  ]
  await fc.assert(
    fc.asyncProperty(answers, fc.constantFrom(...calls), async (list, call) => {
      await call(scripted(...list).tpm).catch((error: unknown) => assert.ok(isFault(error), String(error)))
    }),
    { numRuns: 500 },
  )
})

test('memory that comes in another length than was asked for is refused', async () => {
  const index = answer(concat(sized(fromHex('01c00002 000b 00000000 0000 0004')), sized(new Uint8Array(0))))
  const chunk = answer(sized(Uint8Array.of(1, 2, 3)))
  await assert.rejects(
    scripted(index, chunk).tpm.readMemory(0x01c00002),
    (error) => isFault(error, 'TPM_STRUCTURE_INVALID') && /another length/.test(error.message),
  )
  const whole = answer(sized(Uint8Array.of(1, 2, 3, 4)))
  assert.deepEqual(await scripted(index, whole).tpm.readMemory(0x01c00002), Uint8Array.of(1, 2, 3, 4))
})
