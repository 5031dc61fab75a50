import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { manifestFault } from './faults.ts'
import { MANIFEST_LIMITS } from './limits.ts'
import { shown } from './row.ts'

/** One file in an archive, as its directory says. */
export interface ArchiveEntry {
  readonly name: string
  /** Bytes when it is unpacked. */
  readonly size: number
}

/** What the 7-Zip program refused, or said that it could not read. */
export class ArchiveBroken extends Error {}

/**
 * Lists the files of a 7z archive in the order in which {@link unpack} gives them. Folders are passed over.
 *
 * @param programs The first of them that is there is run.
 * @throws `ARCHIVE_PROGRAM_MISSING`, {@link ArchiveBroken}
 */
export async function* listArchive(
  path: string,
  programs: readonly string[] = PROGRAMS,
): AsyncGenerator<ArchiveEntry, void, undefined> {
  let fields = new Map<string, string>()
  for await (const line of linesOf(runSevenZip(['l', '-slt', '-ba', '-t7z', '--', path], programs))) {
    const [, name, value] = /^([A-Z][A-Za-z ]*) = (.*)$/.exec(line) ?? []
    if (name !== undefined) {
      fields.set(name, value ?? '')
    } else if (line === '') {
      yield* entryOf(fields)
      fields = new Map()
    } else {
      throw new ArchiveBroken(
        /password/.test(line) ? 'a password locks it' : `its directory is not in order: ${shown(line)}`,
      )
    }
  }
  yield* entryOf(fields)
}

/**
 * Unpacks files of a 7z archive, one after the other and with nothing between them; nothing is written to disk.
 *
 * @param name The one file that is wanted; all of them when absent.
 * @throws `ARCHIVE_PROGRAM_MISSING`, {@link ArchiveBroken}
 */
export function unpack(path: string, name?: string): AsyncIterable<Uint8Array> {
  return runSevenZip(['x', '-so', '-spd', '-mmt1', '-t7z', '--', path, ...(name === undefined ? [] : [name])], PROGRAMS)
}

function* entryOf(fields: ReadonlyMap<string, string>): Generator<ArchiveEntry> {
  const name = fields.get('Path')
  if (name === undefined) return
  if (fields.get('Folder') === '+' || fields.get('Attributes')?.startsWith('D') === true) return
  const size = Number(fields.get('Size'))
  if (!Number.isSafeInteger(size)) throw new ArchiveBroken('a file in it has no size')
  yield { name, size }
}

/** Runs the program and gives its output; it is killed when the reader goes. */
async function* runSevenZip(
  words: readonly string[],
  programs: readonly string[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(
    'sh',
    ['-c', SCRIPT, 'sh', ...BOUNDS, programs.join(' '), ...words],
    {
      env: ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < SAID_CHARACTERS) said += text
  })
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null))
    child.once('close', (status) => resolve(status))
  })
  try {
    for await (const chunk of child.stdout) if (chunk instanceof Uint8Array) yield chunk
    const status = await ended
    if (status === NOT_FOUND) throw manifestFault('ARCHIVE_PROGRAM_MISSING')
    if (status !== 0) throw new ArchiveBroken(`7-Zip does not read it (status ${status}): ${reasonIn(said)}`)
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  let rest = ''
  for await (const chunk of bytes) {
    const lines = (rest + Buffer.from(chunk).toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > NAME_BYTES_MAX) throw new ArchiveBroken('a file in it has an oversized name')
    yield* lines
  }
}

function reasonIn(said: string): string {
  const line = said.split('\n').find((each) => /^(?:ERROR|Cannot|Can't|Break)/.test(each))
  return line === undefined ? 'it gives no reason' : shown(line)
}

/** Bounds memory and time first, then becomes the program that is there. A bound that cannot be set is an end. */
const SCRIPT = `ulimit -v "$1" && ulimit -t "$2" || exit 126
programs=$3
shift 3
for program in $programs; do
  if command -v "$program" >/dev/null; then exec "$program" "$@"; fi
done
exit 127`
const BOUNDS = [String(MANIFEST_LIMITS.archiveMemoryKiB.value), String(MANIFEST_LIMITS.archiveSeconds.value)]
const NOT_FOUND = 127

/** The names under which Debian's packages 7zip and p7zip-full install it. */
const PROGRAMS: readonly string[] = ['7zz', '7z', '7za', '7zr']

/** Nothing of this process's own environment: a stranger's file is opened. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C.UTF-8' }

/** How much of what the program says is kept, in characters. */
const SAID_CHARACTERS = 4096
/** Longest line of a listing, in bytes; names in use have under a hundred. */
const NAME_BYTES_MAX = 8192
