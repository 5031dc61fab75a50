import { ATTEMPT_CAUSES } from './attempt-causes.ts'

/** Writes `docs/reference/attempts.md`: every cause with its sentence and what to do. */
export function attemptsReference(): string {
  const rows = Object.entries(ATTEMPT_CAUSES).map(([code, { reason, remedy }]) => {
    return `| \`${code}\` | ${cell(reason)} | ${cell(remedy)} |`
  })
  return [...INTRODUCTION, ...rows, ''].join('\n')
}

/** Sentences that consist of what was found on the spot. */
function cell(sentence: string): string {
  if (sentence === '{why}') return 'Which policy statement denied, or which came near and why each did not match.'
  if (sentence === '{remedy}') return 'Depends on what was found; the attempt says it.'
  return sentence.replaceAll(/\{(\w+)\}/g, '*$1*')
}

const INTRODUCTION: readonly string[] = [
  '# Connection attempts and their causes',
  '',
  'Every inbound connection is recorded as an attempt: the steps it went through and, when it was refused or ended',
  'otherwise than by its client, the cause. A cause has a code that never changes its meaning, one sentence that says',
  'what stood against the connection, and one that says what to do. Words in *italics* are replaced by what was found.',
  '',
  '`PROVISIONED_FIRST_CONNECTION` and `REGISTERED_PENDING_ACTIVATION` are no failures: the first connection of a',
  'device ends once it is provisioned or registered, as at AWS IoT.',
  '',
  '| code | reason | remedy |',
  '| --- | --- | --- |',
]
