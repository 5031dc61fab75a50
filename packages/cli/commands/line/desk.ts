import { serveDesk } from '@birthmark/factory/desk'
import { keyIdOf } from '@birthmark/factory/ledger'
import { jsonLog, silentLog } from '@birthmark/foundation/kernel'
import { replaceFile, systemClock } from '@birthmark/foundation/system'
import { toPem } from '@birthmark/foundation/x509'
import { processOutput } from '../../output.ts'
import { listenForStop } from '../../signals.ts'
import { withOpenDesk } from './desk-link.ts'
import { deskPublicKey, placeDeskKey } from './desk-signing.ts'

interface DeskCommandFlags {
  readonly authority: string
  readonly passphraseFile?: string
  readonly json?: boolean
}

/** `birthmark line desk`: answers stations over a socket until it is told to stop. */
export async function deskCommand(flags: DeskCommandFlags & { readonly socket: string }): Promise<void> {
  const stop = listenForStop({ inputEnds: false })
  const output = processOutput({ json: flags.json === true })
  const log = jsonLog(systemClock, (line) => process.stderr.write(line))
  await withOpenDesk(flags, log, async (desk) => {
    const server = await serveDesk({ desk, socketPath: flags.socket, log })
    output.json({ ready: true, socket: flags.socket })
    if (!output.jsonWanted) output.say(`The authority answers stations on ${flags.socket}. Stop it with Ctrl-C.`)
    await stop.told
    await server.close()
  })
}

/** `birthmark line desk-key`: writes the public key that allotments are signed with. */
export async function deskKeyCommand(
  flags: DeskCommandFlags & { readonly out: string; readonly key?: string },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  if (flags.key !== undefined) await placeDeskKey(flags.authority, flags.key)
  const publicKey = await deskPublicKey(flags.authority, flags.passphraseFile)
  replaceFile(flags.out, toPem('PUBLIC KEY', publicKey), { mode: 0o644 })
  output.json({ publicKey: flags.out, id: keyIdOf(publicKey) })
  if (!output.jsonWanted) output.say(`Give ${flags.out} to stations that work offline.`)
}

/** `birthmark line release`: lets a station that was caught with a copied key begin again. */
export async function releaseCommand(station: string, flags: DeskCommandFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  await withOpenDesk(flags, silentLog, (desk) => desk.release(station))
  output.json({ station, released: true })
  if (!output.jsonWanted) output.say(`The station ${station} may begin again, with any token.`)
}

/** `birthmark line stations`: shows stations, allotments and refusals as the desk has them on record. */
export async function stationsCommand(flags: DeskCommandFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  await withOpenDesk(flags, silentLog, async (desk) => {
    const { stations, copied, allotments, refusals } = desk.state
    const open = [...allotments.values()].map(({ id, station, order, count, until, drawn }) => {
      return { id, station, order, count, until: new Date(until).toISOString(), drawn: drawn.size }
    })
    const known = [...new Set([...stations.keys(), ...copied])].map((id) => ({ id, copied: copied.has(id) }))
    output.json({ stations: known, allotments: open, refusals: Object.fromEntries(refusals) })
    if (output.jsonWanted) return
    for (const { id, copied: isCopied } of known)
      output.say(`${id}${isCopied ? '  COPIED: nothing is issued to it' : ''}`)
    for (const { id, count, drawn, until } of open) output.say(`allotment ${id}: ${drawn} of ${count}, until ${until}`)
    for (const [code, count] of refusals) output.say(`refused ${String(count).padStart(6)}  ${code}`)
  })
}
