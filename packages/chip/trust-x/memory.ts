import { type BusSettings, DEFAULT_BUS_SETTINGS } from '@birthmark/chip/i2c'
import { OBJECTS, type StoredObject } from './objects.ts'

/** Everything that a chip remembers without power. A value: a change makes a new one. */
export interface ChipMemory {
  /** The coprocessor UID, {@link UID_BYTES}. */
  readonly uid: Uint8Array
  /** Seals the hash contexts that the chip hands out, {@link SECRET_BYTES}; never leaves the chip. */
  readonly secret: Uint8Array
  readonly bus: BusSettings
  /** The objects that are no longer as they left the works; the others are in {@link OBJECTS}. */
  readonly objects: ReadonlyMap<number, StoredObject>
}

/** Length of {@link ChipMemory.secret}, in bytes. */
export const SECRET_BYTES = 16

/** Gives the memory of a chip that nobody has written to. */
export function blankMemory(uid: Uint8Array, secret: Uint8Array): ChipMemory {
  return { uid, secret, bus: DEFAULT_BUS_SETTINGS, objects: new Map() }
}

/** Gives an object as it is now; `undefined` when the chip has no such object. */
export function objectIn(memory: ChipMemory, oid: number): StoredObject | undefined {
  return memory.objects.get(oid) ?? OBJECTS.get(oid)?.initial
}

/** Gives a memory in which one object is another. */
export function withObject(memory: ChipMemory, oid: number, object: StoredObject): ChipMemory {
  return { ...memory, objects: new Map(memory.objects).set(oid, object) }
}
