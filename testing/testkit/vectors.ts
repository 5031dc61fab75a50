import { readFileSync } from 'node:fs'

/** Reads a vector file, by its path below `testing/vectors`. The caller states its shape and pins its count. */
export function readVectors<Shape>(path: string): Shape {
  return JSON.parse(readFileSync(new URL(`../vectors/${path}`, import.meta.url), 'utf8')) as Shape
}
