/** One bound on what a stranger's file may cost. */
export interface ManifestLimit {
  readonly value: number
  readonly unit: string
  readonly reason: string
}

type LimitName =
  | 'rows'
  | 'rowBytes'
  | 'jsonDepth'
  | 'keysInRow'
  | 'csvColumns'
  | 'problemsInRow'
  | 'caCertificates'
  | 'pkcs7Bytes'
  | 'innerArchiveBytes'
  | 'unpackedBytes'
  | 'archiveMemoryKiB'
  | 'archiveSeconds'

/** Every limit of reading a manifest. At a limit the row, or the file, is refused and says which one it was. */
export const MANIFEST_LIMITS: Readonly<Record<LimitName, ManifestLimit>> = {
  rows: {
    value: 1_000_000,
    unit: 'rows',
    reason: 'one order of a large line; to find duplicates costs up to 200 bytes of memory for each',
  },
  rowBytes: {
    value: 262_144,
    unit: 'bytes',
    reason: 'a row is held whole; rows in use have 1 000 to 8 000 bytes, and AWS reads 256 000 characters a line',
  },
  jsonDepth: {
    value: 16,
    unit: 'levels',
    reason: 'the formats nest six levels; a reader must not follow a stranger deeper',
  },
  keysInRow: { value: 32, unit: 'keys', reason: 'an element has at most 16 key slots' },
  csvColumns: { value: 64, unit: 'columns', reason: 'the formats have two to ten columns' },
  problemsInRow: { value: 20, unit: 'problems', reason: 'a report is for people; the first problems say enough' },
  caCertificates: {
    value: 32,
    unit: 'certificates',
    reason: 'the CAs of one bundle; each device may be tried against all of them',
  },
  pkcs7Bytes: {
    value: 16_777_215,
    unit: 'bytes',
    reason: 'PKCS#7 is one DER value and is held whole: some 20 000 certificates',
  },
  innerArchiveBytes: {
    value: 536_870_912,
    unit: 'bytes',
    reason: 'an archive within an archive is unpacked to disk before it is read',
  },
  unpackedBytes: {
    value: 2_147_483_648,
    unit: 'bytes',
    reason: 'what all files of an archive may hold together: twice a million certificates; a bomb ends here',
  },
  archiveMemoryKiB: {
    value: 1_048_576,
    unit: 'KiB',
    reason: 'the address space of the 7-Zip program: room for its largest usual dictionary',
  },
  archiveSeconds: { value: 600, unit: 'seconds of CPU time', reason: 'unpacking two gigabytes takes under a minute' },
}
