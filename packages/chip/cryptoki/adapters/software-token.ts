import { Token } from '@birthmark/chip/cryptoki'
import { encodeUtf8, toHex } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { newSecret } from './pin-store.ts'
import { SEAL_COST, type SealCost, seal } from './seal.ts'
import { SoftwareFile } from './software-file.ts'
import { SoftwareSource } from './software-source.ts'

/** A software token as it is made: up to 32 characters of label, PINs of 4 to 64 bytes. */
export interface NewSoftwareToken {
  readonly label: string
  readonly pin: string
  /** The security officer's PIN, which sets a new one for a user who has locked theirs. */
  readonly soPin: string
  readonly cost?: SealCost
}

/** A software token that is open. */
export interface OpenSoftwareToken {
  readonly token: Token
  /** Forgets the keys and lets another process have the file. */
  close(): void
}

/** Makes the file of a software token. @throws `CRYPTOKI_FILE_EXISTS`, and the faults of the file system */
export async function createSoftwareToken(
  path: string,
  options: NewSoftwareToken,
): Promise<{ readonly serial: string }> {
  const { label, pin, soPin, cost = SEAL_COST } = options
  const secret = newSecret()
  const [user, so] = [await seal(encodeUtf8(pin), secret, cost), await seal(encodeUtf8(soPin), secret, cost)]
  const pins = { label, user: { sealed: user, wrongCount: 0 }, so: { sealed: so, wrongCount: 0 } }
  const serial = toHex(systemEntropy.bytes(SERIAL_BYTES))
  SoftwareFile.create(path, { serial, pins, objects: [] }).close()
  return { serial }
}

/** Opens a software token's file. @throws `CRYPTOKI_FILE_ABSENT`, `CRYPTOKI_FILE_DAMAGED`, `CHIP_FILE_IN_USE` */
export function openSoftwareToken(path: string, cost: SealCost = SEAL_COST): OpenSoftwareToken {
  const file = SoftwareFile.open(path)
  const source = new SoftwareSource(file, cost)
  return {
    token: new Token(source, { label: `software-${source.serial}` }),
    close() {
      source.closed()
      file.close()
    },
  }
}

const SERIAL_BYTES = 8
