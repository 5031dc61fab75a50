import { encodeUtf8, toHex } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { NUMBER_LABEL, readRecord, writeRecord } from './module-records.ts'
import type { ModuleSession } from './module-session.ts'
import type { ModuleToken } from './module-slots.ts'

/**
 * Gives the number of a token, in hex: its serial number. A token that has none (tpm2-pkcs11 gives zeros for all) gets
 * a random number when it is first asked, which stays on it as a data object.
 */
export async function numberOf(session: ModuleSession, { serial }: ModuleToken): Promise<string> {
  if (!/^[0 ]*$/.test(serial))
    return /^[0-9a-fA-F]{8,}$/.test(serial) ? serial.toLowerCase() : toHex(encodeUtf8(serial))
  const kept = await readRecord(session, NUMBER_LABEL)
  if (kept !== undefined) return toHex(kept)
  const made = systemEntropy.bytes(NUMBER_BYTES)
  await writeRecord(session, NUMBER_LABEL, made)
  return toHex(made)
}

/** As many as the UID of a UUID-like number: two tokens never meet. */
const NUMBER_BYTES = 16
