import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { faultLabReference, LAB_FAULTS } from '../fault-lab/faults.ts'
import { openLab } from '../fault-lab/lab.ts'

/** Unmodified clients make faults against `birthmark server`; each must end in the right first cause, with proof. */
const lab = await openLab()
after(() => lab.close())
await lab.cloud.createPolicy('lab', [{ Effect: 'Allow', Action: '*', Resource: '*' }])

// One after another: the first attempt that is new has to be the fault's.
for (const row of LAB_FAULTS) {
  const { fault, client, code, says } = row
  test(`${client}: ${fault}`, async (context) => {
    await lab.mark()
    await row.make(lab, context)
    const { cause } = await lab.firstCause()
    assert.ok(cause)
    assert.equal(cause.code, code, cause.reason)
    assert.match(cause.reason, says)
    assert.doesNotMatch(`${cause.reason} ${cause.remedy}`, /(?<!\$)\{\w+\}|\bunknown\b/, 'a placeholder was not filled')
    assert.match(cause.remedy, /\S.*\.$/)
  })
}

test('docs/reference/fault-lab.md lists these faults', () => {
  const path = new URL('../../docs/reference/fault-lab.md', import.meta.url)
  assert.equal(readFileSync(path, 'utf8'), faultLabReference(), 'run node testing/fault-lab/faults.ts')
})
