import { type BusAddress, type BusServer, serveSlave } from '@birthmark/chip/i2c/adapters'
import type { Fault } from '@birthmark/foundation/kernel'
import type { VirtualChip } from './virtual-chip.ts'

/**
 * Lets a virtual chip listen on a Unix socket or a loopback port, for any host that speaks the virtual chip bus.
 *
 * @param address Path, or port; 0 takes any free port.
 * @param onFault Hears what a connection was closed for.
 * @throws `I2C_BUS_ADDRESS_TAKEN`
 */
export function serveChip(
  address: BusAddress,
  chip: VirtualChip,
  onFault?: (fault: Fault) => void,
): Promise<BusServer> {
  return serveSlave(address, chip.slave, onFault)
}
