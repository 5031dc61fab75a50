import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { Tpm } from '@birthmark/chip/tpm'
import { fromHex, isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import { readPkcs11Key } from './pkcs11-key.ts'

/** Loads with handle 1, unseals 32 zeros in hex, and takes everything else. */
const TPM = new Tpm({
  send: (command) => {
    const code = command[9]
    if (code === 0x57) return Promise.resolve(fromHex('8001 00000010 00000000 80000001 0000'))
    const sealed = Buffer.concat([fromHex('8001 0000004c 00000000 0040'), Buffer.from('00'.repeat(32))])
    return Promise.resolve(code === 0x5e ? sealed : fromHex('8001 0000000a 00000000'))
  },
  close: () => Promise.resolve(),
})

interface Row {
  readonly config?: string
  readonly sealed?: Uint8Array | null
  readonly attributes?: string
}

/** Makes a store with one token, as tpm2_ptool writes one. */
async function store(t: TestContext, { config, sealed, attributes }: Row): Promise<string> {
  const folder = await scratchFolder(t)
  const database = new DatabaseSync(join(folder, 'tpm2_pkcs11.sqlite3'))
  database.exec(`
    PRAGMA synchronous = OFF;
    CREATE TABLE pobjects(id INTEGER PRIMARY KEY, config TEXT);
    CREATE TABLE tokens(id INTEGER PRIMARY KEY, pid INTEGER, label TEXT);
    CREATE TABLE sealobjects(id INTEGER PRIMARY KEY, tokid INTEGER, userpub BLOB, userpriv BLOB, userauthsalt TEXT);
    CREATE TABLE tobjects(id INTEGER PRIMARY KEY, tokid INTEGER, attrs TEXT);
    INSERT INTO tokens VALUES (1, 1, 'device');`)
  const area = sealed === undefined ? fromHex('0001 00') : sealed
  database.prepare('INSERT INTO pobjects VALUES (1, ?)').run(config ?? 'esys-tr: 810000010022\ntransient: false\n')
  database.prepare('INSERT INTO sealobjects VALUES (1, 1, ?, ?, ?)').run(area, area, area && 'salt')
  database.prepare('INSERT INTO tobjects VALUES (1, 1, ?)').run(attributes ?? '{0: 3, 3: 6b6579}')
  database.close()
  return folder
}

function read(folder: string): Promise<unknown> {
  return readPkcs11Key(TPM, { store: folder, token: 'device', key: 'key', pin: '471100' })
}

test('a store that lacks what is needed is refused, and says what', async (t) => {
  const rows: readonly (readonly [Row, RegExp])[] = [
    [{ sealed: null }, /no token of this label, or the token has no user/],
    [{ config: 'transient: true\ntemplate-name: tpm2-tools-default\n' }, /parent is no persistent key/],
    [{ attributes: '{0: 2, 3: 6b6579}' }, /no private key of this label/],
    [{}, /password does not open/],
    [{ attributes: '{0: 3, 3: 6b6579, 2399141889: 3030}' }, /password does not open/],
  ]
  for (const [row, says] of rows) {
    const folder = await store(t, row)
    await assert.rejects(read(folder), (error) => isFault(error, 'TPM_STORE_UNUSABLE') && says.test(error.message))
  }
})

test('arbitrary texts in a store give a declared fault', async (t) => {
  const folder = await store(t, {})
  const database = new DatabaseSync(join(folder, 'tpm2_pkcs11.sqlite3'))
  t.after(() => database.close())
  database.exec('PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY')
  const values = fc.constantFrom('3', '6b6579', '3030:31:32', '00', 'esys-tr', '81000001', '2399141889', '? !!int "3"')
  const text = fc
    .oneof(fc.string(), fc.array(fc.oneof(values, fc.constantFrom(': ', '\n', ', ', '"', '{'))))
    .map(String)
  await fc.assert(
    fc.asyncProperty(text, text, async (config, attributes) => {
      database.prepare('UPDATE pobjects SET config = ?').run(`esys-tr: 81000001\n${config}`)
      database.prepare('UPDATE tobjects SET attrs = ?').run(`{0: 3, 3: 6b6579, 2399141889: ${attributes}`)
      await assert.rejects(read(folder), (error) => isFault(error, 'TPM_STORE_UNUSABLE'))
    }),
  )
})
