import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { Change } from '../changes.ts'
import type { ScopedRegistry } from '../registry.ts'
import { certificateRecord, idNumber, SCOPE, thingRecord } from './records.ts'
import type { OnRegistry } from './store.ts'

/** Random lists of changes leave exactly what a model of the port, held in two maps, says. */
export function randomSuite(onRegistry: OnRegistry): void {
  onRegistry('lists of changes, many in one turn, leave what the model says', async (registry) => {
    let account = 0
    const turns = fc.array(fc.array(LIST, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(turns, async (lists) => {
        account += 1
        const scoped = registry.in({ ...SCOPE, account: String(account).padStart(12, '0') })
        const model = new Model()
        for (const turn of lists) {
          const results = await Promise.all(turn.map((changes) => scoped.commit(changes)))
          assert.deepEqual(
            results.map(({ ok }) => ok),
            turn.map((changes) => model.commit(changes)),
          )
        }
        assert.deepEqual(await shape(scoped), model.shape())
      }),
      { numRuns: 60 },
    )
  })
}

/** The changes that the model knows. */
type ModelledChange = Extract<
  Change,
  {
    readonly do:
      | 'create-thing'
      | 'delete-thing'
      | 'register-certificate'
      | 'delete-certificate'
      | 'attach-thing-principal'
      | 'detach-thing-principal'
  }
>

/** Things, certificates and what is attached to what: enough for lists to get into each other's way. */
class Model {
  #things = new Map<string, Set<string>>()
  #certificates = new Set<string>()

  commit(changes: readonly ModelledChange[]): boolean {
    const things = new Map([...this.#things].map(([name, ids]) => [name, new Set(ids)]))
    const certificates = new Set(this.#certificates)
    if (changes.every((change) => this.#apply(change))) return true
    this.#things = things
    this.#certificates = certificates
    return false
  }

  shape(): object {
    const things = [...this.#things].map(([name, ids]) => [name, [...ids].sort()] as const)
    return { things: Object.fromEntries(things), certificates: [...this.#certificates].sort() }
  }

  #apply(change: ModelledChange): boolean {
    switch (change.do) {
      case 'create-thing':
        if (this.#things.has(change.thing.name)) return false
        this.#things.set(change.thing.name, new Set())
        return true
      case 'delete-thing':
        if ((this.#things.get(change.name)?.size ?? 0) > 0) return false
        this.#things.delete(change.name)
        return true
      case 'register-certificate':
        return !this.#certificates.has(change.certificate.id) && this.#certificates.add(change.certificate.id).size > 0
      case 'delete-certificate':
        return !this.#attached(change.id) && this.#certificates.delete(change.id)
      case 'attach-thing-principal':
        return (
          this.#certificates.has(change.certificateId) &&
          this.#things.get(change.thingName)?.add(change.certificateId) !== undefined
        )
      case 'detach-thing-principal':
        return this.#things.get(change.thingName)?.delete(change.certificateId) ?? false
    }
  }

  #attached(id: string): boolean {
    return [...this.#things.values()].some((ids) => ids.has(id))
  }
}

async function shape(scoped: ScopedRegistry): Promise<object> {
  const names = (await scoped.things({ limit: 250 })).rows.map(({ name }) => name)
  const things = names.map(async (name) => {
    const ids = (await scoped.principalsOfThing(name)).map(({ certificateId }) => certificateId)
    return [name, ids.sort()] as const
  })
  const certificates = (await scoped.certificates({ limit: 250 })).rows.map(({ id }) => id)
  return { things: Object.fromEntries(await Promise.all(things)), certificates: certificates.sort() }
}

const NAME = fc.constantFrom('a', 'b', 'c')
const ID = fc.constantFrom(1, 2, 3)
const PAIR = fc.record({ thingName: NAME, certificateId: ID.map(idNumber) })

const CHANGE: fc.Arbitrary<ModelledChange> = fc.oneof(
  NAME.map((name) => ({ do: 'create-thing', thing: thingRecord(name) }) as const),
  NAME.map((name) => ({ do: 'delete-thing', name }) as const),
  ID.map((n) => ({ do: 'register-certificate', certificate: certificateRecord(n) }) as const),
  ID.map((n) => ({ do: 'delete-certificate', id: idNumber(n), force: false }) as const),
  PAIR.map((pair) => ({ do: 'attach-thing-principal', ...pair, exclusive: false }) as const),
  PAIR.map((pair) => ({ do: 'detach-thing-principal', ...pair }) as const),
)

const LIST = fc.array(CHANGE, { minLength: 1, maxLength: 5 })
