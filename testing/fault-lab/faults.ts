import { writeFileSync } from 'node:fs'
import { AUTHORIZER_FAULTS } from './authorizer-faults.ts'
import { CERTIFICATE_FAULTS } from './certificate-faults.ts'
import { CLAIM_FAULTS } from './claim-faults.ts'
import type { LabFault } from './lab.ts'
import { SESSION_FAULTS } from './session-faults.ts'
import { TLS_FAULTS } from './tls-faults.ts'

/** Every fault of the lab, in the order in which a connection comes to it. */
export const LAB_FAULTS: readonly LabFault[] = [
  ...TLS_FAULTS,
  ...CERTIFICATE_FAULTS,
  ...AUTHORIZER_FAULTS,
  ...CLAIM_FAULTS,
  ...SESSION_FAULTS,
]

/** Gives the text of `docs/reference/fault-lab.md`; run by itself, this file writes it. */
export function faultLabReference(): string {
  const rows = LAB_FAULTS.map(
    ({ fault, client, code }, index) => `| ${index + 1} | ${fault} | ${client} | \`${code}\` |`,
  )
  return [...INTRODUCTION, ...rows, ''].join('\n')
}

const INTRODUCTION: readonly string[] = [
  '# The fault lab',
  '',
  'Faults that programs which we did not write make against `birthmark server`, and the first cause that the attempt',
  'of each names (`attempts.md` has the sentences). `testing/system/fault-lab.test.ts` makes every one of them and',
  'checks code and proof.',
  '',
  '| | what is wrong | made with | first cause |',
  '| --- | --- | --- | --- |',
]

if (import.meta.main) {
  writeFileSync(new URL('../../docs/reference/fault-lab.md', import.meta.url), faultLabReference())
}
