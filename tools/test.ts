import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * `npm test`: sees that the programs which the system tests drive are there (installs their Debian packages when it
 * may, else names what is missing) and the npm packages of testing/clients, then runs every test and ends with the
 * runner's own summary.
 */

interface Needed {
  readonly debianPackage: string
  /** Tells whether it is there: a program in PATH, or for what is no program a command that then succeeds. */
  readonly program?: string
  readonly probe?: readonly [string, ...string[]]
}

/** The clients and servers that we did not write, and that the tests run against ours. */
const NEEDED: readonly Needed[] = [
  { debianPackage: 'openssl', program: 'openssl' },
  { debianPackage: 'gnutls-bin', program: 'gnutls-serv' },
  { debianPackage: 'mosquitto-clients', program: 'mosquitto_pub' },
  { debianPackage: 'awscli', program: 'aws' },
  { debianPackage: 'faketime', program: 'faketime' },
  { debianPackage: 'curl', program: 'curl' },
  { debianPackage: 'zsh', program: 'zsh' },
  { debianPackage: 'opensc', program: 'pkcs11-tool' },
  { debianPackage: 'p11-kit', program: 'p11-kit' },
  { debianPackage: 'softhsm2', program: 'softhsm2-util' },
  { debianPackage: 'swtpm', program: 'swtpm' },
  { debianPackage: 'swtpm-tools', program: 'swtpm_setup' },
  { debianPackage: 'tpm2-tools', program: 'tpm2_makecredential' },
  { debianPackage: 'libtpm2-pkcs11-tools', program: 'tpm2_ptool' },
  { debianPackage: '7zip', program: '7zz' },
  { debianPackage: 'chromium', program: 'chromium' },
  { debianPackage: 'zbar-tools', program: 'zbarimg' },
  // Shared libraries, which programs load: the client side of p11-kit, and OpenSSL's way to PKCS#11.
  { debianPackage: 'p11-kit-modules', probe: ['sh', '-c', 'ls /usr/lib/*/pkcs11/p11-kit-client.so'] },
  { debianPackage: 'libtpm2-pkcs11-1', probe: ['sh', '-c', 'ls /usr/lib/*/pkcs11/libtpm2_pkcs11.so'] },
  { debianPackage: 'libengine-pkcs11-openssl', probe: ['openssl', 'engine', 'pkcs11'] },
  // Debian's own Python, which the tests run: another one in PATH has no paho.
  { debianPackage: 'python3-paho-mqtt', probe: ['/usr/bin/python3', '-c', 'import paho.mqtt.client'] },
]

const TEST_FILES = ['packages/**/*.test.ts', 'tools/**/*.test.ts', 'testing/**/*.test.ts', 'bench/**/*.test.ts']

/** Node's own default leaves one core idle. */
const CONCURRENCY = `--test-concurrency=${availableParallelism()}`

/** Makes the properties' inputs repeatable. */
const PROPERTY_SEED = new URL('../testing/testkit/property-seed.ts', import.meta.url).href

/**
 * Longest one test may take, in milliseconds: the slowest kills a cloud ten times. At the limit the test fails; a hang
 * never holds the whole run.
 */
const TEST_TIMEOUT_MS = 300_000

/** Where Node keeps what it makes of the sources: every test file loads the same ones. */
const COMPILE_CACHE = fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url))

/** Clients from npm that are too heavy for everybody's installation. */
const CLIENTS = fileURLToPath(new URL('../testing/clients', import.meta.url))

installMissing(missingPackages())
const stillMissing = missingPackages()
if (stillMissing.length > 0) {
  console.error(`These Debian packages are missing: run 'apt-get install ${stillMissing.join(' ')}', then 'make test'.`)
  process.exit(1)
}
if (!clientsAreInstalled()) installClients()
if (!clientsAreInstalled()) {
  console.error(`The clients in testing/clients are missing: run 'npm ci --ignore-scripts' there, then 'make test'.`)
  process.exit(1)
}
const words = ['--import', PROPERTY_SEED, '--test', CONCURRENCY, `--test-timeout=${TEST_TIMEOUT_MS}`, ...TEST_FILES]
const environment = { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE }
const run = spawnSync(process.execPath, words, { stdio: 'inherit', env: environment })
process.exit(run.status ?? 1)

function missingPackages(): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const isInPath = (program: string): boolean => folders.some((folder) => existsSync(join(folder, program)))
  const absent = NEEDED.filter(
    ({ program, probe }) => (program !== undefined && !isInPath(program)) || (probe !== undefined && !succeeds(probe)),
  )
  return absent.map(({ debianPackage }) => debianPackage)
}

function succeeds([program, ...words]: readonly [string, ...string[]]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0
}

/** Whether testing/clients has what its package.json names, in these versions; its installation is nobody else's. */
function clientsAreInstalled(): boolean {
  const { dependencies } = readJson(join(CLIENTS, 'package.json'))
  return Object.entries(dependencies ?? {}).every(([name, version]) => {
    const path = join(CLIENTS, 'node_modules', name, 'package.json')
    return existsSync(path) && readJson(path).version === version
  })
}

function readJson(path: string): { readonly version?: string; readonly dependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function installClients(): void {
  console.log('Installing the clients in testing/clients.')
  // What they need of native code is in their packages; nothing is built here.
  spawnSync('npm', ['ci', '--ignore-scripts'], { cwd: CLIENTS, stdio: ['ignore', 'ignore', 'inherit'] })
}

function installMissing(packages: readonly string[]): void {
  if (packages.length === 0 || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return
  console.log(`Installing ${packages.join(', ')}.`)
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const words of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    const done = spawnSync('apt-get', words, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
    if (done.status !== 0) console.error(`apt-get ${words[0]} failed.`)
  }
}
