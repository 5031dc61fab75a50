import { workerData } from 'node:worker_threads'
import { KeyPairs } from './key-pairs.ts'
import { NONCES_A_TIME, NonceSlots, POOLED_CURVE } from './nonce-pool.ts'
import { drawNonces } from './nonces.ts'

/* The thread of a NoncePool: it draws nonces whenever there is room for some, until it is ended. */

if (workerData instanceof SharedArrayBuffer) {
  const slots = new NonceSlots(workerData)
  const pairs = new KeyPairs(POOLED_CURVE)
  for (;;) {
    slots.awaitRoom()
    for (const nonce of drawNonces(POOLED_CURVE, pairs, NONCES_A_TIME)) slots.put(nonce)
  }
}
