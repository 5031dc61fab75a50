import type { Operation, Service } from './model.ts'
import { decodePercent } from './target.ts'

/** An operation found for a request, and the values of its path's labels. */
export interface Route {
  readonly operation: Operation
  readonly labels: Readonly<Record<string, string>>
}

/** Finds the operation that a method and path belong to. */
export interface Router {
  /**
   * Matches the path as it was sent and decodes each label afterwards, so that `%2F` inside a label is not a separator.
   * A literal segment wins over a label, a label over one that takes the rest; a slash at the end changes nothing.
   *
   * @param service Decides where two services have the same route; it matters nowhere else.
   * @returns `undefined` when no operation matches, also when a label is empty or not well-formed percent-encoding.
   */
  match(method: string, rawPath: string, service: Service): Route | undefined
}

/** Builds the route table of `operations`. */
export function createRouter(operations: readonly Operation[]): Router {
  const root = newNode()
  for (const operation of operations) insert(root, operation)
  return {
    match(method, rawPath, service) {
      const found = find(root, segmentsOf(rawPath), 0, (node) => choose(node.operations, method, service))
      return found === undefined ? undefined : routeOf(found.operation, found.values)
    },
  }
}

/** A place in the tree of paths. Labels are kept by position: two operations may name the same one differently. */
interface Node {
  readonly literals: Map<string, Node>
  label: Node | undefined
  /** Reached by one segment or more. */
  rest: Node | undefined
  readonly operations: Operation[]
}

function newNode(): Node {
  return { literals: new Map(), label: undefined, rest: undefined, operations: [] }
}

function insert(root: Node, operation: Operation): void {
  let node = root
  for (const segment of segmentsOf(operation.path)) {
    if (!segment.startsWith('{')) node = childOf(node.literals, segment)
    else if (segment.endsWith('+}')) node = node.rest ??= newNode()
    else node = node.label ??= newNode()
  }
  node.operations.push(operation)
}

function childOf(literals: Map<string, Node>, segment: string): Node {
  const child = literals.get(segment) ?? newNode()
  literals.set(segment, child)
  return child
}

interface Found {
  readonly operation: Operation
  /** Raw values of the labels, in the order of the path. */
  readonly values: readonly string[]
}

function find(
  node: Node,
  segments: readonly string[],
  at: number,
  operationAt: (node: Node) => Operation | undefined,
): Found | undefined {
  const segment = segments[at]
  if (segment === undefined) {
    const operation = operationAt(node)
    return operation === undefined ? undefined : { operation, values: [] }
  }
  const literal = node.literals.get(segment)
  const byLiteral = literal === undefined ? undefined : find(literal, segments, at + 1, operationAt)
  if (byLiteral !== undefined || segment === '') return byLiteral
  const byLabel = node.label === undefined ? undefined : find(node.label, segments, at + 1, operationAt)
  if (byLabel !== undefined) return { operation: byLabel.operation, values: [segment, ...byLabel.values] }
  const byRest = node.rest === undefined ? undefined : operationAt(node.rest)
  return byRest === undefined ? undefined : { operation: byRest, values: [segments.slice(at).join('/')] }
}

function choose(operations: readonly Operation[], method: string, service: Service): Operation | undefined {
  const candidates = operations.filter((operation) => operation.method === method)
  return candidates.find((operation) => operation.service === service) ?? candidates[0]
}

function routeOf(operation: Operation, values: readonly string[]): Route | undefined {
  const labels: Record<string, string> = {}
  for (const [index, name] of operation.labels.entries()) {
    const value = decodePercent(values[index] ?? '')
    if (value === undefined) return undefined
    labels[name] = value
  }
  return { operation, labels }
}

function segmentsOf(path: string): readonly string[] {
  const segments = path.split('/').slice(1)
  if (segments.at(-1) === '') segments.pop()
  return segments
}
