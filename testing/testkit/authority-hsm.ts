import type { TestContext } from 'node:test'
import { newHsmTokens } from './hsm-tokens.ts'

/** A SoftHSM token for the keys of an authority. */
export interface AuthorityHsm {
  /** Gives the URI of a key (RFC 7512). */
  uri(object: string): string
  /** Runs pkcs11-tool on the token. */
  tool(...words: readonly string[]): string
  readonly pinFile: string
}

/** Makes a token. The module reads where it is from the environment of this process, which is set here. */
export async function newAuthorityHsm(context: TestContext): Promise<AuthorityHsm> {
  const { path, environment, pinFile, tool } = await newHsmTokens(context, 'acme hsm')
  Object.assign(process.env, environment)
  return {
    pinFile,
    tool: (...words) => tool('acme hsm', ...words),
    uri: (object) =>
      `pkcs11:token=acme%20hsm;object=${encodeURIComponent(object)}?module-path=${path}&pin-source=${pinFile}`,
  }
}
