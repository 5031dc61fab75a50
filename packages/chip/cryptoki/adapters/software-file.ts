import {
  CURVES,
  type CurveRow,
  cryptokiFault,
  type PinRecord,
  readPoint,
  type StoredObject,
} from '@birthmark/chip/cryptoki'
import { type FileLock, lockFile } from '@birthmark/chip/trust-x/adapters'
import { readTextFile, replaceFile } from '@birthmark/foundation/system'
import { parseFormat, readRecord } from './pin-store.ts'

/** What a software token's file holds: private keys are encrypted, all else is in the clear. */
export interface SoftwareContent {
  readonly serial: string
  readonly pins: PinRecord
  readonly objects: readonly FiledObject[]
}

/** An object with, for keys, the private half as it is encrypted. */
export interface FiledObject {
  readonly stored: StoredObject
  readonly box?: Uint8Array
}

/** The file of a software token, for one process at a time. Each change replaces it as a whole. */
export class SoftwareFile {
  readonly path: string
  readonly #lock: FileLock
  #content: SoftwareContent

  private constructor(path: string, lock: FileLock, content: SoftwareContent) {
    this.path = path
    this.#lock = lock
    this.#content = content
  }

  /** Makes the file. @throws `CRYPTOKI_FILE_EXISTS`, `CHIP_FILE_IN_USE`, and the faults of the file system */
  static create(path: string, content: SoftwareContent): SoftwareFile {
    const lock = lockFile(path)
    try {
      if (readTextFile(path) !== undefined) throw cryptokiFault('CRYPTOKI_FILE_EXISTS', { path })
      const file = new SoftwareFile(path, lock, content)
      file.write(content)
      return file
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** @throws `CRYPTOKI_FILE_ABSENT`, `CRYPTOKI_FILE_DAMAGED`, `CHIP_FILE_IN_USE`, and those of the file system */
  static open(path: string): SoftwareFile {
    const lock = lockFile(path)
    try {
      const text = readTextFile(path)
      if (text === undefined) throw cryptokiFault('CRYPTOKI_FILE_ABSENT', { path })
      return new SoftwareFile(path, lock, parseContent(text, path))
    } catch (error) {
      lock.release()
      throw error
    }
  }

  get content(): SoftwareContent {
    return this.#content
  }

  /** Makes `content` what the file holds, also after a crash. */
  write(content: SoftwareContent): void {
    this.#lock.check()
    const objects = content.objects.map(writeObject)
    replaceFile(this.path, `${JSON.stringify({ [FORMAT]: 1, ...content, objects }, undefined, 1)}\n`, { mode: 0o600 })
    this.#content = content
  }

  /** Lets another process have it. */
  close(): void {
    this.#lock.release()
  }
}

function parseContent(text: string, path: string): SoftwareContent {
  const fields: Partial<Record<string, unknown>> = { ...parseFormat(text, FORMAT, path) }
  const { serial, pins, objects } = { serial: fields['serial'], pins: fields['pins'], objects: fields['objects'] }
  const record = typeof pins === 'object' && pins !== null ? readRecord(pins) : undefined
  const read = Array.isArray(objects) ? objects.map(readObject) : [undefined]
  const whole = read.filter((object) => object !== undefined)
  if (typeof serial !== 'string' || !/^[0-9a-f]{16}$/.test(serial) || record === undefined) {
    throw cryptokiFault('CRYPTOKI_FILE_DAMAGED', { path, why: 'its serial number or PINs make no sense' })
  }
  if (whole.length !== read.length)
    throw cryptokiFault('CRYPTOKI_FILE_DAMAGED', { path, why: 'an object makes no sense' })
  return { serial, pins: record, objects: whole }
}

function writeObject({ stored, box }: FiledObject): object {
  const common = { kind: stored.kind, slot: stored.slot, label: stored.label, id: text(stored.id) }
  switch (stored.kind) {
    case 'key':
      return {
        ...common,
        curve: stored.curve.name,
        point: text(stored.point),
        mayDerive: stored.mayDerive,
        private: text(box ?? new Uint8Array(0)),
      }
    case 'certificate':
      return { ...common, der: text(stored.der), isAnchor: stored.isAnchor }
    case 'data':
      return { ...common, value: text(stored.value), application: stored.application }
  }
}

function readObject(value: unknown): FiledObject | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const fields: Partial<Record<string, unknown>> = { ...value }
  const get = (name: string): string => {
    const field = fields[name]
    return typeof field === 'string' ? field : ''
  }
  const bytes = (name: string): Uint8Array => new Uint8Array(Buffer.from(get(name), 'base64url'))
  const common = { slot: get('slot'), label: get('label'), id: bytes('id'), isChangeable: true }
  if (common.slot === '') return undefined
  switch (get('kind')) {
    case 'key': {
      const curve = curveNamed(get('curve'))
      const point = curve && readPoint(curve, bytes('point'))
      if (curve === undefined || point === undefined) return undefined
      const mayDerive = fields['mayDerive'] === true
      return { stored: { kind: 'key', ...common, curve, point, mayDerive }, box: bytes('private') }
    }
    case 'certificate': {
      const isAnchor = fields['isAnchor'] === true
      return { stored: { kind: 'certificate', ...common, der: bytes('der'), isAnchor, isTrusted: false } }
    }
    case 'data':
      return { stored: { kind: 'data', ...common, value: bytes('value'), application: get('application') } }
    default:
      return undefined
  }
}

function curveNamed(name: string): CurveRow | undefined {
  return Object.values(CURVES).find((row) => row.name === name)
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

const FORMAT = 'birthmark-software-token'
