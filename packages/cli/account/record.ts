import { type IoTClient, ListTagsForResourceCommand, TagResourceCommand } from '@aws-sdk/client-iot'

/** What a record is made of: JSON, in the names that the operation which makes it has for its members. */
export type Content = Readonly<Record<string, unknown>>

/** One line of an account's export: what it is, its name, and what it is made of. */
export interface AccountRecord {
  /** One of the kinds of {@link Family}. */
  readonly kind: string
  /** A name; of a certificate its id, which is its fingerprint and the same everywhere. */
  readonly name: string
  readonly content: Content
}

/** Records of one kind: how they are read and made, by AWS IoT's own operations. */
export interface Family {
  readonly kind: string
  /** Gives each record's name and content. What is as every new account has it is left out. */
  read(client: IoTClient): AsyncGenerator<readonly [name: string, content: Content]>
  /** Makes what a record says, which is not there yet. @throws the exceptions of AWS's own client */
  make(client: IoTClient, name: string, content: Content): Promise<void>
}

/** Gives the content's members as the input of an operation: the cloud checks it, as it checks every request. */
export function inputFrom<Input extends object>(content: Content): Input {
  return { ...content } as Input
}

/** Gives the tags of a resource as a member of its record; none when it has none. */
export async function tagsOf(client: IoTClient, resourceArn: string | undefined): Promise<Content> {
  const { tags = [] } = await client.send(new ListTagsForResourceCommand({ resourceArn }))
  const pairs = tags.map(({ Key = '', Value = '' }) => [Key, Value] as const)
  return pairs.length === 0 ? {} : { tags: sorted(Object.fromEntries(pairs)) }
}

/** Puts the tags of a record on what was made. */
export async function tag(client: IoTClient, resourceArn: string | undefined, { tags }: Content): Promise<void> {
  const list = Object.entries({ ...Object(tags) }).map(([Key, Value]) => ({ Key, Value: String(Value) }))
  if (list.length > 0) await client.send(new TagResourceCommand({ resourceArn, tags: list }))
}

/** Orders the members of an object by their names, so that two of the same content are the same text. */
export function sorted<Value>(members: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(members).toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

export function idInArn(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1)
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

/** Gives the members of a list's items; what is no object has none. */
export function contentsOf(value: unknown): readonly Content[] {
  return Array.isArray(value) ? value.map((item) => ({ ...Object(item) })) : []
}

/** Rows that one page asks for: the most that AWS IoT gives. */
export const PAGE = 250
