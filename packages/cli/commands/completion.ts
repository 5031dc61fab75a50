import { Argument, Command } from 'commander'

/** `birthmark completion`: what a shell needs to complete commands and options. */
export function completionCommand(program: Command): Command {
  return new Command('completion')
    .description('Print the completion script of a shell.')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh']))
    .addHelpText('after', EXAMPLES)
    .action((shell: string) => {
      process.stdout.write(completionScript(program, shell === 'zsh' ? 'zsh' : 'bash'))
    })
}

/** Writes the script: one line for each command, with the words that may follow it. */
function completionScript(program: Command, shell: 'bash' | 'zsh'): string {
  const rows = wordsOf(program, '').map(([path, words]) => `    '${path}') words='${words.join(' ')}' ;;`)
  const before = shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []
  return [...before, HEAD, ...rows, TAIL, ''].join('\n')
}

/** Gives each command by its path, and what may follow: subcommands first, then long options. */
function wordsOf(command: Command, path: string): (readonly [path: string, words: readonly string[]])[] {
  const children = command.commands.map((child) => child.name())
  const options = command.options.filter(({ hidden }) => !hidden).flatMap(({ long }) => (long ? [long] : []))
  const own = [path, [...children, ...options, '--help']] as const
  return [own, ...command.commands.flatMap((child) => wordsOf(child, `${path} ${child.name()}`.trim()))]
}

const HEAD = `_birthmark() {
  local path='' words='' word next
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}"; do
    case "$word" in -*) continue ;; esac
    next="\${path:+$path }$word"
    _birthmark_words "$next" && path="$next"
  done
  _birthmark_words "$path"
  COMPREPLY=( $(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}") )
}
# Sets words to what may follow a command; fails for what is no command.
_birthmark_words() {
  case "$1" in`

const TAIL = `    *) return 1 ;;
  esac
}
complete -o default -F _birthmark birthmark`

const EXAMPLES = `
Examples:
  eval "$(birthmark completion bash)"                        in this shell
  birthmark completion zsh >> ~/.zshrc                       in every zsh to come`
