/** Topic rules: messages are chosen and shaped by a query, and handed to functions or published again. First part. */

export { RuleEngine, type RuleWorld } from './engine.ts'
export { RULE_FAULTS } from './faults.ts'
export { parseRule, type RuleAction, type TopicRule } from './rule.ts'
