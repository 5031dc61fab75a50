import { parseTemplate } from './parse-template.ts'
import type { ProvisioningTemplate } from './template.ts'

/** Templates kept parsed, by their text: a fleet that boots runs one template thousands of times. */
export class TemplateCache {
  readonly #parsed = new Map<string, ProvisioningTemplate>()

  /** Parses a template, or gives what the same text gave before. @throws `TEMPLATE_MALFORMED` and its like */
  parsed(text: string, type: Parameters<typeof parseTemplate>[1]): ProvisioningTemplate {
    const key = `${type} ${text}`
    const known = this.#parsed.get(key)
    if (known !== undefined) return known
    const template = parseTemplate(text, type)
    if (this.#parsed.size >= TEMPLATES_MAX) this.#parsed.clear()
    this.#parsed.set(key, template)
    return template
  }
}

/** Templates kept, about 20 KB each: a server has a few for each product. At the limit: all are parsed anew. */
const TEMPLATES_MAX = 100
