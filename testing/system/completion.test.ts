/** Completion of commands and options, typed into the shells themselves. Needs Debian's zsh; bash is everywhere. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { runProgram } from '../testkit/run-program.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const TYPED = [
  { typed: String.raw`birthmark thi\t`, becomes: 'birthmark things ' },
  { typed: String.raw`birthmark things li\t`, becomes: 'birthmark things list ' },
  { typed: String.raw`birthmark access create --ro\t`, becomes: 'birthmark access create --role ' },
]

test('zsh completes what is typed into it', async (context) => {
  const folder = await scratchFolder(context)
  writeFileSync(join(folder, 'completion'), (await runBirthmark(['completion', 'zsh'])).stdout)
  for (const { typed, becomes } of TYPED) {
    // The line as zsh has it after the tab is kept by a key of ours, and does not depend on how a terminal shows it.
    const session = [
      'zmodload zsh/zpty',
      'zpty shell zsh -f -i',
      `zpty -w shell 'autoload -U compinit; compinit -u -D; source ${folder}/completion'`,
      `zpty -w shell 'keep() { print -rn -- "$BUFFER" > ${folder}/line; exit }; zle -N keep; bindkey "^G" keep'`,
      `zpty -w shell 'print -r read""y'`,
      `zpty -r shell shown '*ready*'`,
      `zpty -w -n shell $'${typed}\\C-g'`,
      'while zpty -r shell shown; do :; done',
      `print -rn -- "$(<${folder}/line)|"`,
    ]
    assert.equal((await runProgram('zsh', ['-f', '-c', session.join('\n')])).output, `${becomes}|`)
  }
})

test('bash completes what is typed into it', async (context) => {
  const folder = await scratchFolder(context)
  writeFileSync(join(folder, 'completion'), (await runBirthmark(['completion', 'bash'])).stdout)
  for (const { typed, becomes } of TYPED) {
    const words = typed.replace(String.raw`\t`, '').split(' ')
    const session = [
      `source ${folder}/completion`,
      `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _birthmark`,
      `echo "\${COMPREPLY[*]}"`,
    ]
    const last = becomes.trim().split(' ').at(-1)
    assert.equal((await runProgram('bash', ['-c', session.join('\n')])).output, `${last}\n`)
  }
})
