import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectBus } from '@birthmark/chip/i2c/adapters'
import { TrustX } from '@birthmark/chip/trust-x/adapters'
import { openAuthority } from '@birthmark/factory/authority'
import { Desk } from '@birthmark/factory/desk'
import { Ledger } from '@birthmark/factory/ledger'
import { DeskClient, runLine } from '@birthmark/factory/line'
import { parseWorkOrder } from '@birthmark/factory/order'
import { silentLog } from '@birthmark/foundation/kernel'
import { readTextFile, replaceFile, systemClock, systemEntropy } from '@birthmark/foundation/system'
import { SoftwareSigner } from '@birthmark/foundation/x509'

/** What the parent tells this program: begin, with this order, on these sockets. */
export interface LineJob {
  readonly order: string
  readonly sockets: readonly string[]
}

/** What this program tells its parent: that it is loaded, or how many devices of the order are finished now. */
export type LineReport = { readonly loaded: true } | { readonly finished: number; readonly failed: number }

if (process.argv[1] === import.meta.filename) {
  const [folder = '', passphrase = ''] = process.argv.slice(2)
  const told = once(process, 'message')
  process.send?.({ loaded: true })
  const [job] = (await told) as [LineJob]
  const ports = { clock: systemClock, entropy: systemEntropy, log: silentLog }
  const key = SoftwareSigner.fromEncryptedPem(readFileSync(join(folder, 'station.key.pem'), 'utf8'), passphrase)
  const authority = await openAuthority({ folder: join(folder, 'ca'), passphrase, ...ports })
  const desk = await Desk.open({ path: join(folder, 'ca/desk.jsonl'), authority, signer: key, ...ports })
  const order = parseWorkOrder(job.order)
  const token = join(folder, 'station.token')
  const session = await DeskClient.open({
    send: (line) => desk.handle(line),
    signer: key,
    order: { id: order.id, text: job.order },
    tokens: { load: () => readTextFile(token) ?? '', save: (text) => replaceFile(token, text) },
  })
  const writer = { name: 'station', signer: key }
  const ledger = await Ledger.open({ path: join(folder, 'ledger.jsonl'), writer, ...ports })
  const { finished, outcomes } = await runLine({
    order,
    sockets: job.sockets.map((path) => async () => TrustX.open(await connectBus(path))),
    parallel: 4,
    authority: session,
    ledger,
    ...ports,
    manifestPath: join(folder, 'manifest.jsonl'),
  })
  await ledger.close()
  await desk.close()
  await authority.close()
  process.send?.({ finished, failed: outcomes.failed + outcomes.scrapped })
  process.disconnect?.()
}
