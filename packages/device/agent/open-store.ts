import { existsSync } from 'node:fs'
import { CryptokiModule, parsePkcs11Uri } from '@birthmark/chip/cryptoki/adapters'
import type { I2cMaster } from '@birthmark/chip/i2c'
import { connectBus, openLinuxBus } from '@birthmark/chip/i2c/adapters'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { readTextFile } from '@birthmark/foundation/system'
import type { ElementChoice } from './configuration.ts'
import { agentFault } from './faults.ts'
import { elementStore, type IdentityStore, type PlaceSlots } from './identity-store.ts'
import { softwareStore } from './software-store.ts'

/**
 * Opens the element that a configuration names.
 *
 * @throws `ELEMENT_CHIP_ABSENT`, `ELEMENT_FILE_DAMAGED`, `ELEMENT_PASSPHRASE_WEAK`, what opening a chip or token throws
 */
export async function openStore(element: ElementChoice): Promise<IdentityStore> {
  switch (element.kind) {
    case 'software':
      return softwareStore(element.path, element.passphrase)
    case 'chip': {
      // A misspelt name must not make a chip.
      if (!existsSync(element.path)) throw agentFault('ELEMENT_CHIP_ABSENT', { path: element.path })
      const virtual = await openVirtualChip({ file: element.path })
      const store = await openChip(virtual)
      return { ...store, close: () => virtual.close() }
    }
    case 'socket':
      return openChip(await connectBus(element.path))
    case 'i2c':
      return openChip(await openLinuxBus(element.path))
    case 'pkcs11':
      return openToken(element.uri)
  }
}

async function openChip(bus: I2cMaster): Promise<IdentityStore> {
  try {
    return await elementStore(await TrustX.open(bus), CHIP_SECOND)
  } catch (error) {
    await bus.close()
    throw error
  }
}

async function openToken(uri: string): Promise<IdentityStore> {
  const { modulePath = '', token, pinSource, pinValue } = parsePkcs11Uri(uri)
  const pin = pinSource === undefined ? pinValue : readTextFile(pinSource)?.split(/\r?\n/, 1)[0]
  const module = await CryptokiModule.open(modulePath, { ...token, ...(pin === undefined ? {} : { pin }) })
  try {
    return await elementStore(module, TOKEN_SECOND)
  } catch (error) {
    await module.close()
    throw error
  }
}

/** The second key and certificate of a Trust X that an application may use. */
const CHIP_SECOND: PlaceSlots = { key: '0xE0F2', certificate: '0xE0E2' }
const TOKEN_SECOND: PlaceSlots = { key: 'device key 2', certificate: 'device certificate 2' }
