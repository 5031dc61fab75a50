import type { ElementIdentity, IdentitySlots, SecureElement } from '@birthmark/chip'
import type { I2cMaster } from '@birthmark/chip/i2c'
import { type Clock, concat, fromHex, type Millis, type Timers, toHex } from '@birthmark/foundation/kernel'
import { systemClock, systemTimers } from '@birthmark/foundation/system'
import { CONDITION_NEVER, isGranted, LIFECYCLE } from '../access.ts'
import { KEY_USAGE } from '../curves.ts'
import { TrustXDriver } from '../driver.ts'
import { trustXFault } from '../faults.ts'
import { certificateIn, wrapIdentity } from '../identity.ts'
import type { Metadata } from '../metadata.ts'
import { OBJECTS, OID } from '../objects.ts'
import { PARAMETERS, toPoint } from './curve.ts'

/** How a host talks to a chip; every part has a default. */
export interface TrustXOptions {
  /** How long one command may take inside the chip; default 6 seconds, the vendor's number. */
  readonly patience?: Millis
  /**
   * Speed of the bus clock to agree on, in kHz, up to 1000; above 400 the chip is set to fast mode plus for good.
   * Without it clock and mode stay as they are: the clock of a Linux bus or of a socket is not this host's to choose.
   */
  readonly clockKHz?: number
  readonly clock?: Clock
  readonly timers?: Timers
}

/**
 * A Trust X as a {@link SecureElement}, and every command of its own besides ({@link TrustXDriver}). Slots are named by
 * their object identifier, `0xE0F1`.
 *
 * ```ts
 * const chip = await TrustX.open(await openVirtualChip())
 * const publicKey = await chip.generateKey(chip.defaultSlots.key)
 * ```
 */
export class TrustX extends TrustXDriver implements SecureElement {
  readonly defaultSlots: IdentitySlots = { key: '0xE0F1', certificate: '0xE0E1', trustAnchor: '0xE0E8' }
  readonly vendorSlots: { readonly key: string; readonly certificate: string } = {
    key: '0xE0F0',
    certificate: '0xE0E0',
  }

  /**
   * Connects to the chip on `bus`, which belongs to this object from now on.
   *
   * @throws `TRUST_X_COMMAND_LOST` when no chip answers, `TRUST_X_NOT_AVAILABLE` when it is terminated
   */
  static async open(bus: I2cMaster, options: TrustXOptions = {}): Promise<TrustX> {
    const chip = new TrustX(bus, { clock: systemClock, timers: systemTimers, ...options })
    try {
      await chip.connect()
    } catch (error) {
      // Nobody else can close it now, and a socket that stays open keeps the process from ending.
      await bus.close()
      throw error
    }
    return chip
  }

  override until(signal: AbortSignal): TrustX {
    return new TrustX(this.connection, this.connection.options, signal)
  }

  async identify(): Promise<ElementIdentity> {
    const uid = await this.getDataObject(OID.UID)
    return { uid: toHex(uid), model: 'OPTIGA Trust X', firmware: toHex(uid.subarray(BUILD_AT)) }
  }

  /** Makes a P-256 key pair for authentication, signatures and key agreement. */
  async generateKey(slot: string): Promise<Uint8Array> {
    const usage = KEY_USAGE.AUTHENTICATION | KEY_USAGE.SIGN | KEY_USAGE.KEY_AGREEMENT
    const point = await this.genKeyPair(oidOf(slot), 'ec-p256', usage)
    if (toPoint(PARAMETERS['ec-p256'], point) !== undefined) return concat(SPKI_HEAD, point)
    throw trustXFault('TRUST_X_RESPONSE_INVALID', { command: 'GenKeyPair', executed: 'yes' })
  }

  signDigest(slot: string, digest: Uint8Array): Promise<Uint8Array> {
    return this.calcSign(oidOf(slot), digest)
  }

  random(count: number): Promise<Uint8Array> {
    return this.getRandom(count)
  }

  async readCertificate(slot: string): Promise<Uint8Array | undefined> {
    return certificateIn(await this.getDataObject(oidOf(slot)))
  }

  async writeCertificate(slot: string, der: Uint8Array): Promise<void> {
    const oid = oidOf(slot)
    const isIdentity = OBJECTS.get(oid)?.kind === 'certificate'
    await this.setDataObject(oid, isIdentity ? wrapIdentity(der) : der, { erase: true })
  }

  /**
   * Sets the object to operational, unless it is. A change condition that would still hold then becomes never, in
   * the same command.
   *
   * @throws `TRUST_X_NOT_LOCKABLE` when such a condition is frozen already
   */
  async lock(slot: string): Promise<void> {
    const oid = oidOf(slot)
    const metadata = await this.getMetadata(oid)
    const staysOpen = isChangeable(metadata)
    if (isOperational(metadata)) {
      if (staysOpen) throw trustXFault('TRUST_X_NOT_LOCKABLE', { slot })
      return
    }
    const condition = staysOpen ? [TAG_CHANGE, CONDITION_NEVER.length, ...CONDITION_NEVER] : []
    await this.setMetadata(oid, Uint8Array.of(TAG_LIFECYCLE, 1, LIFECYCLE.OPERATIONAL, ...condition))
  }

  async isLocked(slot: string): Promise<boolean> {
    const metadata = await this.getMetadata(oidOf(slot))
    return isOperational(metadata) && !isChangeable(metadata)
  }
}

/** A SubjectPublicKeyInfo up to its point on P-256 (RFC 5480 §2): ecPublicKey, the curve, head of the BIT STRING. */
const SPKI_HEAD = fromHex('3059301306072A8648CE3D020106082A8648CE3D030107034200')

/** @throws `TRUST_X_SLOT_UNKNOWN` */
function oidOf(slot: string): number {
  const oid = /^0x[0-9A-Fa-f]{4}$/.test(slot) ? Number(slot) : undefined
  if (oid === undefined || !OBJECTS.has(oid)) throw trustXFault('TRUST_X_SLOT_UNKNOWN')
  return oid
}

function isOperational(metadata: Metadata): boolean {
  return metadata.lifecycle >= LIFECYCLE.OPERATIONAL
}

/** Whether an operational object could still be changed, in some lifecycle of chip and application. */
function isChangeable({ change }: Metadata): boolean {
  return LIFECYCLES.some((global) =>
    LIFECYCLES.some((application) => isGranted(change, { global, application, object: LIFECYCLE.OPERATIONAL })),
  )
}

const LIFECYCLES = Object.values(LIFECYCLE)
const TAG_LIFECYCLE = 0xc0
const TAG_CHANGE = 0xd0
const BUILD_AT = 25
