import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type Entropy, Fault, fromHex, isFault, toHex } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import fc from 'fast-check'
import { GROUPS, groupNamed, PRIVATE_KEY_TRIES_MAX } from './key-exchange.ts'

for (const group of GROUPS.values()) {
  suite(group.name, () => {
    test('both sides agree', () => {
      const [one, other] = [group.generate(systemEntropy), group.generate(systemEntropy)]
      assert.deepEqual(toHex(one.agree(other.publicKey)), toHex(other.agree(one.publicKey)))
    })

    test('arbitrary bytes in the place of a public key give a secret or a declared fault; nothing else', () => {
      const share = group.generate(systemEntropy)
      const size = share.publicKey.length
      fc.assert(
        fc.property(
          fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ minLength: size, maxLength: size })),
          (bytes) => {
            try {
              assert.equal(share.agree(bytes).length, 32)
            } catch (error) {
              assert.ok(error instanceof Fault && error.code === 'TLS_KEY_SHARE_INVALID', String(error))
            }
          },
        ),
      )
    })
  })
}

test('x25519 gives what RFC 7748 §6.1 says', () => {
  const privateKey = '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'
  const alice = groupNamed('x25519')?.generate({ bytes: () => fromHex(privateKey) })
  assert.ok(alice !== undefined)
  assert.equal(toHex(alice.publicKey), '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
  const bob = fromHex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
  assert.equal(toHex(alice.agree(bob)), '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742')
})

test('P-256 draws again when a candidate is no private key, and gives up on a broken source', () => {
  const group = groupNamed('secp256r1')
  assert.ok(group !== undefined)
  let draws = 0
  const once: Entropy = {
    bytes: (count) => {
      draws += 1
      return new Uint8Array(count).fill(draws === 1 ? 0xff : 1)
    },
  }
  assert.equal(group.generate(once).publicKey.length, 65)
  assert.equal(draws, 2)
  let zeros = 0
  const broken: Entropy = {
    bytes: (count) => {
      zeros += 1
      return new Uint8Array(count)
    },
  }
  assert.throws(
    () => group.generate(broken),
    (error) => isFault(error, 'TLS_ENTROPY_FAILED'),
  )
  assert.equal(zeros, PRIVATE_KEY_TRIES_MAX)
})
