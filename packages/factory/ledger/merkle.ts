import { hash } from 'node:crypto'
import { concat } from '@birthmark/foundation/kernel'

/*
 * The Merkle tree of RFC 9162 §2.1 (the same as RFC 6962 §2.1) with SHA-256. The leaves are the lines of a file, in
 * their order; a tree is named by its size and its root.
 */

/** Gives the hash of nodes `from` up to, and without, `to`: what a path through the tree is made of. */
export type RangeHash = (from: number, to: number) => Promise<Uint8Array>

/** Hashes the content of one leaf. */
export function leafHash(content: Uint8Array): Uint8Array {
  return prefixedHash(LEAF_PREFIX, content)
}

/** Hashes two neighbours into the node above them. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return prefixedHash(NODE_PREFIX, left, right)
}

/** A tree that grows: it keeps one hash for each bit of its size that is set, and no leaf. */
export class Frontier {
  #size = 0
  /** The roots of the full subtrees, largest first. */
  readonly #roots: Uint8Array[] = []

  /** Goes on where another frontier stood. @param roots What {@link toBytes} gave. */
  static restore(size: number, roots: Uint8Array): Frontier {
    const frontier = new Frontier()
    for (let at = 0; at < roots.length; at += HASH_BYTES) frontier.#roots.push(roots.slice(at, at + HASH_BYTES))
    frontier.#size = size
    return frontier
  }

  copy(): Frontier {
    return Frontier.restore(this.#size, this.toBytes())
  }

  get size(): number {
    return this.#size
  }

  append(leaf: Uint8Array): void {
    let node = leaf
    for (let left = this.#size; left % 2 === 1; left = Math.floor(left / 2)) {
      node = nodeHash(this.#roots.pop() ?? EMPTY_ROOT, node)
    }
    this.#roots.push(node)
    this.#size += 1
  }

  /** The root of the tree as it stands. */
  root(): Uint8Array {
    const last = this.#roots.at(-1) ?? EMPTY_ROOT
    return this.#roots.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last)
  }

  toBytes(): Uint8Array {
    return concat(...this.#roots)
  }
}

/** Gives the hash of a range whose leaves are at hand. */
export function rangeHash(leaves: readonly Uint8Array[]): Uint8Array {
  const frontier = new Frontier()
  for (const leaf of leaves) frontier.append(leaf)
  return frontier.root()
}

/** The hashes that lead from leaf `index` to the root of a tree of `size` leaves (RFC 9162 §2.1.3.1). */
export async function inclusionPath(index: number, size: number, hashOf: RangeHash): Promise<Uint8Array[]> {
  const path: Uint8Array[] = []
  let [from, to] = [0, size]
  while (to - from > 1) {
    const middle = from + splitOf(to - from)
    const isLeft = index < middle
    path.unshift(await (isLeft ? hashOf(middle, to) : hashOf(from, middle)))
    ;[from, to] = isLeft ? [from, middle] : [middle, to]
  }
  return path
}

/** Gives the root that a leaf and its path lead to; `undefined` for a path that fits no such tree (§2.1.3.2). */
export function rootOfInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  if (index >= size) return undefined
  let [fn, sn, node] = [index, size - 1, leaf]
  for (const sibling of path) {
    if (sn === 0) return undefined
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(sibling, node)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else node = nodeHash(node, sibling)
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 ? node : undefined
}

/** The hashes that show that a tree of `first` leaves is the beginning of one of `second` (RFC 9162 §2.1.4.1). */
export async function consistencyPath(first: number, second: number, hashOf: RangeHash): Promise<Uint8Array[]> {
  const path: Uint8Array[] = []
  let [from, to, isWhole] = [0, second, true]
  while (first !== to) {
    const middle = from + splitOf(to - from)
    const isLeft = first <= middle
    path.unshift(await (isLeft ? hashOf(middle, to) : hashOf(from, middle)))
    if (!isLeft) isWhole = false
    ;[from, to] = isLeft ? [from, middle] : [middle, to]
  }
  if (!isWhole) path.unshift(await hashOf(from, to))
  return path
}

/** A tree, named. */
export interface TreeHead {
  readonly size: number
  readonly root: Uint8Array
}

/** Tells whether the path shows that the first tree is the beginning of the second (RFC 9162 §2.1.4.2). */
export function isConsistent(first: TreeHead, second: TreeHead, path: readonly Uint8Array[]): boolean {
  if (first.size < 1 || first.size > second.size) return false
  if (first.size === second.size) return path.length === 0 && isSame(first.root, second.root)
  const isPower = Number.isInteger(Math.log2(first.size))
  const [start, ...rest] = isPower ? [first.root, ...path] : path
  if (start === undefined) return false
  let [fn, sn] = [first.size - 1, second.size - 1]
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)]
  let [fr, sr] = [start, start]
  for (const node of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      ;[fr, sr] = [nodeHash(node, fr), nodeHash(node, sr)]
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else sr = nodeHash(sr, node)
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 && isSame(fr, first.root) && isSame(sr, second.root)
}

/** The largest power of two below `count`, which is 2 or more. */
export function splitOf(count: number): number {
  let split = 1
  while (split * 2 < count) split *= 2
  return split
}

function half(value: number): number {
  return Math.floor(value / 2)
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.from(left).equals(right)
}

/**
 * Hashes a prefix and what follows it. They are put together in memory that is kept, and the digest comes as text of
 * one character a byte: an array for each of the two would cost more than the hash does.
 */
function prefixedHash(prefix: number, first: Uint8Array, second: Uint8Array = NOTHING): Uint8Array {
  const length = 1 + first.length + second.length
  if (length > together.length) together = Buffer.alloc(length)
  together[0] = prefix
  together.set(first, 1)
  together.set(second, 1 + first.length)
  return Buffer.from(hash('sha256', together.subarray(0, length), 'latin1'), 'latin1')
}

/** Bytes of a SHA-256. */
export const HASH_BYTES = 32

const LEAF_PREFIX = 0
const NODE_PREFIX = 1
const NOTHING = new Uint8Array()
/** Where {@link prefixedHash} works: as large as the longest line of a ledger, once there was one. */
let together = Buffer.alloc(4096)
/** The root of the tree without leaves: the hash of nothing. */
const EMPTY_ROOT = hash('sha256', new Uint8Array(), 'buffer')
