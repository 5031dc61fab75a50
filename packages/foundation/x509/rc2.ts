/**
 * RC2 in CBC mode, to read PKCS#12 files of before 2021: OpenSSL, Java and Windows encrypted certificates in them with
 * RC2 under a 40-bit key. Node's OpenSSL has no RC2 any more. It only reads: nothing is ever written with it, and what
 * it protects are certificates, which are public.
 */

/**
 * Decrypts, and takes off the padding (RFC 2268, RFC 5652 §6.3).
 *
 * @param key As many octets as the effective key has: 5 for RC2-40, 16 for RC2-128.
 * @returns `undefined` when the length or the padding is wrong, which a wrong key mostly leads to.
 */
export function decryptRc2Cbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array | undefined {
  if (data.length === 0 || data.length % BLOCK_BYTES !== 0) return undefined
  const words = expandKey(key)
  const plain = new Uint8Array(data.length)
  for (let at = 0; at < data.length; at += BLOCK_BYTES) {
    const block = decryptBlock(words, data.subarray(at, at + BLOCK_BYTES))
    const previous = at === 0 ? iv : data.subarray(at - BLOCK_BYTES, at)
    for (let index = 0; index < BLOCK_BYTES; index += 1)
      plain[at + index] = (block[index] ?? 0) ^ (previous[index] ?? 0)
  }
  const padding = plain.at(-1) ?? 0
  const isPadded =
    padding >= 1 && padding <= BLOCK_BYTES && plain.subarray(-padding).every((octet) => octet === padding)
  return isPadded ? plain.slice(0, -padding) : undefined
}

/** RFC 2268 §2, with an effective key as long as the key. */
function expandKey(key: Uint8Array): Uint16Array {
  const octets = new Uint8Array(KEY_TABLE_BYTES)
  octets.set(key)
  const pi = (index: number): number => PI_TABLE[index & 0xff] ?? 0
  const at = (index: number): number => octets[index] ?? 0
  for (let index = key.length; index < KEY_TABLE_BYTES; index += 1) {
    octets[index] = pi(at(index - 1) + at(index - key.length))
  }
  octets[KEY_TABLE_BYTES - key.length] = pi(at(KEY_TABLE_BYTES - key.length))
  for (let index = KEY_TABLE_BYTES - 1 - key.length; index >= 0; index -= 1) {
    octets[index] = pi(at(index + 1) ^ at(index + key.length))
  }
  return Uint16Array.from({ length: WORDS_COUNT }, (_, index) => at(2 * index) | (at(2 * index + 1) << 8))
}

/** RFC 2268 §4: five rounds of mixing, one of mashing, six, one, five, all backwards. */
function decryptBlock(words: Uint16Array, block: Uint8Array): Uint8Array {
  const r = Uint16Array.from({ length: 4 }, (_, index) => (block[2 * index] ?? 0) | ((block[2 * index + 1] ?? 0) << 8))
  let next = WORDS_COUNT - 1
  for (const [index, rounds] of [5, 6, 5].entries()) {
    if (index > 0) mash(words, r)
    for (let round = 0; round < rounds; round += 1) {
      mix(words, r, next)
      next -= 4
    }
  }
  return new Uint8Array(r.buffer)
}

/** One round of §4.1, which uses the key words from `last` down. */
function mix(words: Uint16Array, r: Uint16Array, last: number): void {
  for (let index = 3; index >= 0; index -= 1) {
    const shift = SHIFTS[index] ?? 0
    const [one, two, three] = [before(r, index, 1), before(r, index, 2), before(r, index, 3)]
    const turned = r[index] ?? 0
    const value = ((turned >>> shift) | (turned << (16 - shift))) & 0xffff
    r[index] = value - (words[last - 3 + index] ?? 0) - (one & two) - (~one & three)
  }
}

/** One round of §4.2. */
function mash(words: Uint16Array, r: Uint16Array): void {
  for (let index = 3; index >= 0; index -= 1) {
    r[index] = (r[index] ?? 0) - (words[before(r, index, 1) & 63] ?? 0)
  }
}

function before(r: Uint16Array, index: number, distance: number): number {
  return r[(index + 4 - distance) % 4] ?? 0
}

const BLOCK_BYTES = 8
const KEY_TABLE_BYTES = 128
const WORDS_COUNT = 64
const SHIFTS: readonly number[] = [1, 2, 3, 5]

/** RFC 2268 §2: a permutation made from the digits of pi. */
const PI_TABLE: Uint8Array = Buffer.from(
  'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2' +
    '179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82' +
    '54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626' +
    '6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7' +
    '08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec' +
    'c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731' +
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9' +
    '0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad',
  'hex',
)
