import { DEVICE_STAGES, type LedgerRecord, ledgerFault, viewLedger } from '@birthmark/factory/ledger'
import { processOutput } from '../../output.ts'
import { namedFile } from '../ca-folder.ts'

/** `birthmark ledger list`. @throws the faults of ledgers and files */
export async function listCommand(
  path: string,
  flags: {
    readonly order?: string
    readonly stage?: string
    readonly after: string
    readonly limit: number
    readonly json?: boolean
  },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const stage = DEVICE_STAGES.find((name) => name === flags.stage)
  if (flags.stage !== undefined && stage === undefined)
    throw ledgerFault('LEDGER_STAGE_UNKNOWN', { stage: flags.stage })
  const { order, limit } = flags
  const filter = { ...(order !== undefined && { order }), ...(stage !== undefined && { stage }) }
  const { view, close } = await viewLedger(namedFile(path))
  try {
    let { after } = flags
    for (let left = limit; left > 0; ) {
      const page = view.list({ ...filter, after, limit: Math.min(left, PAGE_COUNT) })
      for (const { uid, order: of, stage: at, fingerprint } of page) {
        output.json({ uid, order: of, stage: at, fingerprint })
        if (!output.jsonWanted) output.say(`${uid}  ${of}  ${at}`)
      }
      if (page.length === 0) break
      after = page.at(-1)?.uid ?? after
      left -= page.length
    }
  } finally {
    await close()
  }
}

/** `birthmark ledger show`. @throws `LEDGER_DEVICE_UNKNOWN`, and the faults of ledgers and files */
export async function showCommand(path: string, uid: string, flags: { readonly json?: boolean }): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { view, close } = await viewLedger(namedFile(path))
  try {
    const entries = await view.entriesOf(uid)
    if (entries.length === 0) throw ledgerFault('LEDGER_DEVICE_UNKNOWN', { uid })
    for (const { seq, time, content } of entries) {
      const at = new Date(time).toISOString()
      const said = details(content)
      output.json({ seq, time: at, kind: content.kind, order: content.order, uid, ...said })
      const words = Object.entries(said).map(([name, value]) => `${name} ${value}`)
      if (!output.jsonWanted) output.say(`${at}  ${content.kind.padEnd(13)}  ${words.join(', ')}`)
    }
  } finally {
    await close()
  }
}

function details(record: LedgerRecord): Readonly<Record<string, string>> {
  const pairs = Object.entries(record).flatMap(([name, value]): [string, string][] => {
    if (name === 'kind' || name === 'order' || name === 'uid') return []
    return [[name, value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value)]]
  })
  return Object.fromEntries(pairs)
}

/** Devices that are read at once. */
const PAGE_COUNT = 500
