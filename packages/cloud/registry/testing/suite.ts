import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { instant, isFault } from '@birthmark/foundation/kernel'
import type { Change } from '../changes.ts'
import type { Scope } from '../records.ts'
import type { Registry, ScopedRegistry } from '../registry.ts'
import { changesSuite } from './changes-suite.ts'
import type { ConflictCase } from './conflict-case.ts'
import { conflictCases } from './conflicts.ts'
import { type Contents, contentsOf } from './contents.ts'
import { commitsAcross } from './identity-suite.ts'
import { pagesSuite } from './pages-suite.ts'
import { randomSuite } from './random-suite.ts'
import { accessKeyRecord, certificateRecord, policyRecord, SCOPE, thingRecord } from './records.ts'
import type { OnRegistry, Store } from './store.ts'

/** Holds an implementation of the port `Registry` to its contract. */
export function registrySuite(name: string, makeStore: () => Promise<Store>): void {
  const onRegistry: OnRegistry = (title, body) => {
    test(title, async () => {
      const store = await makeStore()
      let registry = await store.open()
      try {
        await body(registry, async () => {
          await registry.close()
          registry = await store.open()
          return registry
        })
      } finally {
        await registry.close()
        await store.remove()
      }
    })
  }
  describe(name, () => {
    describe('conflicts', () => conflictsSuite(onRegistry))
    describe('changes', () => changesSuite(onRegistry))
    describe('pages', () => pagesSuite(onRegistry))
    describe('commits', () => commitsSuite(onRegistry))
    describe('commits across scopes', () => commitsAcross(onRegistry))
    describe('listeners', () => listenersSuite(onRegistry))
    describe('random', () => randomSuite(onRegistry))
  })
}

function conflictsSuite(onRegistry: OnRegistry): void {
  const cases = conflictCases()
  test('the table names every conflict of the port', () => {
    // `register-ca taken` needs a second scope: it has a test among the commits across scopes.
    const named = new Set(cases.map(({ change, reason }) => `${change.do} ${reason}`))
    assert.deepEqual([...named].sort(), DECLARED_CONFLICTS.toSorted())
  })
  for (const row of cases) {
    onRegistry(`refuses ${row.change.do}: ${row.why} gives ${row.reason}`, (registry) => expectConflict(registry, row))
  }
}

async function expectConflict(registry: Registry, { given, change, reason }: ConflictCase): Promise<void> {
  const scoped = registry.in(SCOPE)
  assert.deepEqual(await scoped.commit(given), { ok: true })
  const before = await contentsOf(scoped)
  const list: readonly Change[] = [
    { do: 'create-thing', thing: thingRecord('before') },
    change,
    { do: 'create-thing', thing: thingRecord('after') },
  ]
  assert.deepEqual(await scoped.commit(list), { ok: false, index: 1, reason })
  assert.deepEqual(await contentsOf(scoped), before, 'nothing of the list is there')
}

function commitsSuite(onRegistry: OnRegistry): void {
  onRegistry('commits of one turn stand or fall each for itself, in their order', async (registry) => {
    const scoped = registry.in(SCOPE)
    const results = await Promise.all([
      scoped.commit([create('a')]),
      scoped.commit([create('b'), create('a')]),
      scoped.commit([create('b')]),
      scoped.commit([]),
    ])
    assert.deepEqual(results, [{ ok: true }, { ok: false, index: 1, reason: 'exists' }, { ok: true }, { ok: true }])
    assert.deepEqual(await namesOf(scoped), ['a', 'b'])
  })

  onRegistry('scopes do not see each other', async (registry) => {
    const here = registry.in(SCOPE)
    const there = registry.in(ELSEWHERE)
    const account = registry.in({ ...SCOPE, account: '444455556666' })
    const empty = await contentsOf(there)
    await here.commit(EVERYTHING)
    assert.deepEqual(await contentsOf(there), empty)
    assert.deepEqual(await contentsOf(account), empty)
    assert.deepEqual(await there.commit(EVERYTHING.slice(0, -1)), { ok: true }, 'the same names are free there')
    const filled = await contentsOf(here)
    await there.commit([{ do: 'detach-policy', policyName: 'p', certificateId: certificateRecord(1).id }])
    assert.deepEqual(await contentsOf(here), filled)
    assert.deepEqual((await registry.accessKey('AKIA1'))?.scope, SCOPE)
    assert.equal(await registry.accessKey('AKIA2'), undefined)
  })

  onRegistry('scopes are served once they are opened, each under a name of its own', async (registry, reopen) => {
    const open = { do: 'open-scope', endpointPrefix: 'a1', at: instant(5) } as const
    assert.deepEqual(await registry.openScopes(), [])
    await registry.in(ELSEWHERE).commit([create('a')])
    assert.deepEqual(await registry.openScopes(), [], 'what is only used is not open')
    assert.deepEqual(await registry.in(SCOPE).commit([open]), { ok: true })
    const taken = await registry.in(ELSEWHERE).commit([open])
    assert.deepEqual(taken, { ok: false, index: 0, reason: 'exists' }, 'another scope has the name')
    assert.deepEqual(await registry.in(ELSEWHERE).commit([{ ...open, endpointPrefix: 'a2', at: instant(6) }]), {
      ok: true,
    })
    assert.deepEqual(await (await reopen()).openScopes(), [
      { scope: SCOPE, endpointPrefix: 'a1', openedAt: 5 },
      { scope: ELSEWHERE, endpointPrefix: 'a2', openedAt: 6 },
    ])
  })

  onRegistry('what was committed is there after the next start', async (registry, reopen) => {
    await registry.in(SCOPE).commit(EVERYTHING)
    const before: Contents = await contentsOf(registry.in(SCOPE))
    assert.deepEqual(await contentsOf((await reopen()).in(SCOPE)), before)
  })

  onRegistry('close makes what waits durable, and refuses what comes after', async (registry, reopen) => {
    const pending = registry.in(SCOPE).commit([create('a')])
    const open = await reopen()
    assert.deepEqual(await pending, { ok: true })
    assert.deepEqual(await namesOf(open.in(SCOPE)), ['a'])
    await assert.rejects(registry.in(SCOPE).commit([create('b')]), (error) => isFault(error, 'REGISTRY_CLOSED'))
    await assert.rejects(registry.in(SCOPE).thing('a'), (error) => isFault(error, 'REGISTRY_CLOSED'))
    await registry.close()
  })
}

function listenersSuite(onRegistry: OnRegistry): void {
  onRegistry('listeners hear each durable list in commit order, when reads see it', async (registry) => {
    const scoped = registry.in(SCOPE)
    const heard: string[] = []
    const seen: Promise<unknown>[] = []
    const stop = registry.onCommit((scope, changes) => {
      heard.push(`${scope.region} ${changes.map((change) => change.do).join()}`)
      seen.push(scoped.thing('a').then((thing) => assert.ok(thing)))
    })
    await Promise.all([
      scoped.commit([create('a')]),
      scoped.commit([create('a')]),
      registry.in(ELSEWHERE).commit([create('a'), { do: 'delete-thing', name: 'a' }]),
    ])
    stop()
    await scoped.commit([create('c')])
    await Promise.all(seen)
    assert.deepEqual(heard, ['eu-central-1 create-thing', 'us-east-1 create-thing,delete-thing'])
  })

  onRegistry('a listener that throws keeps neither the others nor the commit from ending well', async (registry) => {
    const heard: number[] = []
    registry.onCommit(() => {
      throw new Error('planned failure')
    })
    registry.onCommit((_, changes) => heard.push(changes.length))
    assert.deepEqual(await registry.in(SCOPE).commit([create('a')]), { ok: true })
    assert.deepEqual(heard, [1])
  })
}

function create(name: string): Change {
  return { do: 'create-thing', thing: thingRecord(name) }
}

async function namesOf(scoped: ScopedRegistry): Promise<readonly string[]> {
  return (await scoped.things({ limit: 250 })).rows.map(({ name }) => name)
}

const ELSEWHERE: Scope = { ...SCOPE, region: 'us-east-1' }

const EVERYTHING: readonly Change[] = [
  create('t'),
  { do: 'register-certificate', certificate: certificateRecord(1) },
  { do: 'create-policy', policy: policyRecord('p') },
  { do: 'attach-policy', policyName: 'p', certificateId: certificateRecord(1).id },
  { do: 'attach-thing-principal', thingName: 't', certificateId: certificateRecord(1).id, exclusive: true },
  { do: 'set-registration-code', code: 'f'.repeat(64) },
  { do: 'create-access-key', key: accessKeyRecord('AKIA1') },
]

/** Every conflict that the docstrings of `Change` name. */
const DECLARED_CONFLICTS: readonly string[] = [
  'create-thing target-absent',
  'create-thing-type exists',
  'update-thing-type absent',
  'deprecate-thing-type absent',
  'delete-thing-type absent',
  'delete-thing-type state',
  'delete-thing-type attached',
  'create-thing-group exists',
  'create-thing-group target-absent',
  'create-thing-group state',
  'create-thing-group depth',
  'create-thing-group limit',
  'update-thing-group absent',
  'update-thing-group version',
  'delete-thing-group version',
  'delete-thing-group state',
  'delete-thing-group attached',
  'add-to-thing-group absent',
  'add-to-thing-group target-absent',
  'add-to-thing-group state',
  'add-to-thing-group exclusive',
  'add-to-thing-group limit',
  'remove-from-thing-group absent',
  'remove-from-thing-group target-absent',
  'remove-from-thing-group state',
  'attach-group-policy absent',
  'attach-group-policy target-absent',
  'attach-group-policy state',
  'attach-group-policy limit',
  'create-billing-group exists',
  'update-billing-group absent',
  'update-billing-group version',
  'delete-billing-group version',
  'set-billing-group absent',
  'set-billing-group target-absent',
  'tag limit',
  'allow-values absent',
  'create-allow-list exists',
  'create-claim absent',
  'create-claim exists',
  'create-document exists',
  'create-document limit',
  'create-document taken',
  'delete-allow-list absent',
  'delete-document absent',
  'disallow-value absent',
  'offer-certificate absent',
  'offer-certificate exists',
  'replace-document absent',
  'replace-document version',
  'accept-certificate absent',
  'accept-certificate state',
  'create-template-version absent',
  'create-template-version limit',
  'create-template-version version',
  'delete-certificate pending-transfer',
  'delete-template attached',
  'delete-template-version absent',
  'delete-template-version default',
  'delete-template-version version-absent',
  'receive-certificate exists',
  'remove-transferred absent',
  'remove-transferred state',
  'return-certificate absent',
  'return-certificate state',
  'send-certificate absent',
  'send-certificate attached',
  'send-certificate state',
  'update-template absent',
  'update-template version-absent',
  'use-allowed-value absent',
  'use-allowed-value state',
  'use-offer absent',
  'use-offer state',
  'create-thing exists',
  'update-thing absent',
  'update-thing version',
  'delete-thing attached',
  'delete-thing version',
  'register-certificate exists',
  'set-certificate-status absent',
  'set-certificate-status state',
  'delete-certificate absent',
  'delete-certificate state',
  'delete-certificate attached',
  'register-ca exists',
  'register-ca limit',
  'update-ca absent',
  'delete-ca absent',
  'delete-ca state',
  'create-policy exists',
  'create-policy-version absent',
  'create-policy-version limit',
  'set-default-policy-version absent',
  'delete-policy-version absent',
  'delete-policy-version default',
  'delete-policy absent',
  'delete-policy attached',
  'delete-policy versions',
  'attach-policy absent',
  'attach-policy target-absent',
  'attach-policy limit',
  'attach-thing-principal absent',
  'attach-thing-principal target-absent',
  'attach-thing-principal exclusive',
  'detach-thing-principal absent',
  'create-template exists',
  'delete-template absent',
  'create-access-key exists',
  'create-access-key limit',
  'revoke-access-key absent',
  'open-scope exists',
  'set-registration-code exists',
]
