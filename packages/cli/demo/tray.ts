import { join } from 'node:path'
import { memoryBus } from '@birthmark/chip/i2c'
import { openVirtualChip, TrustX, type VirtualChip } from '@birthmark/chip/trust-x/adapters'
import type { Authority } from '@birthmark/factory/authority'
import { Ledger } from '@birthmark/factory/ledger'
import { type PersonalisationResult, runLine } from '@birthmark/factory/line'
import { parseWorkOrder, type WorkOrder } from '@birthmark/factory/order'
import { silentLog } from '@birthmark/foundation/kernel'
import { makeFolder, systemClock, systemEntropy } from '@birthmark/foundation/system'
import { type Certificate, SoftwareSigner } from '@birthmark/foundation/x509'
import { demoFault } from './faults.ts'
import { bootDevice, type FleetDevice } from './fleet.ts'

/** What a line is to make of a tray of blank chips. */
export interface TrayOrder {
  /** Where the line's ledger and manifest go. */
  readonly folder: string
  /** The work order's number. */
  readonly order: string
  readonly product: string
  readonly count: number
  readonly authority: Authority
  /** The root of the cloud that the devices will connect to. */
  readonly trustAnchor: Certificate
  readonly onDone?: () => void
}

/** A tray of devices that left the line. */
export interface Tray {
  readonly devices: readonly FleetDevice[]
  readonly first: FleetDevice
  readonly second: FleetDevice
  /** Path of the manifest that goes to the next company. */
  readonly manifest: string
  /** How long the line took, in milliseconds. */
  readonly tookMs: number
}

/**
 * Personalises a tray of blank virtual chips, each through its commands over its I2C link, then boots each as a device.
 *
 * @throws `DEMO_LINE_INCOMPLETE`, faults of the authority, the ledger and the file system
 */
export async function personaliseTray(wanted: TrayOrder): Promise<Tray> {
  const order = workOrder(wanted)
  const chips: VirtualChip[] = []
  for (let index = 0; index < wanted.count; index += 1) chips.push(await openVirtualChip())
  await wanted.authority.admit(order)
  makeFolder(wanted.folder)
  const manifest = join(wanted.folder, 'manifest.jsonl')
  const startedAt = performance.now()
  await runOrder(wanted, order, chips, manifest)
  const tookMs = performance.now() - startedAt
  const devices: FleetDevice[] = []
  for (const chip of chips) devices.push(await bootDevice(await TrustX.open(memoryBus(chip.slave))))
  const [first, second = first] = devices
  if (first === undefined || second === undefined) throw demoFault('DEMO_COUNT_INVALID', { count: wanted.count })
  return { devices, first, second, manifest, tookMs }
}

async function runOrder(
  { folder, authority, onDone }: TrayOrder,
  order: WorkOrder,
  chips: readonly VirtualChip[],
  manifestPath: string,
): Promise<void> {
  const failed: PersonalisationResult[] = []
  const ledger = await Ledger.open({
    path: join(folder, 'ledger.jsonl'),
    writer: { name: 'tray', signer: await SoftwareSigner.generate('ecdsa-p256-sha256') },
    clock: systemClock,
    entropy: systemEntropy,
    log: silentLog,
  })
  try {
    await runLine({
      order,
      sockets: chips.map((chip) => () => TrustX.open(memoryBus(chip.slave))),
      parallel: SOCKETS,
      authority: authority.station(order.id),
      ledger,
      clock: systemClock,
      entropy: systemEntropy,
      log: silentLog,
      manifestPath,
      onProgress: (progress) => {
        if (progress.event !== 'device') return
        if (progress.result.outcome !== 'made') failed.push(progress.result)
        onDone?.()
      },
    })
  } finally {
    await ledger.close()
  }
  requireAllMade(failed, order.count)
}

function requireAllMade(results: readonly PersonalisationResult[], count: number): void {
  const [first] = results
  if (first === undefined) return
  const { step, reason } = 'reason' in first ? first : { step: 'open', reason: { message: 'it was made before' } }
  throw demoFault('DEMO_LINE_INCOMPLETE', { failed: results.length, count, step, why: reason.message })
}

/** The maker's permission, in the form that a line reads: everything written into the chip is locked at the end. */
function workOrder({ order, product, count, trustAnchor }: TrayOrder): WorkOrder {
  return parseWorkOrder(
    JSON.stringify({
      format: 'birthmark-work-order/1',
      id: order,
      product,
      count,
      trustAnchor: trustAnchor.toPem(),
      locks: ['key', 'certificate', 'trustAnchor'],
    }),
  )
}

/** Sockets of the line at work side by side. */
const SOCKETS = 16
