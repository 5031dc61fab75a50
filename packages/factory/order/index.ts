/** What a line is to make: the work order, and the subject it gives each device. */
export { ORDER_FAULTS, orderFault } from './faults.ts'
export type { DeviceRequest, IssuedCertificate, IssuingAuthority, VendorEvidence } from './issuing-authority.ts'
export {
  assertNotEnded,
  type OrderRules,
  openWorkOrder,
  parseMakerKey,
  signWorkOrder,
} from './signed-order.ts'
export { deviceSubject, readSubjectRule, type SubjectRule } from './subject.ts'
export { type LockTarget, type OrderEvidence, PROFILE_NAME, parseWorkOrder, type WorkOrder } from './work-order.ts'
