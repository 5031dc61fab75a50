/** A SHA-256 computation that can stop anywhere and go on elsewhere: CalcHash hands it to the host and back. */
export interface Sha256State {
  /** The eight words of the chaining value. */
  readonly words: Uint32Array
  /** What does not fill a block yet, up to 63 bytes. */
  readonly pending: Uint8Array
  /** Bytes hashed so far, with {@link pending}. */
  readonly total: number
}

/** Starts a computation (FIPS 180-4 §5.3.3). */
export function sha256Start(): Sha256State {
  return { words: Uint32Array.from(INITIAL), pending: new Uint8Array(0), total: 0 }
}

/** Adds `part` to a computation, which stays as it was: the result is a new one. */
export function sha256Update(state: Sha256State, part: Uint8Array): Sha256State {
  const bytes = new Uint8Array(state.pending.length + part.length)
  bytes.set(state.pending)
  bytes.set(part, state.pending.length)
  const words = state.words.slice()
  let at = 0
  for (; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES) compress(words, bytes, at)
  return { words, pending: bytes.slice(at), total: state.total + part.length }
}

/** Gives the digest of all that was added (FIPS 180-4 §5.1.1). */
export function sha256Digest(state: Sha256State): Uint8Array {
  const used = state.pending.length
  const tail = new Uint8Array(used + 9 <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES)
  tail.set(state.pending)
  tail[used] = 0x80
  const view = new DataView(tail.buffer)
  view.setUint32(tail.length - 8, Math.floor(state.total / 2 ** 29))
  view.setUint32(tail.length - 4, (state.total * 8) >>> 0)
  const words = state.words.slice()
  for (let at = 0; at < tail.length; at += BLOCK_BYTES) compress(words, tail, at)
  const digest = new DataView(new ArrayBuffer(DIGEST_BYTES))
  words.forEach((word, index) => {
    digest.setUint32(4 * index, word)
  })
  return new Uint8Array(digest.buffer)
}

/** Works one block into the chaining value (FIPS 180-4 §6.2.2). */
function compress(words: Uint32Array, bytes: Uint8Array, at: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BLOCK_BYTES)
  const w = SCHEDULE
  for (let t = 0; t < 16; t++) w[t] = view.getInt32(4 * t)
  for (let t = 16; t < 64; t++) {
    const w2 = w[t - 2] ?? 0
    const w15 = w[t - 15] ?? 0
    const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10)
    const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3)
    w[t] = (s1 + (w[t - 7] ?? 0) + s0 + (w[t - 16] ?? 0)) | 0
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = words
  for (let t = 0; t < 64; t++) {
    const t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + (K[t] ?? 0) + (w[t] ?? 0)
    const t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  const rounds = [a, b, c, d, e, f, g, h]
  for (const [index, value] of rounds.entries()) words[index] = (words[index] ?? 0) + value
}

function rotate(word: number, count: number): number {
  return (word >>> count) | (word << (32 - count))
}

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

/** Reused by every block: calls never overlap. */
const SCHEDULE = new Int32Array(64)

/** Gives the first 32 fractional bits of the roots of the first `count` primes (FIPS 180-4 §4.2.2, §5.3.3). */
function fractions(count: number, root: (prime: number) => number): Uint32Array {
  const words: number[] = []
  for (let candidate = 2; words.length < count; candidate++) {
    let isPrime = true
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) isPrime = false
    if (isPrime) words.push(Math.floor((root(candidate) % 1) * 2 ** 32))
  }
  return Uint32Array.from(words)
}

const INITIAL = fractions(8, Math.sqrt)
const K = fractions(64, Math.cbrt)
