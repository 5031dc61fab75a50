/** Buses of this computer: virtual chips behind sockets, both ends, and real ones on Linux. */
export type { BusAddress } from './address.ts'
export { connectBus, type SocketBusOptions, TRANSACTION_PATIENCE } from './connect.ts'
export { type LinuxBusOptions, openLinuxBus } from './linux.ts'
export { type BusServer, HOSTS_WAITING_MAX, serveSlave } from './serve.ts'
