import { CryptokiModule } from '@birthmark/chip/cryptoki/adapters'
import type { ElementSource } from '@birthmark/factory/line'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { readTextFile } from '@birthmark/foundation/system'

export const LINE_MODULE_FAULTS = {
  LINE_TOKENS_MISSING: {
    blame: 'operator',
    message: 'the module has no initialised token',
    remedy: 'Initialise one per device, with `pkcs11-tool --module MODULE --init-token` for example.',
  },
  LINE_PIN_UNUSABLE: {
    blame: 'operator',
    message: 'the PIN file is absent or empty',
    remedy: 'Write the PIN of the tokens alone into the file, readable for you only.',
  },
} as const
const lineModuleFault: Raise<typeof LINE_MODULE_FAULTS> = faults(LINE_MODULE_FAULTS)

/** Which tokens of a vendor's module are put in. */
export interface ModuleFlags {
  readonly module: string
  /** Labels; every initialised token when absent. */
  readonly tokens?: readonly string[]
  readonly pinFile?: string
}

/** Elements, and where they are, in the same order. */
export interface PlacedElements {
  readonly sources: Iterable<ElementSource>
  readonly places: readonly string[]
}

/**
 * Gives the tokens of a PKCS#11 module as elements, each in a process of its own once its turn comes.
 *
 * @throws `LINE_TOKENS_MISSING`, `LINE_PIN_UNUSABLE`, and what the module says
 */
export async function moduleElements({ module: path, tokens, pinFile }: ModuleFlags): Promise<PlacedElements> {
  const login = pinFile === undefined ? {} : { pin: readPin(pinFile) }
  if (tokens !== undefined) {
    const sources = tokens.map((label) => () => CryptokiModule.open(path, { label, ...login }))
    return { sources, places: tokens.map((label) => `token ${label}`) }
  }
  const module = await CryptokiModule.open(path)
  try {
    const slots = (await module.slots()).filter(({ token }) => token?.isInitialised === true)
    if (slots.length === 0) throw lineModuleFault('LINE_TOKENS_MISSING')
    const sources = slots.map(
      ({ slotId }) =>
        () =>
          CryptokiModule.open(path, { slotId, ...login }),
    )
    return { sources, places: slots.map(({ slotId, token }) => `token ${token?.label ?? ''} in slot ${slotId}`) }
  } finally {
    await module.close()
  }
}

function readPin(path: string): string {
  const pin = readTextFile(path)?.replace(/\r?\n$/, '') ?? ''
  if (pin === '') throw lineModuleFault('LINE_PIN_UNUSABLE')
  return pin
}
