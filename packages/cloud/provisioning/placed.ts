import type { Expression, ListExpression } from './expression.ts'
import { type Declarations, parseExpression, parseList } from './parse-expression.ts'
import type { Place } from './place.ts'
import type { Placed } from './template.ts'

/** Reads a text that may be absent, and keeps where it stands. @throws as `parseExpression` */
export function placed(place: Place, declared: Declarations): Placed
export function placed(place: Place | undefined, declared: Declarations): Placed | undefined
export function placed(place: Place | undefined, declared: Declarations): Placed<Expression> | undefined {
  return place && { value: parseExpression(place, declared), path: place.where }
}

/** Reads a list of texts that may be absent, and keeps where it stands. @throws as `parseList` */
export function placedList(place: Place | undefined, declared: Declarations): Placed<ListExpression> | undefined {
  return place && { value: parseList(place, declared), path: place.where }
}
