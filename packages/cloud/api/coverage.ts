import { DATA_OPERATIONS } from './data-plane/operations.ts'
import { loadOperations, type Service } from './engine/model.ts'
import { OPERATIONS } from './operations/operations.ts'
import { LIMITATIONS, unsupportedMembers } from './unsupported-members.ts'

/** How far one operation of AWS's models is implemented. */
export interface OperationCoverage {
  readonly service: Service
  readonly name: string
  /** `partly`: what is in {@link lacks} is missing. `missing`: the operation answers NotImplementedException. */
  readonly state: 'implemented' | 'partly' | 'missing'
  readonly lacks: readonly string[]
}

/** Gives the coverage of every operation, by service and name. */
export function operationCoverage(): readonly OperationCoverage[] {
  const limitations = new Map(Object.entries(LIMITATIONS))
  const implemented = { iot: OPERATIONS, iotdata: DATA_OPERATIONS, 'iot-jobs-data': {} }
  const coverage = loadOperations().map(({ service, name }): OperationCoverage => {
    if (!Object.hasOwn(implemented[service], name)) return { service, name, state: 'missing', lacks: [] }
    const members = unsupportedMembers(name).map(([member, why]) => `\`${member}\` is refused: ${why}`)
    const limitation = limitations.get(name)
    const lacks = limitation === undefined ? members : [...members, limitation]
    return { service, name, state: lacks.length === 0 ? 'implemented' : 'partly', lacks }
  })
  return coverage.toSorted((left, right) => (left.name < right.name ? -1 : 1))
}
