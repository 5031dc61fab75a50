/** The record of every identity made: append-only files of hash-chained lines, and the signed ledger of a line. */
export { type ChainFile, openChainFile, openForReading } from './chain-file.ts'
export { CHAIN_START, decodeChainLine } from './chain-line.ts'
export { type ChainedEntry, type Place, walkChain } from './chain-reader.ts'
export { ChainedLog, type ChainedLogOptions, type KnownEntry } from './chained-log.ts'
export { checkpointOf, proveConsistency, readCheckpoint, type WitnessRequest, witnessCheckpoint } from './checkpoint.ts'
export { LEDGER_FAULTS, ledgerFault } from './faults.ts'
export { Ledger, type LedgerOptions, type OpenedView, viewLedger } from './ledger.ts'
export type { LedgerDevice, StageCounts } from './ledger-index.ts'
export { LedgerView } from './ledger-view.ts'
export { checkProof, PROOF_BYTES_MAX, type ProofKeys, type ProvedDevice, proveDevice } from './prove.ts'
export {
  type BirthKind,
  CERTIFICATE_BYTES_MAX,
  DEVICE_STAGES,
  type DeviceStage,
  ELEMENT_UID,
  LEDGER_TEXT,
  LEDGER_TEXT_FORM,
  type LedgerRecord,
  ORDER_ID,
  WRITER_NAME,
} from './records.ts'
export { type Checkpoint, formatCheckpoint, keyIdOf, type LedgerWriter } from './tree-head.ts'
export { type LedgerExpectations, type LedgerVerdict, verifyLedger } from './verify.ts'
