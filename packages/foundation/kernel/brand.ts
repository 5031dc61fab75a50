declare const brand: unique symbol

/** A `Value` that was parsed into `Name`; only its parser makes one. */
export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name }

/** A duration in milliseconds. */
export type Millis = Brand<number, 'Millis'>

/** A moment, in milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = Brand<number, 'Instant'>

/** Says that `count` is a duration in milliseconds. */
export function millis(count: number): Millis {
  return count as Millis
}

/** Gives a duration of `count` seconds. */
export function seconds(count: number): Millis {
  return millis(count * 1000)
}

/** Gives a duration of `count` days of 24 hours. */
export function days(count: number): Millis {
  return seconds(count * 86_400)
}

/** Says that `count` is milliseconds since 1970-01-01T00:00:00Z. */
export function instant(count: number): Instant {
  return count as Instant
}

/** Gives the moment `delay` after `start`. */
export function later(start: Instant, delay: Millis): Instant {
  return instant(start + delay)
}
