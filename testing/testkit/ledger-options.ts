import type { LedgerOptions } from '@birthmark/factory/ledger'
import { type Clock, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { SoftwareSigner } from '@birthmark/foundation/x509'

/** The key of the one station that writes ledgers in tests. */
export const STATION_SIGNER: SoftwareSigner = await SoftwareSigner.generate('ecdsa-p256-sha256')

/** Gives what opens a ledger as that station. */
export function ledgerOptions(path: string, clock: Clock = systemClock): LedgerOptions {
  return { path, writer: { name: 'station', signer: STATION_SIGNER }, clock, entropy: systemEntropy, log: silentLog }
}
