/** Every rule of the house. */
import type { Rule } from '../rule.ts'
import { ambientTime, environment, printing } from './ambient.ts'
import { docstrings } from './docstrings.ts'
import { suppressions, typeEscapes } from './escapes.ts'
import { faultCodes } from './fault-codes.ts'
import { importArrows } from './import-arrows.ts'
import { importCycles } from './import-cycles.ts'
import { markdownLinks, markdownTitle } from './markdown.ts'
import { openEnds } from './open-ends.ts'
import { fileLength, functionLength, lineLength } from './sizes.ts'
import { unusedExports, unusedFiles } from './unused.ts'
import { words } from './words.ts'

/** In the order of their tests. */
export const RULES: readonly Rule[] = [
  importArrows,
  importCycles,
  unusedFiles,
  unusedExports,
  functionLength,
  fileLength,
  lineLength,
  ambientTime,
  environment,
  printing,
  typeEscapes,
  suppressions,
  docstrings,
  faultCodes,
  openEnds,
  markdownTitle,
  markdownLinks,
  words,
]
