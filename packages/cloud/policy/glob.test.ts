import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ANY, compileGlob, markWildcards, matchesGlob, ONE } from './glob.ts'

/** The definition of matching, word for word and slow: the oracle. */
function matchesByDefinition(pattern: string, text: string): boolean {
  const [head] = pattern
  if (head === undefined) return text === ''
  if (head === ANY) {
    return matchesByDefinition(pattern.slice(1), text) || (text !== '' && matchesByDefinition(pattern, text.slice(1)))
  }
  return text !== '' && (head === ONE || head === text[0]) && matchesByDefinition(pattern.slice(1), text.slice(1))
}

test('matching agrees with its definition on small alphabets', () => {
  const patterns = fc.array(fc.constantFrom('a', 'b', ANY, ONE), { maxLength: 10 }).map((parts) => parts.join(''))
  const texts = fc.array(fc.constantFrom('a', 'b'), { maxLength: 12 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(patterns, texts, (pattern, text) => {
      assert.equal(matchesGlob(compileGlob(pattern), text), matchesByDefinition(pattern, text))
    }),
    { numRuns: 3000 },
  )
})

test('every pattern of up to five characters agrees with its definition on every text of up to four', () => {
  const texts = words(['a', 'b'], 4)
  for (const pattern of words(['a', 'b', ANY, ONE], 5)) {
    const glob = compileGlob(pattern)
    for (const text of texts) assert.equal(matchesGlob(glob, text), matchesByDefinition(pattern, text), pattern)
  }
})

test('text without wildcards matches itself only', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (pattern, text) => {
      const glob = compileGlob(pattern.replaceAll(ANY, '').replaceAll(ONE, ''))
      assert.equal(matchesGlob(glob, text), glob.pieces.join('') === text)
    }),
  )
})

test('a pattern made to explode is answered like any other', () => {
  const glob = compileGlob(markWildcards('*a'.repeat(500)))
  assert.equal(matchesGlob(glob, `${'a'.repeat(2000)}b`), false)
  assert.equal(matchesGlob(glob, 'a'.repeat(2000)), true)
})

function words(letters: readonly string[], lengthMax: number): readonly string[] {
  const all = ['']
  for (let from = 0, length = 0; length < lengthMax; length++) {
    const longer = all.slice(from).flatMap((word) => letters.map((letter) => word + letter))
    from = all.length
    all.push(...longer)
  }
  return all
}
