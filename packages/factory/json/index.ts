/** Reads JSON from outside strictly: unknown members refused, every problem reported at once. */
export { Members, type Parsed, readJsonObject } from './members.ts'
export { notJson } from './syntax.ts'
