/** Which part of a list is wanted. */
export interface PageRequest {
  /** 1 to 250. */
  readonly limit: number
  /** The `next` of the page before; absent for the first. It stays valid across a restart. */
  readonly after?: string
  readonly ascending?: boolean
}

/** A part of a list, and where the rest begins. */
export interface Page<Row> {
  readonly rows: readonly Row[]
  readonly next: string | undefined
}
