import { spawn } from 'node:child_process'
import { encodeFrame, FrameReader } from '@birthmark/chip/cryptoki'

/**
 * Stands between the driver and `p11-kit remote MODULE`, and dies at one call: after the module did it, before the
 * driver hears of it, and before the module hears of the next.
 *
 *     node cut-module.ts MODULE CALL        calls count from 1, C_Initialize first
 */
const [, , module = '', call = ''] = process.argv
const atCall = Number(call)
const child = spawn('p11-kit', ['remote', module], { stdio: ['pipe', 'pipe', 'ignore'] })
const [requests, responses] = [new FrameReader(), new FrameReader()]
const counts = { requests: 0, responses: 0 }
let isGreeted = false
let isAnswered = false

function die(): never {
  child.kill('SIGKILL')
  process.exit(1)
}

process.stdin.on('data', (bytes: Uint8Array) => {
  requests.push(bytes)
  if (!isGreeted) child.stdin.write(Uint8Array.of(requests.byte() ?? 0))
  isGreeted = true
  for (let frame = requests.next(); frame !== undefined; frame = requests.next()) {
    counts.requests += 1
    // What is sent together is cut apart: the module must not hear of what comes after.
    if (counts.requests <= atCall) child.stdin.write(encodeFrame(frame, 'request'))
  }
})
child.stdout.on('data', (bytes: Uint8Array) => {
  responses.push(bytes)
  if (!isAnswered) process.stdout.write(Uint8Array.of(responses.byte() ?? 0))
  isAnswered = true
  for (let frame = responses.next(); frame !== undefined; frame = responses.next()) {
    counts.responses += 1
    if (counts.responses === atCall) die()
    process.stdout.write(encodeFrame(frame, 'response'))
  }
})
process.stdin.on('end', die)
child.on('exit', () => process.exit(1))
