import type { Rule } from '../rule.ts'
import type { Source } from '../source.ts'
import type { Tree } from '../tree.ts'

/** The one room that touches clock, random generator and timers. */
const SYSTEM_ROOM = 'packages/foundation/system/'

/** Where the command reads its environment, and nowhere else. */
const ENVIRONMENT_READERS: readonly string[] = ['packages/cli/access.ts']

const COMMAND = 'packages/cli/'

/** Time, chance and timers are arguments; only tests may take the machine's own, and not in pure rooms. */
export const ambientTime: Rule = {
  name: 'clock, chance and timers only in the system room',
  check(tree) {
    const pure = pureRooms(tree)
    const isAllowed = ({ path, isTest }: Source): boolean =>
      path.startsWith(SYSTEM_ROOM) || (isTest && !pure.some((room) => path.startsWith(room)))
    return inPackages(tree, isAllowed, [
      { pattern: /\bDate\.now\b/g, message: 'Date.now: take an Instant or a Clock' },
      { pattern: /\bnew Date\(\s*\)/g, message: 'new Date(): take an Instant or a Clock' },
      { pattern: /\bMath\.random\b/g, message: 'Math.random: take an Entropy' },
      { pattern: /\bset(?:Timeout|Interval)\b/g, message: 'a timer: take Timers' },
    ])
  },
}

/** The environment is configuration, and read in one place. */
export const environment: Rule = {
  name: 'process.env only where the command reads it',
  check: (tree) =>
    inPackages(tree, ({ path, isTest }) => isTest || ENVIRONMENT_READERS.includes(path), [
      { pattern: /\bprocess\s*\.\s*env\b/g, message: `process.env: read it in ${ENVIRONMENT_READERS.join(', ')}` },
    ]),
}

/** Programs print, libraries log. */
export const printing: Rule = {
  name: 'console only in the command',
  check: (tree) =>
    inPackages(tree, ({ path, isTest }) => isTest || path.startsWith(COMMAND), [
      { pattern: /\bconsole\s*\./g, message: 'console: write an event to the Log' },
    ]),
}

interface Forbidden {
  readonly pattern: RegExp
  readonly message: string
}

function inPackages(
  tree: Tree,
  isAllowed: (source: Source) => boolean,
  list: readonly Forbidden[],
): ReturnType<Rule['check']> {
  return tree.sources
    .filter((source) => source.path.startsWith('packages/') && !isAllowed(source))
    .flatMap((source) =>
      list.flatMap(({ pattern, message }) =>
        source.matches(pattern).map(({ line }) => ({ path: source.path, line, message })),
      ),
    )
}

/** The folders that `tsconfig.pure.json` includes, which says what is pure. */
function pureRooms(tree: Tree): string[] {
  const text = tree.files.get('tsconfig.pure.json') ?? ''
  return [...text.matchAll(/"(packages\/[^"*]+)\*\*\/\*\.ts"/g)].map(([, folder = '']) => folder)
}
