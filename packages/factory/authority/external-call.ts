/** The two ways to ask a CA elsewhere. */
import { spawn } from 'node:child_process'
import { decodeUtf8, Fault, messageOf, seconds } from '@birthmark/foundation/kernel'
import { readTextFile, systemTimers } from '@birthmark/foundation/system'
import type { ExternalSettings } from './external-settings.ts'
import { setupFault } from './setup-faults.ts'

/**
 * Largest answer that is read, in bytes: a certificate and its issuers have under 20 KB. At the limit the ask fails
 * with `EXTERNAL_CA_FAILED`.
 */
export const EXTERNAL_ANSWER_BYTES_MAX = 262_144

/**
 * Runs a program: the request on its standard input, the certificate on its standard output. It is killed when its time
 * is over.
 *
 * @throws `EXTERNAL_CA_FAILED`, `EXTERNAL_CA_SILENT` (operator)
 */
export function callCommand(
  [program = '', ...words]: readonly string[],
  request: string,
  { timeoutSeconds }: Pick<ExternalSettings, 'timeoutSeconds'>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] })
    const answer: Buffer[] = []
    let bytes = 0
    let said = ''
    let ended: Fault | undefined
    const end = (fault: Fault): void => {
      ended ??= fault
      child.kill('SIGKILL')
      // What it started may hold its output open; nothing more is taken from it.
      child.stdout.destroy()
      child.stderr.destroy()
    }
    const stop = systemTimers.after(seconds(timeoutSeconds), () => end(silent(program, timeoutSeconds)))
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > EXTERNAL_ANSWER_BYTES_MAX)
        end(failed(program, `it answers with more than ${EXTERNAL_ANSWER_BYTES_MAX} bytes`))
      else answer.push(chunk)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-SAID_CHARACTERS_MAX)
    })
    // It may end before it has read the request.
    child.stdin.on('error', () => undefined)
    child.stdin.end(request)
    child.on('error', (error) => end(failed(program, messageOf(error))))
    child.on('close', (status) => {
      stop()
      const text = decodeUtf8(Buffer.concat(answer))
      if (ended !== undefined) reject(ended)
      else if (status !== 0)
        reject(failed(program, `it ended with status ${status ?? 'none'} and said: ${lastLine(said)}`))
      else if (text === undefined) reject(failed(program, 'its answer is not UTF-8'))
      else resolve(text)
    })
  })
}

/**
 * Sends the request to an address (POST, PEM), and takes the certificate from the answer (status 200 or 201, PEM).
 * Redirections are refused: the address was chosen with care.
 *
 * @throws `EXTERNAL_CA_FAILED`, `EXTERNAL_CA_SILENT`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator)
 */
export async function callUrl(
  url: string,
  request: string,
  { timeoutSeconds, tokenFile }: Pick<ExternalSettings, 'timeoutSeconds' | 'tokenFile'>,
): Promise<string> {
  const token = tokenFile === undefined ? undefined : readTextFile(tokenFile)?.trim()
  if (tokenFile !== undefined && token === undefined) throw failed(url, `there is no file ${tokenFile} with its token`)
  const headers = {
    'content-type': 'application/x-pem-file',
    accept: 'application/x-pem-file',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  const signal = AbortSignal.timeout(seconds(timeoutSeconds))
  try {
    const response = await fetch(url, { method: 'POST', body: request, headers, redirect: 'error', signal })
    const answer = await readBody(url, response)
    if (response.status === 200 || response.status === 201) return answer
    throw failed(url, `it answers with status ${response.status}: ${lastLine(answer)}`)
  } catch (error) {
    if (error instanceof Fault) throw error
    if (signal.aborted) throw silent(url, timeoutSeconds)
    throw failed(url, messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error))
  }
}

async function readBody(url: string, response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > EXTERNAL_ANSWER_BYTES_MAX)
      throw failed(url, `it answers with more than ${EXTERNAL_ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return decodeUtf8(Buffer.concat(chunks)) ?? ''
}

/** Gives the last line of what somebody else wrote, as one that is harmless in a message. */
function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? ''
  return line.replaceAll(/\p{Cc}/gu, ' ').slice(0, LINE_CHARACTERS_MAX) || '(nothing)'
}

function failed(where: string, why: string): Fault {
  return setupFault('EXTERNAL_CA_FAILED', { where, why })
}

function silent(where: string, timeout: number): Fault {
  return setupFault('EXTERNAL_CA_SILENT', { where, seconds: timeout })
}

/** What of a program's words is kept for a message, in characters. */
const SAID_CHARACTERS_MAX = 4096
const LINE_CHARACTERS_MAX = 300
