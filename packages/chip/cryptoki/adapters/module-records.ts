import { type Attribute, CKA, CKO, cryptokiFault } from '@birthmark/chip/cryptoki'
import { encodeUtf8, isFault } from '@birthmark/foundation/kernel'
import { type Handle, type ModuleSession, templateOf } from './module-session.ts'

/**
 * Notes that this software leaves on a token, as data objects: what PKCS#11 itself has no place for. Public where the
 * token lets them be, so that they show before the login too.
 */
export async function readRecord(session: ModuleSession, label: string): Promise<Uint8Array | undefined> {
  const [object] = await session.find(templateOf({ kind: 'data', label }))
  return object === undefined ? undefined : session.readBytes(object, CKA.VALUE)
}

/** Writes a note that, as far as the token goes along, stays as it is for good. */
export async function writeRecord(session: ModuleSession, label: string, value: Uint8Array): Promise<Handle> {
  const template: readonly Attribute[] = [
    ...templateOf({ label }),
    { type: CKA.CLASS, value: CKO.DATA },
    { type: CKA.APPLICATION, value: encodeUtf8('birthmark') },
    { type: CKA.VALUE, value },
    ...PROTECTED,
  ]
  try {
    return await session.create([...template, { type: CKA.PRIVATE, value: 0 }])
  } catch (error) {
    if (!isFault(error, 'CRYPTOKI_REFUSED') || session.isOver) throw error
    return session.create([...template, { type: CKA.PRIVATE, value: 1 }])
  }
}

/** Tells whether an object is a note of this kind. */
export function isRecordLabel(label: string): boolean {
  return label.startsWith(LOCK_PREFIX) || label === NUMBER_LABEL || label === PROBE_LABEL
}

/** Gives the label of the note that an object is locked. @throws `CRYPTOKI_VALUE_SHAPE` */
export function lockLabel(slot: string): string {
  if (isRecordLabel(slot)) throw cryptokiFault('CRYPTOKI_VALUE_SHAPE', { what: 'a label' })
  return `${LOCK_PREFIX}${slot}`
}

/** The label of the note that numbers a token without a serial number. */
export const NUMBER_LABEL = 'birthmark number'

/** The label of the object by which a token shows whether it protects what is protected. */
export const PROBE_LABEL = 'birthmark probe'

/**
 * That an object is never changed or destroyed. Without CKA_DESTROYABLE first, SoftHSM 2.6 refuses: it applies a
 * template in order, and nothing can be set any more once CKA_MODIFIABLE is false.
 */
export const PROTECTED: readonly Attribute[] = [
  // p11-kit up to 0.24 does not know this attribute as a CK_BBOOL and takes it as bytes.
  { type: CKA.DESTROYABLE, value: Uint8Array.of(0) },
  { type: CKA.MODIFIABLE, value: 0 },
]

const LOCK_PREFIX = 'birthmark lock: '
