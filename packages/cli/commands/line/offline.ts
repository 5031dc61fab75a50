import { join } from 'node:path'
import { openAllotment } from '@birthmark/factory/desk'
import { readJsonObject } from '@birthmark/factory/json'
import { viewLedger } from '@birthmark/factory/ledger'
import { DeskClient, OfflineStation } from '@birthmark/factory/line'
import { type IssuedCertificate, parseMakerKey } from '@birthmark/factory/order'
import { faults, type Raise, silentLog } from '@birthmark/foundation/kernel'
import { makeFolder, readTextFile, replaceFile, systemClock } from '@birthmark/foundation/system'
import { processOutput } from '../../output.ts'
import { parseInput, readInput } from '../ca-folder.ts'
import { openOrder } from '../order-file.ts'
import { type DeskFlags, withDesk } from './desk-link.ts'
import { openStation, type StationFlags } from './station.ts'

export const OFFLINE_FAULTS = {
  LINE_SYNC_REFUSED: {
    blame: 'operator',
    message: 'the authority refused {refused} of the CSRs that waited',
    remedy: 'Look at the reasons above; scrap the elements that will never get a certificate.',
  },
  LINE_ISSUERS_UNREADABLE: {
    blame: 'operator',
    message: 'the issuers beside the allotment cannot be read from {path}: {problems}',
    remedy: "Get a new allotment with 'birthmark line allot', which writes them.",
  },
} as const
const offlineFault: Raise<typeof OFFLINE_FAULTS> = faults(OFFLINE_FAULTS)

/** How a station works that cannot reach the authority. */
export interface OfflineFlags {
  readonly data: string
  readonly allotment?: string
  readonly deskKey: string
}

type SyncFlags = DeskFlags &
  StationFlags & {
    readonly workOrder: string
    readonly makerKey?: string
    readonly deskKey: string
    readonly allotment?: string
    readonly settle?: boolean
    readonly json?: boolean
  }

/** `birthmark line allot`: asks for leave to make a number of devices without the authority. */
export async function allotCommand(
  flags: DeskFlags &
    StationFlags & {
      readonly workOrder: string
      readonly makerKey?: string
      readonly count: number
      readonly hours: number
      readonly out?: string
      readonly json?: boolean
    },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { count, hours } = flags
  const out = flags.out ?? join(makeFolder(flags.data), ALLOTMENT_FILE)
  await withSession(flags, async (session) => {
    const text = await session.allot(count, hours)
    const { intermediates, root } = await session.issuers()
    const issuers = { intermediates: intermediates.map(base64), root: base64(root) }
    replaceFile(`${out}.issuers`, `${JSON.stringify(issuers)}\n`)
    replaceFile(out, `${text}\n`)
  })
  output.json({ allotment: out, count, hours })
  if (!output.jsonWanted) output.say(`${out} allows ${count} devices in the next ${hours} hours, at this station only.`)
}

/** Opens what waits under the allotment of this station. @throws `ALLOTMENT_INVALID`, `LINE_ISSUERS_UNREADABLE` */
export async function openOffline({ data, allotment, deskKey }: OfflineFlags): Promise<OfflineStation> {
  const path = allotment ?? join(data, ALLOTMENT_FILE)
  const opened = readAllotment(path, deskKey)
  return OfflineStation.open({
    path: join(makeFolder(data), `offline-${opened.id}.jsonl`),
    allotment: opened,
    issuers: readIssuers(`${path}.issuers`),
    clock: systemClock,
    log: silentLog,
  })
}

/** `birthmark line sync`: has the authority issue for what waits, and accounts for the allotment. */
export async function syncCommand(flags: SyncFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const path = flags.allotment ?? join(flags.data, ALLOTMENT_FILE)
  const { id, order } = readAllotment(path, flags.deskKey)
  const offline = await openOffline(flags)
  try {
    const { issued, refused, account } = await withSession(flags, async (session) => {
      // What was scrapped under another allotment, or with the authority at hand, is no part of this account.
      const scrapped = (await scrappedOf(flags.data, order)).filter((uid) => offline.knows(uid))
      const result = await offline.sync(session, new Set(scrapped))
      const isDone = flags.settle === true && result.refused.length === 0
      const settled = isDone ? await session.settle(id, scrapped) : undefined
      return { ...result, account: settled }
    })
    output.json({ issued, refused, ...(account !== undefined && { account }) })
    if (!output.jsonWanted) {
      output.say(`${issued} certificates came; put their elements in again.`)
      for (const { uid, code, message } of refused) output.say(`  ${uid}: ${message} (${code})`)
      if (account !== undefined) {
        const { issued: all, scrapped, returned } = account
        output.say(`The allotment is settled: ${all} issued, ${scrapped} scrapped, ${returned} given back.`)
      }
    }
    if (refused.length > 0) throw offlineFault('LINE_SYNC_REFUSED', { refused: refused.length })
  } finally {
    await offline.close()
  }
}

async function withSession<Value>(
  flags: DeskFlags & StationFlags & { readonly workOrder: string; readonly makerKey?: string },
  work: (session: DeskClient) => Promise<Value>,
): Promise<Value> {
  const text = readInput(flags.workOrder)
  const station = await openStation(flags)
  const { id } = openOrder(text, flags, station.id)
  return withDesk(flags, async (send) => work(await DeskClient.open({ send, ...station, order: { id, text } })))
}

async function scrappedOf(data: string, order: string): Promise<readonly string[]> {
  const { view, close } = await viewLedger(join(data, 'ledger.jsonl'))
  try {
    const uids: string[] = []
    for (let page = view.list({ after: '', limit: PAGE, order, stage: 'scrapped' }); page.length > 0; ) {
      uids.push(...page.map(({ uid }) => uid))
      page = view.list({ after: page.at(-1)?.uid ?? '', limit: PAGE, order, stage: 'scrapped' })
    }
    return uids
  } finally {
    await close()
  }
}

function readAllotment(path: string, deskKey: string): ReturnType<typeof openAllotment> {
  const key = parseInput(deskKey, parseMakerKey)
  return parseInput(path, (text) => openAllotment(text, key))
}

function readIssuers(path: string): Omit<IssuedCertificate, 'certificate'> {
  const parsed = readJsonObject(readTextFile(path) ?? '', (members) => ({
    intermediates: members.texts('intermediates', /^[A-Za-z0-9+/=]{1,40000}$/, 'certificates', { least: 0 }),
    root: members.base64('root', 24_576),
  }))
  if (!parsed.ok) throw offlineFault('LINE_ISSUERS_UNREADABLE', { path, problems: parsed.problems.join('; ') })
  const { intermediates, root } = parsed.value
  return { intermediates: intermediates.map((text) => new Uint8Array(Buffer.from(text, 'base64'))), root }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

const ALLOTMENT_FILE = 'allotment.json'
const PAGE = 500
