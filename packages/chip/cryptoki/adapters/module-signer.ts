import { cryptokiFault } from '@birthmark/chip/cryptoki'
import { readTextFile } from '@birthmark/foundation/system'
import type { Signer } from '@birthmark/foundation/x509'
import { CryptokiModule } from './module.ts'
import type { ModuleCurve } from './module-keys.ts'
import type { ModuleOptions } from './module-options.ts'
import { parsePkcs11Uri } from './module-uri.ts'

/** A key in a token, named by a URI. */
export interface UriSigner extends Signer {
  /** Whether the key was made by this very call. */
  readonly isNew: boolean
  /** Ends the module's process; what is signed later starts it again. */
  close(): Promise<void>
}

/** How the module is run, and what is done when the key is not there. */
export interface UriSignerOptions extends Pick<ModuleOptions, 'patience' | 'timers' | 'environment' | 'command'> {
  /** Makes a key pair of this kind when the token has no private key of the name. Without it the key must be there. */
  readonly generate?: ModuleCurve
}

/**
 * Opens the key that a PKCS#11 URI (RFC 7512) names as a {@link Signer}, in a module process of its own:
 *
 *     pkcs11:token=factory;object=issuing%20CA?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/etc/ca/pin
 *
 * `object`, `id` or both name the key, `token`, `serial`, `manufacturer`, `model` or `slot-id` the token; what is left
 * out must be unique. Of the PIN file only the first line counts. P-256, P-384 and RSA keys (2048 to 4096 bits) sign as
 * `ecdsa-p256-sha256`, `ecdsa-p384-sha384` and `rsa-pkcs1-sha256`.
 *
 * @throws `CRYPTOKI_URI_INVALID`, `CRYPTOKI_TOKEN_MISSING`, `CRYPTOKI_TOKEN_AMBIGUOUS`, `CRYPTOKI_OBJECT_MISSING`,
 *   `CRYPTOKI_OBJECT_AMBIGUOUS`, `CRYPTOKI_KEY_UNSUPPORTED`, `CRYPTOKI_REFUSED` (a wrong PIN), `CRYPTOKI_MODULE_LOST`,
 *   `CRYPTOKI_MODULE_SILENT`
 */
export async function openUriSigner(uri: string, { generate, ...run }: UriSignerOptions = {}): Promise<UriSigner> {
  const { modulePath, token, object, pinSource, pinValue } = parsePkcs11Uri(uri)
  if (modulePath === undefined) throw cryptokiFault('CRYPTOKI_URI_INVALID', { why: 'it names no module-path' })
  if (object.label === undefined && object.id === undefined) {
    throw cryptokiFault('CRYPTOKI_URI_INVALID', { why: 'it names no object and no id' })
  }
  const pin = pinSource === undefined ? pinValue : readPin(pinSource)
  const module = await CryptokiModule.open(modulePath, { ...run, ...token, ...(pin === undefined ? {} : { pin }) })
  try {
    const isNew = generate !== undefined && (await generateIfAbsent(module, object, generate))
    const signer = await module.signer(object)
    return { ...signer, isNew, close: () => module.close() }
  } catch (error) {
    await module.close()
    throw error
  }
}

async function generateIfAbsent(
  module: CryptokiModule,
  { label, id }: { readonly label?: string; readonly id?: Uint8Array },
  curve: ModuleCurve,
): Promise<boolean> {
  const name = { ...(label === undefined ? {} : { label }), ...(id === undefined ? {} : { id }) }
  if ((await module.objects({ kind: 'private-key', ...name })).length > 0) return false
  if (label === undefined)
    throw cryptokiFault('CRYPTOKI_URI_INVALID', { why: 'a key that is made needs an object name' })
  await module.generateKeyPair({ label, ...(id === undefined ? {} : { id }), curve })
  return true
}

function readPin(path: string): string {
  const [pin = ''] = (readTextFile(path) ?? '').split(/\r?\n/)
  if (pin === '') throw cryptokiFault('CRYPTOKI_URI_INVALID', { why: 'its pin-source is absent or empty' })
  return pin
}
