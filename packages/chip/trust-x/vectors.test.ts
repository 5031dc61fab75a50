import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { ChipBench } from '../../../testing/testkit/chip-bench.ts'
import { readVectors } from '../../../testing/testkit/vectors.ts'
import { formatCondition } from './access.ts'
import { nodeCrypto } from './adapters/node-crypto.ts'
import { freshMemory, makeVendor, personalise } from './adapters/vendor.ts'
import { certificateIn, wrapIdentity } from './identity.ts'
import { decodeMetadata, type Metadata } from './metadata.ts'

interface CommandVectors {
  readonly uid: string
  readonly commands: readonly {
    readonly section: string
    readonly before?: readonly string[]
    readonly send: string
    readonly answer: string
    readonly error?: string
    readonly isClosed?: boolean
  }[]
}

interface MetadataVectors {
  readonly decoded: readonly {
    readonly what: string
    readonly hex: string
    readonly metadata: Partial<Record<keyof Metadata, number | string | null>>
  }[]
}

const { uid, commands } = readVectors<CommandVectors>('trust-x/commands.json')
const { decoded } = readVectors<MetadataVectors>('trust-x/metadata.json')

const memory = {
  ...(await personalise(await makeVendor(systemClock, systemEntropy), systemClock, nodeCrypto)),
  uid: fromHex(uid),
}

test('the vectors are complete', () => {
  assert.deepEqual([commands.length, decoded.length], [39, 6])
})

for (const { section, before = [], send, answer, error, isClosed = false } of commands) {
  test(`${section}: ${send.slice(0, 60)} is answered ${answer.slice(0, 40)}`, () => {
    const host = new VectorHost(isClosed)
    for (const each of before) host.send(each)
    assert.match(host.send(send), new RegExp(`^${answer}$`))
    if (error !== undefined) assert.equal(host.chip.lastError(), error)
  })
}

for (const { what, hex, metadata } of decoded) {
  test(`metadata printed by chips is understood: ${what}`, () => {
    const found = decodeMetadata(fromHex(hex))
    assert.ok(found !== undefined)
    for (const [name, expected] of Object.entries(metadata)) {
      const value: Metadata[keyof Metadata] = found[name as keyof Metadata]
      assert.deepEqual(value instanceof Uint8Array ? toHex(value) : (value ?? null), expected, name)
    }
  })
}

test('the example condition E1 FB 03 FE 70 FC 04 reads as it is meant', () => {
  assert.equal(formatCondition(fromHex('E1 FB 03 FE 70 FC 04')), 'LcsO > initialisation || LcsG < 4')
})

test('a certificate of 447 bytes has the nine bytes before it that the vendor’s example has', () => {
  const der = Uint8Array.of(0x30, 0x82, 0x01, 0xbb, ...new Uint8Array(443))
  const blob = wrapIdentity(der)
  assert.equal(blob.length, 456)
  assert.equal(toHex(blob.subarray(0, 9)), toHex(fromHex('C0 01C5 0001C2 0001BF')))
  assert.deepEqual(certificateIn(blob), der)
})

test('a fresh UID has the layout of the example: 27 bytes that begin and end alike', () => {
  const own = toHex(freshMemory().uid)
  assert.deepEqual([own.length, own.slice(0, 22), own.slice(-12)], [54, uid.toLowerCase().slice(0, 22), '801010711118'])
})

/** A host that keeps what the vectors leave open. */
class VectorHost {
  readonly chip: ChipBench
  #point = ''
  #context = ''

  constructor(isClosed: boolean) {
    this.chip = isClosed ? new ChipBench(memory) : ChipBench.open(memory)
  }

  send(template: string): string {
    const command = template
      .replaceAll(/<(\d+)>/g, (_, count: string) => '11'.repeat(Number(count)))
      .replace('<point>', this.#point)
      .replace('<context>', this.#context)
    const response = this.chip.send(command)
    this.#point = /034200(04[0-9a-f]{128})$/.exec(response)?.[1] ?? this.#point
    this.#context = /060082([0-9a-f]{260})$/.exec(response)?.[1] ?? this.#context
    return response
  }
}
