import { createHash } from 'node:crypto'
import type { LockStrength } from '@birthmark/chip'
import { type Attribute, CKA, cryptokiFault } from '@birthmark/chip/cryptoki'
import { decodeUtf8, encodeUtf8, isFault } from '@birthmark/foundation/kernel'
import { certificateTemplate } from './module-certificates.ts'
import { valueOf } from './module-keys.ts'
import { lockLabel, PROBE_LABEL, PROTECTED, readRecord, writeRecord } from './module-records.ts'
import { type Handle, type ModuleObject, type ModuleSession, templateOf } from './module-session.ts'

/**
 * Locks every object of a label. Where the token can, each is replaced by a copy that it lets nobody change or
 * destroy. Then a record is written that says so, and what the objects were. Repeated after an interruption it goes on.
 *
 * @throws `CRYPTOKI_OBJECT_MISSING`, `CRYPTOKI_LOCK_BROKEN`
 */
export async function lockObjects(session: ModuleSession, slot: string): Promise<void> {
  if ((await lockOf(session, slot)) !== undefined) return
  const objects = await session.find(templateOf({ label: slot }))
  if (objects.length === 0) throw cryptokiFault('CRYPTOKI_OBJECT_MISSING', { kind: 'object' })
  const isProtected = await protectAll(session, objects)
  const strength = isProtected && (await enforcesProtection(session)) ? 'enforced' : 'recorded'
  await writeRecord(session, lockLabel(slot), encodeUtf8(`${strength} ${await contentOf(session, slot)}`))
}

/**
 * Tells how a label is locked; `undefined` when it is not.
 *
 * @throws `CRYPTOKI_LOCK_BROKEN` when the objects are not those that were locked
 */
export async function lockOf(session: ModuleSession, slot: string): Promise<LockStrength | undefined> {
  const record = await readRecord(session, lockLabel(slot))
  if (record === undefined) return undefined
  const [strength, content] = decodeUtf8(record)?.split(' ') ?? []
  const isKnown = strength === 'enforced' || strength === 'recorded'
  if (isKnown && content === (await contentOf(session, slot))) return strength
  throw cryptokiFault('CRYPTOKI_LOCK_BROKEN', { slot })
}

/** @throws `CRYPTOKI_SLOT_LOCKED`, `CRYPTOKI_LOCK_BROKEN` */
export async function assertUnlocked(session: ModuleSession, slot: string): Promise<void> {
  if ((await lockOf(session, slot)) !== undefined) throw cryptokiFault('CRYPTOKI_SLOT_LOCKED', { slot })
}

/** Puts a protected copy in the place of every object; tells whether that went for all. */
async function protectAll(session: ModuleSession, objects: readonly Handle[]): Promise<boolean> {
  const seen = await Promise.all(objects.map(async (handle) => ({ handle, ...(await protection(session, handle)) })))
  const done = seen.filter((each) => each.isProtected)
  let isProtected = true
  for (const { handle, what } of seen.filter((each) => !each.isProtected)) {
    const isCopied = done.some((copy) => isSame(copy.what, what)) || (await copyProtected(session, handle, what))
    if (isCopied) await session.destroy([handle])
    isProtected &&= isCopied
  }
  return isProtected
}

async function protection(
  session: ModuleSession,
  handle: Handle,
): Promise<{ readonly what: ModuleObject; readonly isProtected: boolean }> {
  const attributes = await session.read(handle, [CKA.DESTROYABLE, CKA.MODIFIABLE])
  const isOff = ({ type, value: off }: Attribute): boolean => {
    const value = valueOf(attributes, type)
    return value instanceof Uint8Array && off instanceof Uint8Array ? value[0] === off[0] : value === off
  }
  return { what: await session.describe(handle), isProtected: PROTECTED.every(isOff) }
}

/** Tells whether two objects of a label are one and its copy. */
function isSame(one: ModuleObject, other: ModuleObject): boolean {
  return one.kind === other.kind && Buffer.compare(one.id, other.id) === 0
}

/** Copies an object; a certificate, which is no secret, is written anew where the token does not copy. */
async function copyProtected(session: ModuleSession, handle: Handle, what: ModuleObject): Promise<boolean> {
  const copies = [
    async () => void (await session.call('CopyObject', handle, PROTECTED)),
    async () => {
      const der = await session.readBytes(handle, CKA.VALUE)
      await session.create([...certificateTemplate(what.label, der, what.id), ...PROTECTED])
    },
  ]
  for (const copy of what.kind === 'certificate' ? copies : copies.slice(0, 1)) {
    try {
      await copy()
      return true
    } catch (error) {
      if (!isFault(error, 'CRYPTOKI_REFUSED') || session.isOver) throw error
    }
  }
  return false
}

/**
 * Tells whether the token heeds that objects are protected. It may keep the attributes and destroy the object all the
 * same, as tpm2-pkcs11 does: a note of no worth is the one to try. Where it cannot be destroyed it stays, one a token.
 */
async function enforcesProtection(session: ModuleSession): Promise<boolean> {
  const [left] = await session.find(templateOf({ kind: 'data', label: PROBE_LABEL }))
  const probe =
    left ?? (await writeRecord(session, PROBE_LABEL, encodeUtf8('it is tried whether this can be destroyed')))
  try {
    await session.destroy([probe])
    return false
  } catch (error) {
    if (!isFault(error, 'CRYPTOKI_REFUSED') || session.isOver) throw error
    return true
  }
}

/** Hashes what is locked: certificates, and public keys, which stand for their private halves. */
async function contentOf(session: ModuleSession, slot: string): Promise<string> {
  const parts: string[] = []
  for (const handle of await session.find(templateOf({ label: slot }))) {
    const { kind } = await session.describe(handle)
    const attributes = kind === 'private-key' ? [] : await session.read(handle, CONTENT)
    const values = attributes.map(({ value }) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : '',
    )
    parts.push(`${kind} ${values.join(' ')}`)
  }
  const hash = createHash('sha256')
  for (const part of [...new Set(parts)].sort()) hash.update(`${part}\n`)
  return hash.digest('hex')
}

const CONTENT: readonly number[] = [CKA.VALUE, CKA.EC_POINT, CKA.MODULUS]
