import { mqttFault } from './faults.ts'
import { NO_PROPERTIES, type Properties } from './properties.ts'
import { IN, PROPERTY_ROWS, type PropertiesDraft, type PropertyPlace, type PropertyRow } from './property-table.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/**
 * Reads the properties of `place`, their length first (MQTT 5.0 §2.2.2).
 *
 * @throws `MQTT_PROPERTY_UNKNOWN`, `MQTT_PROPERTY_MISPLACED`, `MQTT_PROPERTY_REPEATED`, `MQTT_PROPERTY_VALUE_INVALID`,
 *   and what a {@link Reader} throws
 */
export function readProperties(reader: Reader, place: PropertyPlace): Properties {
  const length = reader.varint()
  if (length === 0) return NO_PROPERTIES
  const packetEnd = reader.end
  if (length > packetEnd - reader.at) throw mqttFault('MQTT_PACKET_TRUNCATED')
  reader.end = reader.at + length
  const draft: PropertiesDraft = {}
  let seen = 0
  while (reader.at < reader.end) {
    const index = admit(reader.varint(), place, seen)
    seen |= 1 << index
    const row = PROPERTY_ROWS[index]
    if (row?.read(reader, draft) === false) throw mqttFault('MQTT_PROPERTY_VALUE_INVALID', { property: row.name })
  }
  reader.end = packetEnd
  return draft
}

/** Writes `properties` without their length. Those that do not belong to `place` are left out. */
export function writeProperties(writer: Writer, properties: Properties, place: PropertyPlace): void {
  if (properties === NO_PROPERTIES) return
  for (const row of ROWS_BY_PLACE.get(place) ?? []) row.write(writer, properties)
}

/** Gives the row's index of a property that may come now. */
function admit(identifier: number, place: PropertyPlace, seen: number): number {
  const index = identifier < INDEX_BY_IDENTIFIER.length ? INDEX_BY_IDENTIFIER[identifier] : undefined
  const row = index === undefined ? undefined : PROPERTY_ROWS[index]
  if (index === undefined || row === undefined) throw mqttFault('MQTT_PROPERTY_UNKNOWN', { identifier })
  if ((row.places & place) === 0) throw mqttFault('MQTT_PROPERTY_MISPLACED', { property: row.name })
  if ((seen & (1 << index)) !== 0 && (row.repeatedIn & place) === 0) {
    throw mqttFault('MQTT_PROPERTY_REPEATED', { property: row.name })
  }
  return index
}

const INDEX_BY_IDENTIFIER: readonly (number | undefined)[] = Array.from(
  { length: 1 + Math.max(...PROPERTY_ROWS.map((row) => row.identifier)) },
  (_, identifier) => {
    const index = PROPERTY_ROWS.findIndex((row) => row.identifier === identifier)
    return index < 0 ? undefined : index
  },
)

const ROWS_BY_PLACE: ReadonlyMap<PropertyPlace, readonly PropertyRow[]> = new Map(
  Object.values(IN).map((place) => [place, PROPERTY_ROWS.filter((row) => (row.places & place) !== 0)]),
)
