import { join } from 'node:path'
import { connectDesk, Desk } from '@birthmark/factory/desk'
import { faults, type Log, type Raise, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { withAuthority } from '../ca-folder.ts'
import { openDeskKey } from './desk-signing.ts'

export const DESK_LINK_FAULTS = {
  LINE_AUTHORITY_NOT_NAMED: {
    blame: 'caller',
    message: 'no authority is named, or two',
    remedy:
      'Name one: --authority FOLDER for one on this machine, --authority-socket PATH for one that serves stations.',
  },
} as const
const linkFault: Raise<typeof DESK_LINK_FAULTS> = faults(DESK_LINK_FAULTS)

/** Where the authority is that a station asks. */
export interface DeskFlags {
  readonly authority?: string
  readonly authoritySocket?: string
  readonly passphraseFile?: string
}

/** Brings one line to a desk, and its answer back. */
export type SendToDesk = (line: string) => Promise<string>

/**
 * Works with the desk of an authority: over its socket, or opened here, in which case station and authority are one
 * process that still believes only signatures.
 *
 * @throws `LINE_AUTHORITY_NOT_NAMED`, `DESK_UNREACHABLE`, and the faults of the authority
 */
export async function withDesk<Value>(flags: DeskFlags, work: (send: SendToDesk) => Promise<Value>): Promise<Value> {
  const { authority: folder, authoritySocket, passphraseFile } = flags
  if ((folder === undefined) === (authoritySocket === undefined)) throw linkFault('LINE_AUTHORITY_NOT_NAMED')
  if (authoritySocket !== undefined) {
    const link = await connectDesk(authoritySocket)
    try {
      return await work((line) => link.send(line))
    } finally {
      link.close()
    }
  }
  return withOpenDesk(
    { authority: folder ?? '', ...(passphraseFile !== undefined && { passphraseFile }) },
    silentLog,
    (desk) => work((line) => desk.handle(line)),
  )
}

/** Opens an authority and its desk for one piece of work, and closes both afterwards. */
export async function withOpenDesk<Value>(
  { authority: folder, passphraseFile }: { readonly authority: string; readonly passphraseFile?: string },
  log: Log,
  work: (desk: Desk) => Promise<Value>,
): Promise<Value> {
  const flags = { data: folder, ...(passphraseFile !== undefined && { passphraseFile }) }
  return withAuthority(flags, log, async (authority) => {
    const key = await openDeskKey(folder, passphraseFile)
    try {
      const desk = await Desk.open({
        path: join(folder, 'desk.jsonl'),
        authority,
        signer: key.signer,
        clock: systemClock,
        entropy: systemEntropy,
        log,
      })
      try {
        return await work(desk)
      } finally {
        await desk.close()
      }
    } finally {
      await key.close()
    }
  })
}
