import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { openVirtualChip } from '@birthmark/chip/trust-x/adapters'
import {
  ANY_PORTS,
  failsPlainly,
  runBirthmark,
  startBirthmark,
  startServerCommand,
  stopsInOrder,
} from '../testkit/run-birthmark.ts'
import { untilNoProcessNames } from '../testkit/running.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** What a person meets whose machine or input is not as the command needs it: the real command, in a process. */

const NOBODY = 65_534

test('a machine without libatomic1 is told the package', async (context) => {
  const folder = await scratchFolder(context)
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
  const loader = 'error while loading shared libraries: libatomic.so.1: cannot open shared object file'
  writeFileSync(join(folder, 'node_modules/.bin/node'), `#!/bin/sh\necho "node: ${loader}" >&2\nexit 127\n`, {
    mode: 0o755,
  })
  const script = join(import.meta.dirname, '../../tools/node-starts.sh')
  const env = { ...process.env, INSTALL_PACKAGES: '' }
  const { status, stderr } = spawnSync('sh', [script], { cwd: folder, env, encoding: 'utf8' })
  assert.equal(status, 1)
  assert.equal(
    stderr,
    'Node 26 needs the library libatomic1, which this machine lacks: ' +
      "run 'apt-get install libatomic1', then the command again.\n",
  )
})

for (const option of ['--mqtt-port', '--https-port', '--control-port', '--control-http-port']) {
  test(`a ${option} in use is named, with the option that moves it`, async (context) => {
    const folder = await scratchFolder(context)
    const taken = await takePort()
    context.after(() => taken.server.close())
    const words = ['server', '--data', join(folder, 'cloud'), ...ANY_PORTS, option, String(taken.port)]
    const says = new RegExp(
      `^birthmark: Port ${taken.port} on 127\\.0\\.0\\.1 is in use\\. Stop the program that uses it, ` +
        `or name another port with ${option} \\(0 takes any free one\\)\\.$`,
    )
    await failsPlainly(words, { code: 'PORT_IN_USE', says })
    await untilNoProcessNames(folder)
    // The failed first starts have not used up the secret, which is shown once.
    const server = await startServerCommand(join(folder, 'cloud'))
    assert.ok(server.ready['secretAccessKey'])
    await stopsInOrder(server)
  })
}

test('a data directory without rights is named and nothing is written', async (context) => {
  const folder = await scratchFolder(context)
  chmodSync(folder, 0o755)
  const words = ['server', '--data', join(folder, 'cloud'), ...ANY_PORTS]
  const says = /^birthmark: No permission to use \S+\/cloud\. Give this user the right to read and write there, or /
  if (process.getuid?.() === 0) await failsPlainly(words, { code: 'FILE_NOT_PERMITTED', says }, { uid: NOBODY })
  else {
    chmodSync(folder, 0o555)
    await failsPlainly(words, { code: 'FILE_NOT_PERMITTED', says })
  }
  assert.deepEqual(readdirSync(folder), [])
})

test('a data directory below a file is named', async (context) => {
  const folder = await scratchFolder(context)
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const says = /^birthmark: Cannot use \S+: a part of the path is a file and not a folder \(ENOTDIR\)\. Check the path/
  await failsPlainly(['server', '--data', join(file, 'cloud'), ...ANY_PORTS], { code: 'FILE_UNUSABLE', says })
  await failsPlainly(['demo', '--data', join(file, 'demo')], { code: 'FILE_UNUSABLE', says })
  assert.deepEqual(readdirSync(folder), ['file'])
})

test('a second server on a data directory is refused and the first goes on', async (context) => {
  const folder = await scratchFolder(context)
  const first = await startServerCommand(join(folder, 'cloud'))
  context.after(() => first.child.kill())
  await failsPlainly(['server', '--data', join(folder, 'cloud'), ...ANY_PORTS], {
    code: 'DATA_FOLDER_IN_USE',
    says: /^birthmark: Another process.* has opened \S+\/cloud\/registry\. Stop the other server, or give this one /,
  })
  await stopsInOrder(first)
  await untilNoProcessNames(folder)
})

const DOCUMENTS: readonly (readonly [why: string, option: string, text: string, says: RegExp])[] = [
  ['broken JSON', '--template', '{', /the template is not JSON: line 1, column 2: a string is expected/],
  [
    'an unknown function',
    '--template',
    '{"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Fn::Nope":"x"}}}}}',
    /Resources\.c\.Properties\.CertificateId\.Fn::Nope \(line 1, column \d+\) is no function; there are Ref, /,
  ],
  [
    'no certificate',
    '--template',
    '{"Resources":{}}',
    /Resources \(line 1, column \d+\) lacks a resource of type AWS::IoT::Cert/,
  ],
  ['broken JSON', '--policy', '{', /Policy document is Malformed: it is not JSON/],
]
for (const [why, option, text, says] of DOCUMENTS) {
  test(`a document of ${option} with ${why} is named by what is wrong in it`, async (context) => {
    const folder = await scratchFolder(context)
    const document = join(folder, 'document.json')
    writeFileSync(document, text)
    const words = ['demo', '--devices', '2', option, document]
    await failsPlainly(words, { code: 'CLOUD_REFUSED', says }, { env: { TMPDIR: folder } })
    await untilNoProcessNames(folder)
    assert.deepEqual(readdirSync(folder), ['document.json'])
  })
}

test('a document that is not there is named before anything starts', async () => {
  const says = /^birthmark: There is no file \/nowhere\/template\.json\. Name a file that exists\.$/
  await failsPlainly(['demo', '--template', '/nowhere/template.json'], { code: 'DOCUMENT_ABSENT', says })
})

test('a chip socket that nobody serves is named', async (context) => {
  const socket = join(await scratchFolder(context), 'none.sock')
  const says =
    /^birthmark: No chip bus at \S+none\.sock: ENOENT\. Start the chip \(birthmark chip serve\) or name its s/
  await failsPlainly(['chip', 'info', '--socket', socket], { code: 'I2C_BUS_UNREACHABLE', says })
})

test('a chip socket that vanishes in the middle of a command ends the command', async (context) => {
  const socket = join(await scratchFolder(context), 'chip.sock')
  const server = createServer((host) => host.once('data', () => host.destroy()))
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  context.after(() => server.close())
  const says =
    /^birthmark: The chip was lost during \w+ \(I2C_BUS_GONE\); carried out: no\. Bring the chip back; where it /
  await failsPlainly(['chip', 'info', '--socket', socket], { code: 'TRUST_X_COMMAND_LOST', says })
})

test('a served chip that is killed keeps its memory and frees its file', async (context) => {
  const folder = await scratchFolder(context)
  const words = ['chip', 'serve', '--chip', join(folder, 'meter.chip'), '--socket', join(folder, 'meter.sock')]
  const first = startBirthmark([...words, '--json'])
  const [, uid] = await first.said(/"uid":"([0-9a-f]+)"/)
  first.child.kill('SIGKILL')
  await first.ended
  const again = startBirthmark([...words, '--json'])
  const [, same] = await again.said(/"uid":"([0-9a-f]+)"/)
  assert.equal(same, uid)
  await stopsInOrder(again)
  const chip = await openVirtualChip({ file: join(folder, 'meter.chip') })
  await chip.close()
})

const USAGE: readonly (readonly [words: readonly string[], says: RegExp])[] = [
  [['nonsense'], /unknown command 'nonsense'/],
  [['demo', '--nonsense'], /unknown option '--nonsense'/],
  [['demo', '--devices', 'x'], /Name a whole number from 2 to 10000/],
  [['demo', '--devices', '1'], /Name a whole number from 2 to 10000/],
  [['server'], /required option '--data <folder>' not specified/],
  [['server', '--data', 'x', '--mqtt-port', '99999'], /Name a port from 0 to 65535/],
  [['server', '--data', 'x', '--session-expiry', '604801'], /Name seconds from 0 to 604800/],
  [['server', '--data', 'x', '--replay-rate', '0'], /Name a whole number from 1 on/],
  [['server', '--data', 'x', '--limit', 'speed=1'], /there is no limit speed. Name one of docs/],
  [['server', '--data', 'x', '--limit', 'subscriptions=many'], /the limit subscriptions cannot be many/],
  [['explain', '--control', 'nonsense'], /Name an address such as/],
  [['explain', '--limit', '-1'], /Name a whole number from 1/],
]
for (const [words, says] of USAGE) {
  test(`wrong usage is answered with status 2: birthmark ${words.join(' ')}`, async () => {
    const { status, stderr, stdout } = await runBirthmark([...words, '--json'])
    assert.equal(status, 2)
    assert.match(stderr, says)
    assert.equal(JSON.parse(stdout).error.code, 'USAGE_WRONG')
  })
}

async function takePort(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return { server, port: address.port }
}
