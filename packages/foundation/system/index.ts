/** What the machine gives: its clock, random generator, timers and files. The only room of its kind. */
export {
  asFileFault,
  FILE_FAULTS,
  fileFault,
  flushFolder,
  makeFolder,
  readTextFile,
  replaceFile,
  replaceFileInParts,
  writeAll,
} from './files.ts'
export { pause, systemClock, systemEntropy, systemTimers } from './machine.ts'
