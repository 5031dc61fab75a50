import { spawn } from 'node:child_process'
import { encodeFrame, FrameReader } from '@birthmark/chip/cryptoki'

/**
 * Runs a module's process and spoils one of its answers: the body comes out with its last bytes turned round.
 *
 *     node spoil-module.ts ANSWER PROGRAM WORDS...        answers count from 1, that of C_Initialize first
 */
const [, , answer = '', program = '', ...words] = process.argv
const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] })
const reader = new FrameReader()
let count = 0
let isGreeted = false

process.stdin.pipe(child.stdin)
child.stdout.on('data', (bytes: Uint8Array) => {
  reader.push(bytes)
  if (!isGreeted) process.stdout.write(Uint8Array.of(reader.byte() ?? 0))
  isGreeted = true
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    count += 1
    const body = count === Number(answer) ? spoilt(frame.body) : frame.body
    process.stdout.write(encodeFrame({ code: frame.code, body }, 'response'))
  }
})
child.on('exit', (status) => process.exit(status ?? 1))

/** Leaves the head, so that it is an answer, and makes its content another. */
function spoilt(body: Uint8Array): Uint8Array {
  return Uint8Array.from(body, (byte, at) => (at < 8 ? byte : byte ^ 0xff))
}
