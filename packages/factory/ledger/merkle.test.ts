import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import {
  consistencyPath,
  Frontier,
  inclusionPath,
  isConsistent,
  leafHash,
  type RangeHash,
  rangeHash,
  rootOfInclusion,
} from './merkle.ts'

/** Inputs and roots of the reference tests of Certificate Transparency (RFC 6962), which many logs repeat. */
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

test('the roots of the reference tests of Certificate Transparency', () => {
  const frontier = new Frontier()
  assert.equal(toHex(frontier.root()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  const roots = INPUTS.map((input) => {
    frontier.append(leafHash(input === '' ? new Uint8Array() : fromHex(input)!))
    return toHex(frontier.root())
  })
  assert.deepEqual(roots, ROOTS)
})

test('every leaf of every small tree is proved, and nothing else is', async () => {
  for (let size = 1; size <= 40; size += 1) {
    const { leaves, hashOf } = tree(size)
    const root = toHex(rangeHash(leaves))
    for (let index = 0; index < size; index += 1) {
      const path = await inclusionPath(index, size, hashOf)
      assert.ok(path.length <= Math.ceil(Math.log2(size + 1)))
      const proved = (leaf: Uint8Array, at: number, of: number, by: readonly Uint8Array[]): boolean => {
        const found = rootOfInclusion(leaf, at, of, by)
        return found !== undefined && toHex(found) === root
      }
      const leaf = leaves[index]!
      assert.ok(proved(leaf, index, size, path))
      assert.ok(!proved(leafHash(Uint8Array.of(255, 255)), index, size, path))
      assert.ok(!proved(leaf, index, size, [...path, leaf]))
      if (size > 1) assert.ok(!proved(leaf, (index + 1) % size, size, path))
      if (path.length > 0) assert.ok(!proved(leaf, index, size, path.slice(1)))
    }
    assert.equal(rootOfInclusion(leaves[0]!, size, size, []), undefined)
  }
})

test('every small tree is shown to be the beginning of every larger one, and of no other', async () => {
  const { leaves, hashOf } = tree(33)
  const head = (size: number) => ({ size, root: rangeHash(leaves.slice(0, size)) })
  for (let second = 1; second <= 33; second += 1) {
    for (let first = 1; first <= second; first += 1) {
      const path = await consistencyPath(first, second, hashOf)
      assert.ok(isConsistent(head(first), head(second), path), `${first} of ${second}`)
      const other = { size: first, root: leafHash(Uint8Array.of(first)) }
      assert.ok(!isConsistent(other, head(second), path))
      assert.ok(!isConsistent(head(first), { ...head(second), root: other.root }, path))
      assert.ok(!isConsistent(head(first), head(second), [...path, other.root]))
      if (path.length > 0) assert.ok(!isConsistent(head(first), head(second), path.slice(1)))
    }
  }
  assert.ok(!isConsistent({ ...head(1), size: 0 }, head(2), []))
  assert.ok(!isConsistent(head(3), head(2), []))
})

test('a frontier that was put away and restored grows on as before', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(300), (before, after) => {
      const whole = new Frontier()
      for (let n = 0; n < before; n += 1) whole.append(leafHash(Uint8Array.of(n % 256)))
      const restored = Frontier.restore(before, whole.toBytes())
      for (let n = 0; n < after; n += 1) {
        whole.append(leafHash(Uint8Array.of(n % 256)))
        restored.append(leafHash(Uint8Array.of(n % 256)))
      }
      assert.equal(toHex(restored.root()), toHex(whole.root()))
    }),
  )
})

function tree(size: number): { readonly leaves: readonly Uint8Array[]; readonly hashOf: RangeHash } {
  const leaves = Array.from({ length: size }, (_, n) => leafHash(Uint8Array.of(n)))
  return { leaves, hashOf: (from, to) => Promise.resolve(rangeHash(leaves.slice(from, to))) }
}
