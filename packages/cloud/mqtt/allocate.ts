/** Bytes of memory that small packets share: one allocation instead of a hundred, each of which would cost more. */
const SLAB_BYTES = 16_384

/** Larger packets get memory of their own, so that one that waits does not keep a whole slab. */
const SHARED_BYTES_MAX = 2048

/** Gives `count` fresh bytes, zero. Their buffer is shared with other packets; their content is not. */
export function allocate(count: number): Uint8Array {
  if (count > SHARED_BYTES_MAX) return new Uint8Array(count)
  if (count > SLAB_BYTES - used) {
    slab = new ArrayBuffer(SLAB_BYTES)
    used = 0
  }
  used += count
  return new Uint8Array(slab, used - count, count)
}

let slab = new ArrayBuffer(SLAB_BYTES)
let used = 0
