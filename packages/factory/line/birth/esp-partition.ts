import { crc32 } from 'node:zlib'
import { lineFault } from '../faults.ts'

/*
 * The partition `esp_secure_cert` in its TLV format, which firmware for ESP32 reads its credentials from. Sources:
 * docs/format.md and tools/configure_esp_secure_cert.py of espressif/esp_secure_cert_mgr, version 2.
 */

/** What one element of the partition holds. */
export const ESP_TLV = { caCertificate: 0, deviceCertificate: 1, privateKey: 2 } as const

/** One element of the partition. */
export interface EspElement {
  /** One of {@link ESP_TLV}. */
  readonly type: number
  /** PEM with a zero byte at its end, as mbed TLS wants it. */
  readonly data: Uint8Array
}

/** Bytes of the partition, as its table entry says: `esp_secure_cert, 0x3F, , 0xD000, 0x2000, encrypted`. */
const ESP_PARTITION_BYTES = 0x2000

/**
 * Writes the partition, ready for `esptool write_flash`.
 *
 * @throws `CREDENTIAL_TOO_LARGE` (operator)
 */
export function espPartition(elements: readonly EspElement[]): Uint8Array {
  const partition = new Uint8Array(ESP_PARTITION_BYTES).fill(0xff)
  let at = 0
  for (const bytes of [...elements.map(encodeElement), END]) {
    if (at + bytes.length > ESP_PARTITION_BYTES) throw lineFault('CREDENTIAL_TOO_LARGE', { most: ESP_PARTITION_BYTES })
    partition.set(bytes, at)
    at += bytes.length
  }
  return partition
}

/** Header of 12 bytes, data padded to 16, CRC-32 of both; numbers with the low byte first. */
function encodeElement({ type, data }: EspElement): Uint8Array {
  const padded = Math.ceil(data.length / ALIGNMENT) * ALIGNMENT
  const bytes = Buffer.alloc(HEADER_BYTES + padded + 4)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt8(type, 8)
  bytes.writeUInt16LE(data.length, 10)
  bytes.set(data, HEADER_BYTES)
  // Espressif's tool gives zlib the inverted start value, so that the register begins with zeros.
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES + padded), 0xffffffff), HEADER_BYTES + padded)
  return bytes
}

const MAGIC = 0xba5eba11
const HEADER_BYTES = 12
/** What writes to an encrypted flash are made of. */
const ALIGNMENT = 16
/** Not the magic number: the last element stands before it. */
const END = Uint8Array.of(0xff, 0xff, 0, 0)
