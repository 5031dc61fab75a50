import fc from 'fast-check'

/*
 * Loaded before the tests of `npm test`, so that one commit gives one verdict: every property starts from this seed.
 * `npm run check` leaves the seeds random, and so does `PROPERTY_SEED=random npm test`: new inputs each time, and
 * fast-check prints the seed and the path of what it finds.
 */

const DEFAULT_SEED = '20261121'

const chosen = process.env['PROPERTY_SEED'] ?? DEFAULT_SEED
if (chosen !== 'random') {
  const seed = Number(chosen)
  if (!Number.isInteger(seed)) throw new Error(`PROPERTY_SEED is "${chosen}": an integer or "random" is expected`)
  fc.configureGlobal({ seed })
}
