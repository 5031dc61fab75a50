import { createECDH, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type { SecureElement } from '@birthmark/chip'
import { Fault } from '@birthmark/foundation/kernel'

/** What stays in an element when its power goes. */
export interface ElementMemory {
  readonly uid: string
  readonly keys: Map<string, KeyObject>
  readonly certificates: Map<string, Uint8Array>
  readonly locked: Set<string>
  /** Every call that took effect, in order. */
  readonly calls: string[]
}

/** Gives the memory of a fresh element. */
export function freshMemory(uid: string): ElementMemory {
  return { uid, keys: new Map(), certificates: new Map(), locked: new Set(), calls: [] }
}

/** A secure element of software: the port's rules without a chip's protocol. Its keys are as safe as any test's. */
export function softwareElement(memory: ElementMemory): SecureElement {
  const done = <Value>(call: string, value: Value): Promise<Value> => {
    memory.calls.push(call)
    return Promise.resolve(value)
  }
  const assertUnlocked = (slot: string): void => {
    if (memory.locked.has(slot)) throw elementFault('ELEMENT_SLOT_LOCKED', `slot ${slot} is locked`)
  }
  return {
    defaultSlots: { key: 'key', certificate: 'certificate', trustAnchor: 'anchor' },
    identify: () => done('identify', { uid: memory.uid, model: 'software', firmware: '1' }),
    async generateKey(slot) {
      assertUnlocked(slot)
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      memory.keys.set(slot, privateKey)
      return done('generateKey', new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })))
    },
    async signDigest(slot, digest) {
      const key = memory.keys.get(slot)
      if (key === undefined) throw elementFault('ELEMENT_KEY_MISSING', `slot ${slot} holds no key`)
      return done('signDigest', signDigestWith(key, digest))
    },
    random: (count) => done('random', new Uint8Array(randomBytes(count))),
    readCertificate: (slot) => done('readCertificate', memory.certificates.get(slot)),
    async writeCertificate(slot, der) {
      assertUnlocked(slot)
      memory.certificates.set(slot, Uint8Array.from(der))
      return done(`writeCertificate ${slot}`, undefined)
    },
    lock(slot) {
      memory.locked.add(slot)
      return done(`lock ${slot}`, undefined)
    },
    isLocked: (slot) => done('isLocked', memory.locked.has(slot)),
    close: () => Promise.resolve(),
  }
}

/**
 * Lets an element be torn out of its socket at one call, counted from 1: before the call takes effect, or after it
 * did but before the host hears of it. Every later call fails too.
 */
export function interruptedElement(element: SecureElement, atCall: number, when: 'before' | 'after'): SecureElement {
  let count = 0
  const gone = (): Fault => elementFault('ELEMENT_GONE', 'the element was torn out of its socket')
  const call = async <Value>(perform: () => Promise<Value>): Promise<Value> => {
    count += 1
    if (count > atCall || (count === atCall && when === 'before')) throw gone()
    const value = await perform()
    if (count === atCall) throw gone()
    return value
  }
  return {
    defaultSlots: element.defaultSlots,
    identify: () => call(() => element.identify()),
    generateKey: (slot) => call(() => element.generateKey(slot)),
    signDigest: (slot, digest) => call(() => element.signDigest(slot, digest)),
    random: (bytes) => call(() => element.random(bytes)),
    readCertificate: (slot) => call(() => element.readCertificate(slot)),
    writeCertificate: (slot, der) => call(() => element.writeCertificate(slot, der)),
    lock: (slot) => call(() => element.lock(slot)),
    isLocked: (slot) => call(() => element.isLocked(slot)),
    close: () => element.close(),
  }
}

/**
 * Signs a digest that is already made (FIPS 186-5 §6.4.1, P-256). Node's `sign` always hashes, so the arithmetic on
 * the digest is done here, in variable time, with the curve point from OpenSSL.
 */
function signDigestWith(key: KeyObject, digest: Uint8Array): Uint8Array {
  const secret = toNumber(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'))
  for (;;) {
    const ephemeral = createECDH('prime256v1')
    const point = ephemeral.generateKeys()
    const r = toNumber(point.subarray(1, 33)) % ORDER
    const s = (inverse(toNumber(ephemeral.getPrivateKey())) * (toNumber(digest) + r * secret)) % ORDER
    if (r === 0n || s === 0n) continue
    const body = Buffer.concat([derInteger(r), derInteger(s)])
    return new Uint8Array(Buffer.concat([Buffer.of(0x30, body.length), body]))
  }
}

function derInteger(value: bigint): Buffer {
  const hex = value.toString(16)
  const digits = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
  const bytes = (digits[0] ?? 0) < 0x80 ? digits : Buffer.concat([Buffer.of(0), digits])
  return Buffer.concat([Buffer.of(0x02, bytes.length), bytes])
}

/** Fermat: the order is prime. */
function inverse(value: bigint): bigint {
  let result = 1n
  let base = value % ORDER
  for (let exponent = ORDER - 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = (result * base) % ORDER
    base = (base * base) % ORDER
  }
  return result
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function elementFault(code: string, message: string): Fault {
  return new Fault(code, { blame: 'operator', message, remedy: 'Use another element.' })
}

/** The order of P-256's group (SP 800-186 §3.2.1.3). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
