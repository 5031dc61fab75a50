import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import {
  type Attribute,
  type AttributeValue,
  CKA,
  CKF,
  CKM,
  CURVES,
  type PinRecord,
  type Pins,
  type Token,
  type TokenCurve,
} from '@birthmark/chip/cryptoki'
import {
  CryptokiConnection,
  chipPins,
  openTrustXToken,
  serveTokens,
  type TokenServer,
} from '@birthmark/chip/cryptoki/adapters'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { encodeUtf8, type Fault, isFault, seconds } from '@birthmark/foundation/kernel'
import { systemTimers } from '@birthmark/foundation/system'
import { scratchFolder } from './scratch-folder.ts'

/** A virtual chip that is served as a token, for one test. */
export interface TokenBench {
  readonly chip: TrustX
  readonly token: Token
  readonly server: TokenServer
  readonly socket: string
  /** What the server complained of. */
  readonly faults: readonly Fault[]
  /** What programs set to find it. */
  readonly environment: Readonly<Record<string, string>>
  /** Connects as a program does that has called C_Initialize. */
  program(): Promise<CryptokiConnection>
}

/** PINs that the token has from the start, and what it shows. */
export interface BenchPins {
  readonly pin?: string
  readonly soPin?: string
  /** False leaves the vendor's pair out. */
  readonly withVendor?: boolean
}

/** Serves a fresh virtual chip until the test ends. */
export async function tokenBench(context: TestContext, pins: BenchPins = {}): Promise<TokenBench> {
  const { withVendor = true } = pins
  const chip = await TrustX.open(await openVirtualChip())
  const kept = await memoryPins(pins)
  const token = await openTrustXToken(chip, { pinsOf: () => kept, withVendor })
  const socket = join(await scratchFolder(context), 'token.sock')
  const faults: Fault[] = []
  const server = await serveTokens(socket, [token], (fault) => faults.push(fault))
  context.after(async () => {
    await server.close()
    await chip.close()
  })
  const program = (): Promise<CryptokiConnection> => connectProgram(context, socket)
  const environment = { P11_KIT_SERVER_ADDRESS: `unix:path=${socket}` }
  return { chip, token, server, socket, faults, environment, program }
}

/** Gives PINs that are kept in memory and cost nothing to try. */
export async function memoryPins({ pin, soPin }: BenchPins, record: PinRecord = {}): Promise<Pins> {
  const store = { record, write: (next: PinRecord) => void (store.record = next) }
  const pins = chipPins(store, CHEAP)
  if (pin !== undefined) await pins.provide('user', encodeUtf8(pin))
  if (soPin !== undefined) await pins.provide('so', encodeUtf8(soPin))
  return pins
}

/** What makes a try of a PIN cheap enough for tests. */
export const CHEAP = { n: 16 }

/** Connects to a served token as a program does that has called C_Initialize. */
export async function connectProgram(context: TestContext, socket: string): Promise<CryptokiConnection> {
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
  context.after(() => connection.close())
  await connection.call('Initialize', [new Uint8Array(0), 0, Uint8Array.of(0)])
  return connection
}

/** Opens a read-write session on the first slot. */
export async function openSession(program: CryptokiConnection): Promise<bigint> {
  const [session] = await program.call('OpenSession', [1n, CKF.SERIAL_SESSION | CKF.RW_SESSION])
  return session
}

/** The key pair that a test wants; P-256 in the first free place unless told otherwise. */
export interface BenchKey {
  readonly curve?: TokenCurve
  readonly id?: number
  /** More of the private key's template. */
  readonly template?: readonly Attribute[]
}

/** Makes a key pair; gives the handles, public first. @param wanted A number stands for its CKA_ID alone. */
export async function generateKeyPair(
  program: CryptokiConnection,
  session: bigint,
  wanted: BenchKey | number = {},
): Promise<readonly [bigint, bigint]> {
  const { id, curve = 'p256', template = [] }: BenchKey = typeof wanted === 'number' ? { id: wanted } : wanted
  const place = id === undefined ? [] : [{ type: CKA.ID, value: Uint8Array.of(id) }]
  return program.call('GenerateKeyPair', [
    session,
    { type: CKM.EC_KEY_PAIR_GEN },
    [{ type: CKA.EC_PARAMS, value: CURVES[curve].parameters }],
    [{ type: CKA.TOKEN, value: 1 }, ...place, ...template],
  ])
}

/** Gives the handles of the objects that match. */
export async function findObjects(
  program: CryptokiConnection,
  session: bigint,
  template: readonly Attribute[],
): Promise<readonly bigint[]> {
  await program.call('FindObjectsInit', [session, template])
  const [found] = await program.call('FindObjects', [session, 100])
  await program.call('FindObjectsFinal', [session])
  assert.ok(!('size' in found))
  return found
}

/** Reads one attribute, with the code that came with it. */
export async function attributeOf(
  program: CryptokiConnection,
  session: bigint,
  object: bigint,
  type: number,
): Promise<{ readonly value: AttributeValue | undefined; readonly code: bigint }> {
  const [[found], code] = await program.call('GetAttributeValue', [session, object, [{ type, room: 4096 }]])
  return { value: found?.value, code }
}

/** Reads an attribute that is bytes. */
export async function bytesOf(
  program: CryptokiConnection,
  session: bigint,
  object: bigint,
  type: number,
): Promise<Uint8Array> {
  const { value } = await attributeOf(program, session, object, type)
  assert.ok(value instanceof Uint8Array)
  return value
}

/** Asserts that a call is answered with this code. */
export async function refusesCall(sent: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(sent, (error) => {
    assert.ok(isFault(error, 'CRYPTOKI_REFUSED'), String(error))
    assert.equal(error.context['code'], code)
    return true
  })
}
