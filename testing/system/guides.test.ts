/**
 * The guides of the factory, every command as it is written, in an empty folder. Needs Debian's openssl, softhsm2,
 * opensc and 7zip.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { guideBlocks } from '../testkit/guide.ts'
import { steadyPort } from '../testkit/running.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { microchipElement, newVendor } from '../testkit/vendor-manifests.ts'

interface Guide {
  readonly guide: string
  readonly says: RegExp
  /** Whether its commands reach a cloud. */
  readonly cloud?: true
  /** Lays out what somebody else gives. */
  readonly before?: (folder: string) => Promise<void>
}

const GUIDES: readonly Guide[] = [
  { guide: 'authority', says: /Key Compromise[^]*second\.pem: revoked/, cloud: true },
  { guide: 'manifests', says: /1 rows: 1 devices, 0 rows are wrong/, cloud: true, before: vendorFiles },
  { guide: 'modules', says: /2 of 2 devices are finished/ },
  { guide: 'line', says: /holds \d+ entries[^]*1 wait for their certificate[^]*made now 1, made before 0/ },
]
for (const { guide, says, cloud, before } of GUIDES) {
  test(`every command of the guide to the ${guide} does its work`, async (t) => {
    const folder = await scratchFolder(t)
    await before?.(folder)
    const access = cloud === true ? await accessToCloud(t) : undefined
    const fill: readonly (readonly [string, string])[] = [
      ['http://127.0.0.1:9080', access?.endpoint ?? ''],
      ['8888', String(await steadyPort())],
    ]
    const blocks = guideBlocks(guide, 'sh')
    assert.ok(blocks.length > 2)
    const commands = fill.reduce((text, [written, real]) => text.replaceAll(written, real), blocks.map(asJob).join(''))
    writeFileSync(join(folder, 'guide.sh'), `trap 'kill $running 2>&- || :' EXIT\nrunning=\n${commands}`)
    const { error, status, stdout, stderr } = spawnSync('sh', ['-eu', 'guide.sh'], {
      cwd: folder,
      env: { ...process.env, ...access?.env, PATH: `${putNpx(folder)}:${process.env['PATH'] ?? ''}` },
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      timeout: HANG_MS,
    })
    assert.equal(error, undefined, stderr)
    assert.equal(status, 0, stderr)
    assert.match(stdout + stderr, says)
  })
}

/** `npx birthmark` finds the command by where it is called; here it is called in an empty folder. */
function putNpx(folder: string): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const command = fileURLToPath(new URL('../../packages/cli/bin/birthmark.js', import.meta.url))
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${command}" "$@"\n`)
  chmodSync(join(bin, 'npx'), 0o755)
  return bin
}

/** Makes what goes on until it is stopped go on beside the rest of its block, and end in order after it. */
function asJob(block: string): string {
  const lines = block
    .replaceAll('\\\n', ' ')
    .replace(/^npx birthmark (?:ca|line|chip) (?:status-)?(?:serve|desk) .*$/gm, (command) => {
      const [, socket] = /--socket (\S+)/.exec(command) ?? []
      const isThere = socket === undefined ? 'grep -q ready ready.jsonl' : `test -S ${socket}`
      const port = command.includes(' status-serve ') ? ' --port 8888' : ''
      const wait = `n=0; until ${isThere}; do n=$((n + 1)); test $n -lt 600; sleep 0.1; done`
      return `${command}${port} --json > ready.jsonl & running="$running $!"\n${wait}`
    })
  return `${lines}for one in $running; do kill $one; wait $one; done; running=\n`
}

async function accessToCloud(t: TestContext): Promise<{ endpoint: string; env: Readonly<Record<string, string>> }> {
  const cloud = await startRunningCloud()
  t.after(() => cloud.close())
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.access
  const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: region }
  return { endpoint, env }
}

/** What Microchip, Infineon and somebody with PEM files give, by the names that the guide has for them. */
async function vendorFiles(folder: string): Promise<void> {
  const vendor = await newVendor()
  const chip = await vendor.chip('aa'.repeat(9))
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('chips.json'), JSON.stringify([microchipElement(vendor, chip)]))
  writeFileSync(file('microchip-signer.pem'), vendor.manifestSigner.certificate.toPem())
  writeFileSync(file('microchip-root.pem'), vendor.root.toPem())
  writeFileSync(file('infineon-ca.pem'), vendor.issuing.toPem())
  writeFileSync(file('certificates.pem'), chip.certificate.toPem())
  for (const [archive, content] of [
    ['Order1_Lot2_E0E0_Certs.7z', 'certificates.pem'],
    ['bundle.7z', 'Order1_Lot2_E0E0_Certs.7z'],
  ] as const) {
    const { status, stderr } = spawnSync('7zz', ['a', archive, content], { cwd: folder, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
}

/** A guide has some thirty commands, each of which a busy machine takes seconds to load. */
const HANG_MS = 400_000
