import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { createAuthority } from './create.ts'
import { type AuthorityOptions, openAuthority } from './open.ts'

test('a new authority is a folder for one user: encrypted keys, certificates, a journal', async (t) => {
  const { folder } = await newAuthority(t)
  assert.deepEqual((await readdir(folder)).sort(), [
    'issuing.key.pem',
    'issuing.pem',
    'journal.jsonl',
    'journal.jsonl.index',
    'journal.jsonl.lock',
    'root.key.pem',
    'root.pem',
  ])
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  for (const file of await readdir(folder)) assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file)
  for (const file of ['root.key.pem', 'issuing.key.pem']) {
    assert.match(await readFile(join(folder, file), 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
  }
  assert.deepEqual(await readdir(join(folder, '..')), ['authority'])
})

test('an authority is opened without the key of its root', async (t) => {
  const options = await newAuthority(t)
  await rm(join(options.folder, 'root.key.pem'))
  await (await openAuthority(options)).close()
})

test('an authority is never overwritten, and a creation that fails leaves nothing behind', async (t) => {
  const options = await newAuthority(t)
  const before = await readFile(join(options.folder, 'root.pem'), 'utf8')
  const names = { rootName: [{ type: 'CN', value: 'R' }], issuingName: [{ type: 'CN', value: 'I' }] }
  await assert.rejects(createAuthority({ ...options, ...names }), { code: 'AUTHORITY_EXISTS' })
  assert.equal(await readFile(join(options.folder, 'root.pem'), 'utf8'), before)

  const parent = await scratchFolder(t)
  const folder = join(parent, 'new')
  await assert.rejects(createAuthority({ ...options, ...names, folder, passphrase: '' }), {
    code: 'KEY_PASSPHRASE_EMPTY',
  })
  await assert.rejects(createAuthority({ ...options, ...names, folder, rootName: [] }), {
    code: 'CERTIFICATE_LINT_FAILED',
  })
  assert.deepEqual(await readdir(parent), [])
  await mkdir(folder)
  await createAuthority({ ...options, ...names, folder })
  await (await openAuthority({ ...options, folder })).close()
})

test('a creation below something that is no folder, or in a folder without rights, is refused', async (t) => {
  const options = await newAuthority(t)
  const names = { rootName: [{ type: 'CN', value: 'R' }], issuingName: [{ type: 'CN', value: 'I' }] }
  const folder = join(options.folder, 'root.pem', 'below')
  await assert.rejects(createAuthority({ ...options, ...names, folder }), { code: 'FILE_UNUSABLE' })
  await withoutRights(options.folder, async () => {
    await assert.rejects(openAuthority(options), { code: 'FILE_NOT_PERMITTED' })
  })
})

type Change = (options: AuthorityOptions) => Promise<Partial<AuthorityOptions> | undefined>
const REFUSED: readonly (readonly [why: string, change: Change, code: string, says: RegExp])[] = [
  ['another passphrase', async () => ({ passphrase: 'another' }), 'AUTHORITY_PASSPHRASE_WRONG', /passphrase/],
  [
    'a folder that is not there',
    async ({ folder }) => ({ folder: `${folder}2` }),
    'AUTHORITY_MISSING',
    /the folder is missing/,
  ],
  ['no issuing key', remove('issuing.key.pem'), 'AUTHORITY_MISSING', /issuing\.key\.pem/],
  ['no certificate', remove('issuing.pem'), 'AUTHORITY_MISSING', /issuing\.pem/],
  ['no journal', remove('journal.jsonl'), 'AUTHORITY_MISSING', /journal\.jsonl/],
  ['an empty journal', write('journal.jsonl', ''), 'AUTHORITY_DAMAGED', /journal/],
  ['a certificate that is none', write('root.pem', 'nothing'), 'AUTHORITY_DAMAGED', /root\.pem/],
  ['a key that is none', write('issuing.key.pem', 'nothing'), 'AUTHORITY_DAMAGED', /issuing\.key\.pem/],
  ['the key of the root', copy('root.key.pem', 'issuing.key.pem'), 'AUTHORITY_DAMAGED', /not the key of issuing/],
  ['the root twice', copy('root.pem', 'issuing.pem'), 'AUTHORITY_DAMAGED', /not the key of issuing/],
  ['a root that is no root', copy('issuing.pem', 'root.pem'), 'AUTHORITY_DAMAGED', /not self-signed/],
]
for (const [why, change, code, says] of REFUSED) {
  test(`is not opened with ${why}`, async (t) => {
    const options = await newAuthority(t)
    const changed = await change(options)
    await assert.rejects(openAuthority({ ...options, ...changed }), { code, blame: 'operator', message: says })
  })
}

test('the journal of another authority is refused, and so is another root', async (t) => {
  const options = await newAuthority(t)
  const other = await newAuthority(t)
  const journal = join(options.folder, 'journal.jsonl')
  const own = await readFile(journal)
  await writeFile(journal, await readFile(join(other.folder, 'journal.jsonl')))
  await assert.rejects(openAuthority(options), { code: 'AUTHORITY_DAMAGED', message: /not that of these certificates/ })
  await writeFile(journal, own)
  await writeFile(join(options.folder, 'root.pem'), await readFile(join(other.folder, 'root.pem')))
  await assert.rejects(openAuthority(options), {
    code: 'AUTHORITY_DAMAGED',
    message: /not signed by the key of CN=Birthmark Test Root/,
  })
})

test('one process at a time has an authority open', async (t) => {
  const options = await newAuthority(t)
  const first = await openAuthority(options)
  await assert.rejects(openAuthority(options), { code: 'AUTHORITY_IN_USE' })
  await first.close()
  await (await openAuthority(options)).close()
})

function remove(file: string): Change {
  return async ({ folder }) => {
    await rm(join(folder, file))
    return undefined
  }
}

function write(file: string, content: string): Change {
  return async ({ folder }) => {
    await writeFile(join(folder, file), content)
    return undefined
  }
}

function copy(from: string, to: string): Change {
  return async ({ folder }) => {
    await writeFile(join(folder, to), await readFile(join(folder, from)))
    return undefined
  }
}

/** Root may read everything: then the rights are given up for the time of the test. */
async function withoutRights(folder: string, work: () => Promise<void>): Promise<void> {
  const user = process.geteuid?.()
  await chmod(folder, 0)
  if (user === 0) process.seteuid?.(65_534)
  try {
    await work()
  } finally {
    if (user === 0) process.seteuid?.(0)
    await chmod(folder, 0o700)
  }
}
