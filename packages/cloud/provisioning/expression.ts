/** A value of a template that becomes a text once the parameters are known; `path` says where, line and column too. */
export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'ref'; readonly path: string; readonly parameter: string }
  | { readonly kind: 'join'; readonly path: string; readonly delimiter: string; readonly list: ListExpression }
  | { readonly kind: 'select'; readonly path: string; readonly index: Expression; readonly list: ListExpression }
  | {
      readonly kind: 'find-in-map'
      readonly path: string
      readonly map: string
      readonly key: Expression
      readonly name: Expression
    }
  | { readonly kind: 'sub'; readonly path: string; readonly parts: readonly SubPart[] }

/** A value of a template that becomes a list of texts. */
export type ListExpression =
  | { readonly kind: 'items'; readonly items: readonly Expression[] }
  | { readonly kind: 'split'; readonly path: string; readonly delimiter: string; readonly text: Expression }

/** A piece of the text of `Fn::Sub`: literal, a parameter, or a name bound in the function's second argument. */
export type SubPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly value: Expression }

/** A policy document: JSON with expressions in it, or an expression that becomes the document's text. */
export type DocumentExpression =
  | { readonly kind: 'text'; readonly value: Expression }
  | { readonly kind: 'json'; readonly root: JsonExpression }

/** A JSON value whose strings may be expressions. */
export type JsonExpression =
  | { readonly kind: 'object'; readonly members: readonly (readonly [string, JsonExpression])[] }
  | { readonly kind: 'array'; readonly items: readonly JsonExpression[] }
  | { readonly kind: 'string'; readonly value: Expression }
  | { readonly kind: 'other'; readonly value: number | boolean | null }

/** Gives the text of an expression that needs no parameter, list or map; `undefined` for any other. */
export function constantText(expression: Expression): string | undefined {
  if (expression.kind === 'text') return expression.text
  if (expression.kind !== 'sub') return undefined
  let text = ''
  for (const part of expression.parts) {
    if (part.kind !== 'text') return undefined
    text += part.text
  }
  return text
}

/** Gives every expression of a document. */
export function expressionsOf(document: DocumentExpression): readonly Expression[] {
  return document.kind === 'text' ? [document.value] : expressionsOfJson(document.root)
}

function expressionsOfJson(node: JsonExpression): readonly Expression[] {
  switch (node.kind) {
    case 'string':
      return [node.value]
    case 'array':
      return node.items.flatMap(expressionsOfJson)
    case 'object':
      return node.members.flatMap(([, member]) => expressionsOfJson(member))
    case 'other':
      return []
  }
}

/** Writes a document as text, without white space and with its members in the template's order. */
export function writeDocument(document: DocumentExpression, textOf: (expression: Expression) => string): string {
  return document.kind === 'text' ? textOf(document.value) : writeJson(document.root, textOf)
}

function writeJson(node: JsonExpression, textOf: (expression: Expression) => string): string {
  switch (node.kind) {
    case 'string':
      return JSON.stringify(textOf(node.value))
    case 'array':
      return `[${node.items.map((item) => writeJson(item, textOf)).join()}]`
    case 'object':
      return `{${node.members.map(([name, member]) => `${JSON.stringify(name)}:${writeJson(member, textOf)}`).join()}}`
    case 'other':
      return JSON.stringify(node.value)
  }
}
