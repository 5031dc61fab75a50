import type { Tag } from '@aws-sdk/client-iot'
import type { DocumentKind, Page, PageRequest, StoredDocument } from '@birthmark/cloud/registry'
import { type Instant, instant } from '@birthmark/foundation/kernel'
import { AwsException, notFound } from '../exceptions.ts'
import type { Call } from '../operation-types.ts'
import { conflictException } from './conflicts.ts'
import { pageOf } from './pages.ts'
import { tagChanges } from './tags.ts'

/** What is the same for every record of a family. */
interface FamilyOptions<Content> {
  readonly kind: DocumentKind
  /** How sentences begin that speak of one, for example `Role alias`. */
  readonly title: string
  /** Most of them in an account and region; at the limit: LimitExceededException. */
  readonly max: number
  /** Gives the ARN, for the exception that says the name is taken. */
  readonly arn: (this: void, name: string, call: Call) => string
  /** What one record has in all accounts and regions, and the exception for another that wants it. */
  readonly unique?: {
    keyOf(content: Content): string
    refusal(key: string, call: Call): Promise<AwsException>
  }
}

/** A record as it is kept. */
export interface StoredRecord<Content> {
  readonly name: string
  readonly content: Content
  readonly createdAt: Instant
  readonly modifiedAt: Instant
}

/** A family of named records that nothing but its own operations and its one reader know the form of. */
export class StoredFamily<Content extends object> {
  readonly #options: FamilyOptions<Content>

  constructor(options: FamilyOptions<Content>) {
    this.#options = options
  }

  /** @throws `ResourceAlreadyExistsException`, `LimitExceededException`, `InvalidRequestException` for its tags */
  async create(name: string, content: Content, call: Call, tags?: readonly Tag[]): Promise<void> {
    const { kind, title, max, arn, unique } = this.#options
    const key = unique && { uniqueKey: unique.keyOf(content) }
    const document: StoredDocument = { kind, name, body: write(content, call.now), createdAt: call.now, ...key }
    const change = { do: 'create-document', document, max } as const
    const tagging = tagChanges(this.#resource(name, call), tags)
    const result = await call.registry.commit([change, ...tagging])
    if (result.ok) return
    if (result.index > 0) throw conflictException(call.registry.scope, tagging[result.index - 1], result.reason)
    if (result.reason === 'exists') {
      const members = { resourceId: name, resourceArn: arn(name, call) }
      throw new AwsException('ResourceAlreadyExistsException', `${title} already exists (name=${name})`, members)
    }
    if (result.reason === 'taken' && unique !== undefined) throw await unique.refusal(unique.keyOf(content), call)
    throw conflictException(call.registry.scope, change, result.reason)
  }

  async find(name: string, { registry }: Pick<Call, 'registry'>): Promise<StoredRecord<Content> | undefined> {
    const document = await registry.provisioning.document(this.#options.kind, name)
    return document && this.#read(document)
  }

  /** @throws `ResourceNotFoundException` */
  async require(name: string, call: Call): Promise<StoredRecord<Content>> {
    const found = await this.find(name, call)
    if (found === undefined) throw this.#absent(name)
    return found
  }

  /**
   * Replaces a record by what `revise` makes of it; asked again when somebody else comes in between.
   *
   * @throws `ResourceNotFoundException`, `ConflictingResourceUpdateException`, what `revise` throws
   */
  async update(name: string, call: Call, revise: (content: Content) => Content): Promise<void> {
    const { kind } = this.#options
    for (let attempt = 1; ; attempt += 1) {
      const document = await call.registry.provisioning.document(kind, name)
      if (document === undefined) throw this.#absent(name)
      const body = write(revise(this.#read(document).content), call.now)
      const change = { do: 'replace-document', kind, name, body, from: document.body } as const
      const result = await call.registry.commit([change])
      if (result.ok) return
      if (result.reason === 'absent') throw this.#absent(name)
      if (attempt === UPDATE_ATTEMPTS_MAX) throw conflictException(call.registry.scope, change, result.reason)
    }
  }

  /** Replaces a record by what `revise` makes of it, or of `initial` when there is none. @throws as {@link update} */
  async put(name: string, call: Call, initial: Content, revise: (content: Content) => Content): Promise<void> {
    const { kind, max } = this.#options
    if ((await this.find(name, call)) === undefined) {
      const document: StoredDocument = { kind, name, body: write(revise(initial), call.now), createdAt: call.now }
      const result = await call.registry.commit([{ do: 'create-document', document, max }])
      if (result.ok) return
      // Another request was faster: now it is there.
    }
    await this.update(name, call, revise)
  }

  /** @throws `ResourceNotFoundException` */
  async remove(name: string, call: Call): Promise<void> {
    const { registry } = call
    const resource = this.#resource(name, call)
    const keys = Object.keys(await registry.catalog.tags(resource))
    const changes = [
      { do: 'delete-document', kind: this.#options.kind, name } as const,
      ...(keys.length === 0 ? [] : [{ do: 'untag', resource, keys } as const]),
    ]
    const result = await registry.commit(changes)
    if (!result.ok) throw this.#absent(name)
  }

  /** Gives a page of those that `fits`, by name. */
  async list(
    request: PageRequest,
    { registry }: Pick<Call, 'registry'>,
    fits: (content: Content) => boolean = () => true,
  ): Promise<Page<StoredRecord<Content>>> {
    const documents = await registry.provisioning.documents(this.#options.kind)
    const records = documents.map((document) => this.#read(document)).filter(({ content }) => fits(content))
    return pageOf(records, ({ name }) => name, request)
  }

  /** Gives the end of a record's ARN, which is what its tags are on. */
  #resource(name: string, call: Call): string {
    return this.#options.arn(name, call).split(':').slice(5).join(':')
  }

  /** What is kept was written by {@link create} and {@link update} alone, so it has the form that they were given. */
  #read({ name, body, createdAt }: StoredDocument): StoredRecord<Content> {
    const { content, modifiedAt } = JSON.parse(body) as { content: Content; modifiedAt: number }
    return { name, content, createdAt, modifiedAt: instant(modifiedAt) }
  }

  #absent(name: string): AwsException {
    return notFound(`${this.#options.title} does not exist (name=${name})`)
  }
}

function write(content: object, modifiedAt: Instant): string {
  return JSON.stringify({ content, modifiedAt })
}

/** Tries of an update when others come in between; then ConflictingResourceUpdateException. */
const UPDATE_ATTEMPTS_MAX = 5
