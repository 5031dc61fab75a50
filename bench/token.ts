import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pauseMs } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CKA, CKF, CKK, CKM, CKO, CURVES } from '@birthmark/chip/cryptoki'
import { CryptokiConnection } from '@birthmark/chip/cryptoki/adapters'
import { encodeUtf8, seconds } from '@birthmark/foundation/kernel'
import { systemEntropy, systemTimers } from '@birthmark/foundation/system'

/*
 * How many P-256 signatures a second programs get out of our token server, with a virtual chip behind it, and out of
 * `p11-kit server` over SoftHSM: the same clients, the same calls, in turn in the same run. Each connection makes one
 * call after another, as programs do: C_SignInit, C_Sign.
 *
 *     node bench/token.ts
 */

/** How much is measured. */
export interface TokenBenchSize {
  /** Signatures of all connections before anything counts: a server runs for days, and warms up in a second. */
  readonly warmUp: number
  /** Signatures of all connections together, in each round. */
  readonly signatures: number
  readonly connections: number
  /** Rounds on both servers, who goes first in turn; medians count. */
  readonly rounds: number
}

/** Signatures a second from our server and from p11-kit's. */
export interface TokenBenchResult {
  readonly ours: number
  readonly theirs: number
  /** Of ours to theirs, within a round: what else the machine does disturbs both alike. */
  readonly ratio: number
}

/** Measures both servers in turn. Needs the Debian packages p11-kit and softhsm2. */
export async function measureToken(size: TokenBenchSize): Promise<TokenBenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-bench-'))
  const started: ChildProcess[] = []
  try {
    const servers = [await startOurs(folder, started), await startTheirs(folder, started)]
    const [ours, theirs] = await Promise.all(servers.map((socket) => programsAt(socket, size.connections)))
    const rounds = await inTurn(size, ours ?? [], theirs ?? [])
    for (const { connection } of [...(ours ?? []), ...(theirs ?? [])]) connection.close()
    return {
      ours: median(rounds.map((round) => round.ours)),
      theirs: median(rounds.map((round) => round.theirs)),
      ratio: median(rounds.map((round) => round.ours / round.theirs)),
    }
  } finally {
    for (const child of started) {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
    rmSync(folder, { recursive: true })
  }
}

/** One connection with a session and a key. */
interface Program {
  readonly connection: CryptokiConnection
  readonly session: bigint
  readonly key: bigint
}

async function startOurs(folder: string, started: ChildProcess[]): Promise<string> {
  const socket = join(folder, 'ours.sock')
  const words = ['token', 'serve', '--chip', join(folder, 'bench.chip'), '--socket', socket, '--json']
  const child = spawn(process.execPath, [BIRTHMARK, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(child)
  await once(createInterface(child.stdout), 'line')
  return socket
}

async function startTheirs(folder: string, started: ChildProcess[]): Promise<string> {
  mkdirSync(join(folder, 'tokens'))
  const configuration = join(folder, 'softhsm2.conf')
  writeFileSync(configuration, `directories.tokendir = ${join(folder, 'tokens')}\nlog.level = ERROR\n`)
  const env = { ...process.env, SOFTHSM2_CONF: configuration }
  const words = ['--init-token', '--free', '--label', 'bench', '--pin', PIN, '--so-pin', '12345678']
  execFileSync('softhsm2-util', words, { stdio: 'pipe', env })
  const socket = join(folder, 'theirs.sock')
  const serve = ['server', '-f', '-n', socket, '--provider', SOFTHSM, 'pkcs11:token=bench']
  started.push(spawn('p11-kit', serve, { env, stdio: ['ignore', 'ignore', 'inherit'] }))
  while (!(await isServed(socket))) await pauseMs(20)
  return socket
}

/** The socket is there a moment before anybody listens on it. */
function isServed(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket)
    probe.once('connect', () => resolve(true))
    probe.once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
}

async function programsAt(socket: string, count: number): Promise<Program[]> {
  const programs: Program[] = []
  for (let n = 0; n < count; n++) programs.push(await program(socket, programs.length === 0))
  return programs
}

async function program(socket: string, makesKey: boolean): Promise<Program> {
  const stream = connect(socket)
  await once(stream, 'connect')
  const end = (): void => void stream.destroy()
  const connection = new CryptokiConnection({
    input: stream,
    output: stream,
    timers: systemTimers,
    patience: seconds(20),
    end,
  })
  await connection.call('Initialize', [HANDSHAKE, 0, Uint8Array.of(0)])
  const [slots] = await connection.call('GetSlotList', [1, 16])
  if ('size' in slots || slots[0] === undefined) throw new Error('the server shows no slot')
  const [session] = await connection.call('OpenSession', [slots[0], CKF.SERIAL_SESSION | CKF.RW_SESSION])
  await connection.call('Login', [session, 1n, encodeUtf8(PIN)])
  if (makesKey) await makeKey(connection, session)
  await connection.call('FindObjectsInit', [session, [{ type: CKA.CLASS, value: CKO.PRIVATE_KEY }]])
  const [found] = await connection.call('FindObjects', [session, 16])
  await connection.call('FindObjectsFinal', [session])
  const key = 'size' in found ? undefined : found.at(-1)
  if (key === undefined) throw new Error('the server shows no key')
  return { connection, session, key }
}

async function makeKey(connection: CryptokiConnection, session: bigint): Promise<void> {
  const id = { type: CKA.ID, value: Uint8Array.of(1) }
  const parameters = { type: CKA.EC_PARAMS, value: CURVES.p256.parameters }
  await connection.call('GenerateKeyPair', [
    session,
    { type: CKM.EC_KEY_PAIR_GEN },
    [parameters, { type: CKA.TOKEN, value: 1 }, { type: CKA.VERIFY, value: 1 }, id],
    [
      { type: CKA.KEY_TYPE, value: CKK.EC },
      { type: CKA.TOKEN, value: 1 },
      { type: CKA.PRIVATE, value: 1 },
      { type: CKA.SIGN, value: 1 },
      id,
    ],
  ])
}

async function inTurn(
  { warmUp, signatures, rounds }: TokenBenchSize,
  ours: readonly Program[],
  theirs: readonly Program[],
): Promise<readonly { readonly ours: number; readonly theirs: number }[]> {
  for (const programs of [ours, theirs]) await signAll(programs, warmUp)
  const rates: { ours: number; theirs: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const rate = { ours: 0, theirs: 0 }
    const order = round % 2 === 0 ? (['ours', 'theirs'] as const) : (['theirs', 'ours'] as const)
    for (const side of order) rate[side] = await signAll(side === 'ours' ? ours : theirs, signatures)
    rates.push(rate)
  }
  return rates
}

async function signAll(programs: readonly Program[], signatures: number): Promise<number> {
  const digest = systemEntropy.bytes(32)
  let left = signatures
  const start = process.hrtime.bigint()
  const work = async ({ connection, session, key }: Program): Promise<void> => {
    while (left > 0) {
      left -= 1
      await connection.call('SignInit', [session, { type: CKM.ECDSA }, key])
      await connection.call('Sign', [session, digest, 512])
    }
  }
  await Promise.all(programs.map(work))
  return (signatures * 1e9) / Number(process.hrtime.bigint() - start)
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0
}

const BIRTHMARK = fileURLToPath(new URL('../packages/cli/bin/birthmark.js', import.meta.url))
const SOFTHSM = '/usr/lib/softhsm/libsofthsm2.so'
const PIN = '4711'

/** What p11-kit's C_Initialize expects first (p11-kit, rpc-message.h). */
const HANDSHAKE = encodeUtf8('PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1')

if (import.meta.main) {
  for (const connections of [1, 4, 16]) {
    const size = { warmUp: 6_000, signatures: 1_000, connections, rounds: 15 }
    const { ours, theirs, ratio } = await measureToken(size)
    console.log(
      `signatures/s, ${connections} connections: ours ${Math.round(ours)}, p11-kit server over SoftHSM ` +
        `${Math.round(theirs)}, ratio ${ratio.toFixed(2)}`,
    )
  }
  console.log(`load of the machine: ${loadavg()[0]?.toFixed(1)}`)
}
