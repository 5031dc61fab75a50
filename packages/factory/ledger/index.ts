/** The record of every identity made: append-only files of hash-chained lines, and the ledger of a line. */
export { type ChainFile, openChainFile } from './chain-file.ts'
export { type ChainedEntry, type Place } from './chain-reader.ts'
export { ChainedLog, type ChainedLogOptions } from './chained-log.ts'
export type { LedgerDevice, StageCounts } from './device-index.ts'
export { ledgerFault } from './faults.ts'
export { Ledger, type LedgerOptions } from './ledger.ts'
export { CERTIFICATE_BYTES_MAX, type DeviceStage, ELEMENT_UID, type LedgerRecord, ORDER_ID } from './records.ts'
export { type LedgerVerdict, verifyLedger } from './verify.ts'
