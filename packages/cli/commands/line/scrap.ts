import { join } from 'node:path'
import { Ledger, ledgerFault } from '@birthmark/factory/ledger'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { processOutput } from '../../output.ts'
import { openStation, type StationFlags } from './station.ts'

/**
 * `birthmark line scrap`: puts it on record that an element is never used again, and why.
 *
 * @throws `LEDGER_DEVICE_UNKNOWN` for one that was never begun and no order is named for, `LEDGER_STEP_REFUSED`
 */
export async function scrapCommand(
  uid: string,
  flags: StationFlags & { readonly reason: string; readonly order?: string; readonly json?: boolean },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { name, signer } = await openStation(flags)
  const path = join(flags.data, 'ledger.jsonl')
  const ports = { clock: systemClock, entropy: systemEntropy, log: silentLog }
  const ledger = await Ledger.open({ path, writer: { name, signer }, ...ports })
  try {
    const device = ledger.device(uid)
    const order = device?.order ?? flags.order
    if (order === undefined) throw ledgerFault('LEDGER_DEVICE_UNKNOWN', { uid })
    await ledger.record({ kind: 'scrapped', order, uid, reason: 'OPERATOR', note: flags.reason })
    const { fingerprint } = device ?? {}
    output.json({ uid, order, stage: 'scrapped', fingerprint })
    if (output.jsonWanted) return
    output.say(`${uid} is scrapped, on record; no station takes it any more.`)
    if (fingerprint !== undefined)
      output.say(`Its certificate ${fingerprint} exists: revoke it with 'birthmark ca revoke'.`)
  } finally {
    await ledger.close()
  }
}
