import type { Brand } from '@birthmark/foundation/kernel'
import { mqttFault } from './faults.ts'
import { utf8Length } from './utf8.ts'

/** The topic of a message, valid and within a profile's limits: no wildcards, not empty. */
export type TopicName = Brand<string, 'TopicName'>

/** The topic or topics of a subscription, valid and within a profile's limits. */
export type TopicFilter = Brand<string, 'TopicFilter'>

/** Bounds on topic names and filters. */
export interface TopicLimits {
  /** Bytes of UTF-8, at most. */
  readonly topicBytesMax: number
  /** Slashes, at most: one less than the levels. */
  readonly topicSlashesMax: number
  /** Bytes of UTF-8 of the name of a shared subscription; no limit but the standard's when absent. */
  readonly shareNameBytesMax?: number
}

/**
 * Reads the topic of a message (MQTT 5.0 §4.7). The first three levels of a Basic Ingest topic (`$aws/rules/<rule>/`)
 * do not count as levels (AWS IoT Core quotas, message broker).
 *
 * @throws `MQTT_TOPIC_NAME_INVALID`, `MQTT_TOPIC_TOO_LONG`, `MQTT_TOPIC_TOO_DEEP`
 */
export function parseTopicName(text: string, limits: TopicLimits): TopicName {
  if (!isTopicName(text)) throw mqttFault('MQTT_TOPIC_NAME_INVALID')
  requireWithinLimits(text, limits, text.startsWith(BASIC_INGEST) ? 3 : 0)
  return text as TopicName
}

/**
 * Reads the topic filter of a subscription (MQTT 5.0 §4.7.1), a shared one included (§4.8.2): of that the limits hold
 * for the part behind `$share/<name>/`.
 *
 * @throws `MQTT_TOPIC_FILTER_INVALID`, `MQTT_FILTER_TOO_LONG`, `MQTT_FILTER_TOO_DEEP`, `MQTT_SHARE_NAME_TOO_LONG`
 */
export function parseTopicFilter(text: string, limits: TopicLimits): TopicFilter {
  if (!isTopicFilter(text)) throw mqttFault('MQTT_TOPIC_FILTER_INVALID')
  let own = text
  if (isShared(text)) {
    const { name, filter } = splitShared(text)
    const max = limits.shareNameBytesMax
    if (name === '' || hasWildcard(name) || filter === '') throw mqttFault('MQTT_TOPIC_FILTER_INVALID')
    if (max !== undefined && utf8Length(name) > max) throw mqttFault('MQTT_SHARE_NAME_TOO_LONG', { max })
    own = filter
  }
  const problem = beyondLimits(own, limits, 0)
  if (problem === 'long') throw mqttFault('MQTT_FILTER_TOO_LONG', { max: limits.topicBytesMax })
  if (problem === 'deep') throw mqttFault('MQTT_FILTER_TOO_DEEP', { max: limits.topicSlashesMax })
  return text as TopicFilter
}

/** Tells whether `text` may name a topic: not empty, no wildcard, no U+0000 (MQTT 5.0 §4.7.1, §4.7.3). */
export function isTopicName(text: string): boolean {
  if (text.length === 0) return false
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === PLUS || unit === HASH || unit === 0) return false
  }
  return true
}

/** Tells whether `text` may be a topic filter: wildcards fill whole levels, `#` is the last (MQTT 5.0 §4.7.1). */
export function isTopicFilter(text: string): boolean {
  if (text.length === 0) return false
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === 0) return false
    if (unit !== PLUS && unit !== HASH) continue
    if (at > 0 && text.charCodeAt(at - 1) !== SLASH) return false
    const last = at === text.length - 1
    if (unit === HASH ? !last : !last && text.charCodeAt(at + 1) !== SLASH) return false
  }
  return true
}

/** Tells whether a filter is that of a shared subscription (MQTT 5.0 §4.8.2). */
export function isShared(filter: string): boolean {
  return filter.startsWith(SHARE)
}

/** Gives the two parts of the filter of a shared subscription; each is empty where the text has none. */
export function splitShared(filter: string): { readonly name: string; readonly filter: string } {
  const end = filter.indexOf('/', SHARE.length)
  if (end < 0) return { name: filter.slice(SHARE.length), filter: '' }
  return { name: filter.slice(SHARE.length, end), filter: filter.slice(end + 1) }
}

/** Tells whether a valid filter has a wildcard. */
export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#')
}

/**
 * Tells whether a valid topic name is matched by a valid filter (MQTT 5.0 §4.7). A filter that begins with a wildcard
 * does not match a topic that begins with `$`.
 *
 * @param hashMatchesParent Whether `a/#` matches `a`: yes in the standard, no at AWS IoT.
 */
export function topicMatches(filter: string, topic: string, hashMatchesParent: boolean): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false
  return levelsMatch(filter.split('/'), topic.split('/'), hashMatchesParent)
}

/** Tells the same of the levels of a filter and of a topic; whether `$` comes first is for the caller to see. */
export function levelsMatch(wanted: readonly string[], levels: readonly string[], hashMatchesParent: boolean): boolean {
  for (let index = 0; index < wanted.length; index += 1) {
    const level = wanted[index]
    if (level === '#') return index < levels.length || (hashMatchesParent && index === levels.length)
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false
  }
  return wanted.length === levels.length
}

function requireWithinLimits(text: string, limits: TopicLimits, slashesFree: number): void {
  const problem = beyondLimits(text, limits, slashesFree)
  if (problem === 'long') throw mqttFault('MQTT_TOPIC_TOO_LONG', { max: limits.topicBytesMax })
  if (problem === 'deep') throw mqttFault('MQTT_TOPIC_TOO_DEEP', { max: limits.topicSlashesMax })
}

function beyondLimits(text: string, limits: TopicLimits, slashesFree: number): 'long' | 'deep' | undefined {
  // No UTF-16 unit needs more than three bytes, so short text needs no count.
  if (text.length * 3 > limits.topicBytesMax && utf8Length(text) > limits.topicBytesMax) return 'long'
  let left = limits.topicSlashesMax + slashesFree
  for (let at = 0; at < text.length; at += 1) {
    if (text.charCodeAt(at) !== SLASH) continue
    left -= 1
    if (left < 0) return 'deep'
  }
  return undefined
}

const SHARE = '$share/'
const BASIC_INGEST = '$aws/rules/'
const PLUS = 0x2b
const HASH = 0x23
const SLASH = 0x2f
