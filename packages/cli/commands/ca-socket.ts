import { connect } from 'node:net'
import { readJsonObject } from '@birthmark/factory/json'
import { Fault, messageOf, seconds } from '@birthmark/foundation/kernel'
import { systemTimers } from '@birthmark/foundation/system'
import type { RevocationReason } from '@birthmark/foundation/x509'
import { caFault } from './ca-folder.ts'

/**
 * Has the process that serves an authority revoke a certificate (docs/reference/authority-socket.md): the folder is its
 * own as long as it runs.
 *
 * @throws `CA_SOCKET_UNREACHABLE` (operator), and what the authority says
 */
export async function revokeOverSocket(path: string, serial: string, reason: RevocationReason): Promise<void> {
  const line = await ask(path, `${JSON.stringify({ id: 1, op: 'revoke', serial, reason })}\n`)
  const answer = readJsonObject(line, (members) => {
    members.has('id')
    members.has('revoked')
    const error = members.has('error')
      ? members.object('error', (inner) => ({
          code: inner.text('code', /^[A-Z][A-Z0-9_]{2,63}$/, 'a code'),
          message: inner.text('message', /^[^]{1,4096}$/, 'a sentence'),
          remedy: inner.text('remedy', /^[^]{1,4096}$/, 'a sentence'),
        }))
      : undefined
    return { error }
  })
  if (!answer.ok) throw unreachable(path, answer.problems.join('; '))
  const { error } = answer.value
  if (error !== undefined)
    throw new Fault(error.code, { blame: 'caller', message: error.message, remedy: error.remedy })
}

/** Sends one line and gives the one that comes back. */
function ask(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    let text = ''
    socket.setEncoding('utf8')
    const cancel = systemTimers.after(PATIENCE, () => socket.destroy(new TypeError('no answer came')))
    socket.on('error', (error) => reject(unreachable(path, messageOf(error), error)))
    socket.on('connect', () => socket.write(line))
    socket.on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end !== -1) resolve(text.slice(0, end))
      if (end !== -1 || text.length > ANSWER_CHARACTERS_MAX) socket.destroy()
    })
    socket.on('close', () => {
      cancel()
      reject(unreachable(path, 'it hung up without an answer'))
    })
  })
}

function unreachable(path: string, why: string, cause?: unknown): Fault {
  return caFault('CA_SOCKET_UNREACHABLE', { path, why }, cause)
}

/** How long the answer may take: a flush to disk behind a thousand others. */
const PATIENCE = seconds(30)

/** Longest answer that is read (docs/reference/authority-socket.md). */
const ANSWER_CHARACTERS_MAX = 65_536
