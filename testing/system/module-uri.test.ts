/** Keys in SoftHSM that a PKCS#11 URI names: an authority signs with them. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { openUriSigner, type UriSigner, type UriSignerOptions } from '@birthmark/chip/cryptoki/adapters'
import { isFault, toHex } from '@birthmark/foundation/kernel'
import { verifySignature } from '@birthmark/foundation/x509'
import { type HsmTokens, newHsmTokens } from '../testkit/hsm-tokens.ts'

interface Bench {
  readonly hsm: HsmTokens
  /** Opens a key of the token; `rest` follows the token's name. */
  readonly open: (rest: string, options?: UriSignerOptions) => Promise<UriSigner>
}

async function newBench(context: TestContext): Promise<Bench> {
  const hsm = await newHsmTokens(context, 'factory CA')
  const query = `module-path=${hsm.path}&pin-source=file:${hsm.pinFile}`
  return {
    hsm,
    open: async (rest, options = {}) => {
      const uri = `pkcs11:token=factory%20CA;${rest}?${query}`
      const signer = await openUriSigner(uri, { environment: hsm.environment, ...options })
      context.after(() => signer.close())
      return signer
    },
  }
}

test('a URI opens a key that is made when it is asked for, and found again', async (context) => {
  const { open } = await newBench(context)
  for (const [generate, algorithm] of [
    ['ec-p256', 'ecdsa-p256-sha256'],
    ['ec-p384', 'ecdsa-p384-sha384'],
  ] as const) {
    const name = `object=issuing%20${generate};type=private`
    await assert.rejects(open(name), (error) => isFault(error, 'CRYPTOKI_OBJECT_MISSING'))
    const first = await open(name, { generate })
    const second = await open(name, { generate })
    assert.deepEqual([first.isNew, second.isNew, (await open(name)).isNew], [true, false, false])
    assert.equal(toHex(first.publicKey), toHex(second.publicKey))
    const message = randomBytes(100)
    const signature = await second.sign(message)
    assert.ok(verifySignature({ publicKey: first.publicKey, algorithm, message, signature }))
  }
})

test('a URI opens an RSA key that another program made, by its CKA_ID', async (context) => {
  const { hsm, open } = await newBench(context)
  hsm.tool('factory CA', '--keypairgen', '--key-type', 'rsa:2048', '--id', 'a1b2', '--label', 'old')
  const signer = await open('id=%a1%B2')
  const { algorithm, publicKey } = signer
  const message = randomBytes(10)
  assert.ok(verifySignature({ publicKey, algorithm, message, signature: await signer.sign(message) }))
  assert.equal(algorithm, 'rsa-pkcs1-sha256')
})

test('a URI that leads nowhere is refused, and no process stays behind', async (context) => {
  const { hsm, open } = await newBench(context)
  const fails = (sent: Promise<unknown>, code: string): Promise<void> =>
    assert.rejects(sent, (error) => isFault(error, code))
  const { environment, path } = hsm
  await fails(openUriSigner('pkcs11:token=a;object=b'), 'CRYPTOKI_URI_INVALID')
  await fails(openUriSigner(`pkcs11:token=a?module-path=${path}`), 'CRYPTOKI_URI_INVALID')
  const noPin = `pkcs11:object=b?module-path=${path}&pin-source=/nowhere`
  await fails(openUriSigner(noPin, { environment }), 'CRYPTOKI_URI_INVALID')
  await fails(openUriSigner(`pkcs11:token=a;object=b?module-path=${path}`, { environment }), 'CRYPTOKI_TOKEN_MISSING')
  await fails(open('id=%01', { generate: 'ec-p256' }), 'CRYPTOKI_URI_INVALID')
  const wrong = `pkcs11:object=b?module-path=${path}&pin-value=0000`
  await fails(openUriSigner(wrong, { environment }), 'CRYPTOKI_REFUSED')
})
