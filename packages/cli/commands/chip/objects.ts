import { formatCondition, formatLifecycle, KEY_USAGE, type Metadata, OBJECTS } from '@birthmark/chip/trust-x'
import type { TrustX } from '@birthmark/chip/trust-x/adapters'
import { isFault, toHex } from '@birthmark/foundation/kernel'
import type { Command } from 'commander'
import { type ChipFlags, commandOnChip, onChip } from './open-chip.ts'
import { formatTable } from './table.ts'
import { formatOid, nameOf } from './values.ts'

/** `birthmark chip objects`: what objects there are. */
export function objectsCommand(): Command {
  return commandOnChip('objects', 'List the objects of the chip: what they are for, their sizes and lifecycles.', [
    'objects --chip ./meter.chip',
  ]).action((flags: ChipFlags) =>
    onChip(flags, async (chip, output) => {
      const rows = await readObjects(chip)
      output.json({ objects: rows.map(({ oid, name, kind, metadata }) => ({ oid, name, kind, ...sizesOf(metadata) })) })
      if (output.jsonWanted) return
      const cells = rows.map(({ oid, name, kind, metadata }) => [oid, name, kind, usedOf(metadata), lifeOf(metadata)])
      for (const line of formatTable(['object', 'name', 'kind', 'used', 'lifecycle'], cells)) output.say(line)
    }),
  )
}

/** `birthmark chip dump`: everything that a host may learn. */
export function dumpCommand(): Command {
  return commandOnChip('dump', 'Show every object with its decoded metadata, and its content where it can be read.', [
    'dump --chip ./meter.chip',
    'dump --i2c /dev/i2c-1 --json',
  ]).action((flags: ChipFlags) =>
    onChip(flags, async (chip, output) => {
      const { uid, firmware, model } = await chip.identify()
      const rows: DumpRow[] = []
      for (const row of await readObjects(chip)) rows.push(await withContent(chip, row))
      output.json({ model, uid, firmware, objects: rows.map(documentOf) })
      if (output.jsonWanted) return
      output.say(`${model}, firmware ${firmware}, UID ${uid}`)
      for (const line of formatTable(DUMP_HEAD, rows.map(cellsOf))) output.say(line)
    }),
  )
}

/** An object as the chip describes it. */
interface ObjectRow {
  readonly oid: string
  readonly name: string
  readonly kind: string
  readonly metadata: Metadata
}

interface DumpRow extends ObjectRow {
  /** `undefined` where the chip does not let it be read. */
  readonly content: Uint8Array | undefined
}

async function readObjects(chip: TrustX): Promise<ObjectRow[]> {
  const rows: ObjectRow[] = []
  for (const { oid, kind } of OBJECTS.values()) {
    rows.push({ oid: formatOid(oid), name: nameOf(oid), kind, metadata: await chip.getMetadata(oid) })
  }
  return rows
}

async function withContent(chip: TrustX, row: ObjectRow): Promise<DumpRow> {
  try {
    return { ...row, content: await chip.getDataObject(Number(row.oid)) }
  } catch (error) {
    if (!isFault(error, 'TRUST_X_ACCESS_DENIED')) throw error
    return { ...row, content: undefined }
  }
}

function sizesOf({ lifecycle, sizeMax, sizeUsed }: Metadata): Readonly<Record<string, unknown>> {
  return { lifecycle: formatLifecycle(lifecycle), sizeMax, sizeUsed }
}

function documentOf({ oid, name, kind, metadata, content }: DumpRow): Readonly<Record<string, unknown>> {
  return {
    oid,
    name,
    kind,
    ...sizesOf(metadata),
    change: formatCondition(metadata.change),
    read: formatCondition(metadata.read),
    execute: formatCondition(metadata.execute),
    key: keyOf(metadata),
    content: content === undefined ? undefined : toHex(content),
  }
}

const DUMP_HEAD = ['object', 'name', 'used', 'lifecycle', 'change', 'read', 'execute', 'content']

function cellsOf({ oid, name, metadata, content }: DumpRow): string[] {
  const { change, read, execute } = metadata
  const conditions = [change, read, execute].map((condition) => formatCondition(condition))
  return [oid, name, usedOf(metadata), lifeOf(metadata), ...conditions, keyOf(metadata) ?? shortOf(content)]
}

function usedOf({ sizeUsed, sizeMax }: Metadata): string {
  if (sizeMax === undefined) return '-'
  return sizeUsed === undefined ? String(sizeMax) : `${sizeUsed}/${sizeMax}`
}

function lifeOf({ lifecycle }: Metadata): string {
  return formatLifecycle(lifecycle)
}

/** Says what kind of key is in the slot and what it is for: `ec-p256, authentication, sign`. */
function keyOf({ algorithm, usage = 0 }: Metadata): string | undefined {
  if (algorithm === undefined) return undefined
  const uses = Object.entries(USAGE_NAMES).filter(([, bit]) => (usage & bit) !== 0)
  return [ALGORITHM_NAMES.get(algorithm) ?? `algorithm ${algorithm}`, ...uses.map(([name]) => name)].join(', ')
}

/** Gives the beginning of a content, as much as a line holds. */
function shortOf(content: Uint8Array | undefined): string {
  if (content === undefined) return '(not readable)'
  const shown = toHex(content.subarray(0, SHOWN_BYTES))
  return content.length > SHOWN_BYTES ? `${shown}...` : shown
}

const SHOWN_BYTES = 12

const ALGORITHM_NAMES: ReadonlyMap<number, string> = new Map([
  [0x03, 'ec-p256'],
  [0x04, 'ec-p384'],
])

const USAGE_NAMES: Readonly<Record<string, number>> = {
  authentication: KEY_USAGE.AUTHENTICATION,
  encryption: KEY_USAGE.ENCRYPTION,
  'firmware update': KEY_USAGE.FIRMWARE_UPDATE,
  'device management': KEY_USAGE.DEVICE_MANAGEMENT,
  sign: KEY_USAGE.SIGN,
  'key agreement': KEY_USAGE.KEY_AGREEMENT,
}
