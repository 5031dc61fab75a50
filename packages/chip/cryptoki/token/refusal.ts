/** Carries the code that a call is answered with to the one place that answers. */
export class Refusal extends Error {
  readonly code: bigint

  constructor(code: bigint) {
    super(`the call is answered with 0x${code.toString(16)}`)
    this.code = code
  }
}
