import { type Attribute, CKA, CKK, CKM, CKO, codeName, cryptokiFault, type Mechanism } from '@birthmark/chip/cryptoki'
import type { Handle, ModuleSession } from './module-session.ts'

/**
 * Agrees on a secret by ECDH (PKCS#11 v2.40, CKM_ECDH1_DERIVE without a key derivation) and takes it out of the token.
 *
 * @param point The other side's point, `04 X Y`.
 * @throws `CRYPTOKI_NOT_SUPPORTED` behind p11-kit up to 0.24, whose protocol cannot say the parameter
 */
export async function deriveSecret(
  session: ModuleSession,
  key: Handle,
  point: Uint8Array,
  bytes: number,
): Promise<Uint8Array> {
  const parameter = { kind: 'ecdh', kdf: KDF_NULL, shared: undefined, publicKey: point } as const
  const template = [...SECRET, { type: CKA.VALUE_LEN, value: BigInt(bytes) }]
  const secret = await derived(session, { type: CKM.ECDH1_DERIVE, parameter }, key, template)
  const value = await session.readBytes(secret, CKA.VALUE)
  await session.destroy([secret])
  return value
}

/** The call has another form since protocol version 2. */
async function derived(
  session: ModuleSession,
  mechanism: Mechanism,
  key: Handle,
  template: readonly Attribute[],
): Promise<Handle> {
  if (session.connection.dialect === 2) {
    const [code, , secret] = await session.call('DeriveKey2', mechanism, key, template)
    if (code !== 0n) throw cryptokiFault('CRYPTOKI_REFUSED', { call: 'DeriveKey', code: codeName(code) })
    return secret
  }
  if (session.connection.dialect !== 1) throw cryptokiFault('CRYPTOKI_NOT_SUPPORTED', { what: 'derive' })
  const [secret] = await session.call('DeriveKey', mechanism, key, template)
  return secret
}

/** CKD_NULL. */
const KDF_NULL = 1n

const SECRET: readonly Attribute[] = [
  { type: CKA.CLASS, value: CKO.SECRET_KEY },
  { type: CKA.KEY_TYPE, value: CKK.GENERIC_SECRET },
  { type: CKA.TOKEN, value: 0 },
  { type: CKA.SENSITIVE, value: 0 },
  { type: CKA.EXTRACTABLE, value: 1 },
]
