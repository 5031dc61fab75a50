import { cryptokiFault } from './faults.ts'
import { invalid, NULL, type WireReader, type WireWriter } from './wire.ts'

/** A length without the content: what a caller is told who asks for the size first. */
export interface SizeOnly {
  readonly size: number
}

/**
 * One attribute. Its type decides the value's form: a byte (CK_BBOOL) is a number, a CK_ULONG a bigint, everything
 * else bytes, but for the two kinds of arrays. No value means that there is none, or that it must not be told.
 */
export interface Attribute {
  readonly type: number
  readonly value?: AttributeValue | undefined
}

/** The forms of an attribute's value. */
export type AttributeValue = number | bigint | Uint8Array | readonly bigint[] | readonly Attribute[] | SizeOnly

/** What a caller asks for: the type, and how many bytes it has room for; 0 asks for the size. */
export interface AttributeRoom {
  readonly type: number
  readonly room: number
  /** Of templates inside a template, since p11-kit 0.25.4. */
  readonly inner?: readonly AttributeRoom[]
}

/** The form that the wire has for the values of one type. */
export type AttributeShape = 'byte' | 'ulong' | 'bytes' | 'mechanisms' | 'template'

/** Gives the form of an attribute's value; types that nobody knows are bytes. */
export function shapeOf(type: number): AttributeShape {
  if (BYTE_TYPES.has(type)) return 'byte'
  if (ULONG_TYPES.has(type)) return 'ulong'
  if (type === ALLOWED_MECHANISMS) return 'mechanisms'
  return TEMPLATE_TYPES.has(type) ? 'template' : 'bytes'
}

/** @throws `CRYPTOKI_MESSAGE_INVALID` */
export function readAttributes(reader: WireReader, depth = 0): Attribute[] {
  if (depth > TEMPLATE_DEPTH_MAX) throw invalid('templates are nested too deep')
  const attributes: Attribute[] = []
  for (let left = countOf(reader, ATTRIBUTE_BYTES_MIN); left > 0; left--) attributes.push(readAttribute(reader, depth))
  return attributes
}

/** @throws `CRYPTOKI_VALUE_SHAPE` */
export function writeAttributes(writer: WireWriter, attributes: readonly Attribute[]): void {
  writer.uint32(attributes.length)
  for (const attribute of attributes) writeAttribute(writer, attribute)
}

/** @throws `CRYPTOKI_MESSAGE_INVALID` */
export function readRooms(reader: WireReader, dialect: number, depth = 0): AttributeRoom[] {
  if (depth > TEMPLATE_DEPTH_MAX) throw invalid('templates are nested too deep')
  const rooms: AttributeRoom[] = []
  for (let left = countOf(reader, ROOM_BYTES); left > 0; left--) {
    const type = reader.uint32()
    const room = reader.uint32()
    const isTemplate = dialect > 0 && shapeOf(type) === 'template' && room > 0 && room !== NULL
    rooms.push(isTemplate ? { type, room, inner: readRooms(reader, dialect, depth + 1) } : { type, room })
  }
  return rooms
}

/** Writes what {@link readRooms} reads. */
export function writeRooms(writer: WireWriter, rooms: readonly AttributeRoom[]): void {
  writer.uint32(rooms.length)
  for (const { type, room, inner } of rooms) {
    writer.uint32(type)
    writer.uint32(room)
    if (inner !== undefined) writeRooms(writer, inner)
  }
}

/** Tells how many bytes a value takes in C, on a machine of 64 bits. */
export function valueSize(value: AttributeValue): number {
  if (typeof value === 'number') return 1
  if (typeof value === 'bigint') return 8
  if (value instanceof Uint8Array) return value.length
  if ('size' in value) return value.size
  return value.length * (typeof value[0] === 'object' ? ATTRIBUTE_STRUCT_BYTES : 8)
}

function countOf(reader: WireReader, bytesEach: number): number {
  const count = reader.count(bytesEach)
  if (count > ATTRIBUTES_COUNT_MAX) throw invalid('it holds more attributes than a template has')
  return count
}

function readAttribute(reader: WireReader, depth: number): Attribute {
  const type = reader.uint32()
  if (reader.byte() === 0) return { type }
  const size = reader.uint32()
  return { type, value: readValue(reader, type, size, depth) }
}

function readValue(reader: WireReader, type: number, size: number, depth: number): AttributeValue {
  switch (shapeOf(type)) {
    case 'byte':
      return reader.byte()
    case 'ulong':
      return reader.uint64()
    case 'mechanisms':
      return Array.from({ length: reader.count(8) }, () => reader.uint64())
    case 'template':
      return readAttributes(reader, depth + 1)
    case 'bytes': {
      const bytes = reader.byteString()
      if (bytes !== undefined && bytes.length !== size) throw invalid('an attribute has two lengths')
      return bytes ?? { size }
    }
  }
}

function writeAttribute(writer: WireWriter, { type, value }: Attribute): void {
  writer.uint32(type)
  writer.byte(value === undefined ? 0 : 1)
  if (value === undefined) return
  const shape = shapeOf(type)
  writer.uint32(shape === 'template' && isList(value) ? value.length * ATTRIBUTE_STRUCT_BYTES : valueSize(value))
  if (shape === 'byte' && typeof value === 'number') writer.byte(value)
  else if (shape === 'ulong' && typeof value === 'bigint') writer.uint64(value)
  else if (shape === 'bytes' && value instanceof Uint8Array) writer.byteString(value)
  else if (shape === 'bytes' && isSizeOnly(value)) writer.uint32(NULL)
  else if (shape === 'mechanisms' && isList(value)) writeUlongs(writer, type, value)
  else if (shape === 'template' && isList(value)) writeAttributes(writer, value.map(asAttribute(type)))
  else throw wrongShape(type)
}

function writeUlongs(writer: WireWriter, type: number, list: readonly (bigint | Attribute)[]): void {
  writer.uint32(list.length)
  for (const each of list) {
    if (typeof each !== 'bigint') throw wrongShape(type)
    writer.uint64(each)
  }
}

function asAttribute(type: number): (each: bigint | Attribute) => Attribute {
  return (each) => {
    if (typeof each === 'bigint') throw wrongShape(type)
    return each
  }
}

function isList(value: AttributeValue): value is readonly bigint[] | readonly Attribute[] {
  return Array.isArray(value)
}

function isSizeOnly(value: AttributeValue): value is SizeOnly {
  return typeof value === 'object' && 'size' in value
}

function wrongShape(type: number): Error {
  return cryptokiFault('CRYPTOKI_VALUE_SHAPE', { what: `attribute 0x${type.toString(16)}` })
}

/** How deep templates stand inside templates at most: p11-kit's own limit since 0.25.4. */
const TEMPLATE_DEPTH_MAX = 8

/**
 * Attributes of one template at most: programs send up to 40. Each takes some hundred bytes here and five on the wire,
 * so that a message without this limit could take 50 times its size.
 */
const ATTRIBUTES_COUNT_MAX = 1024

/** Type and validity. */
const ATTRIBUTE_BYTES_MIN = 5
/** Type and room. */
const ROOM_BYTES = 8
/** sizeof (CK_ATTRIBUTE) on a machine of 64 bits. */
const ATTRIBUTE_STRUCT_BYTES = 24

const BYTE_TYPES: ReadonlySet<number> = new Set([
  0x01, 0x02, 0x86, 0x103, 0x104, 0x105, 0x106, 0x107, 0x108, 0x109, 0x10a, 0x10b, 0x10c, 0x162, 0x163, 0x164, 0x165,
  0x170, 0x171, 0x200, 0x202, 0x210, 0x301, 0x302, 0x405,
])

const ULONG_TYPES: ReadonlySet<number> = new Set([
  0x00, 0x80, 0x87, 0x88, 0x100, 0x121, 0x133, 0x134, 0x160, 0x161, 0x166, 0x201, 0x300, 0x400, 0x401, 0x402, 0x403,
  0x404, 0x406, 0x500,
])

const ALLOWED_MECHANISMS = 0x4000_0600

/** WRAP, UNWRAP and DERIVE_TEMPLATE. */
const TEMPLATE_TYPES: ReadonlySet<number> = new Set([0x4000_0211, 0x4000_0212, 0x4000_0213])
