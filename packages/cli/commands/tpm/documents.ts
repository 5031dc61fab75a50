import { tpmFault } from '@birthmark/chip/tpm'
import { notJson } from '@birthmark/factory/json'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { readTextFile } from '@birthmark/foundation/system'
import type { Output } from '../../output.ts'
import { deliver } from '../chip/values.ts'

export const TPM_COMMAND_FAULTS = {
  TPM_INPUT_MISSING: {
    blame: 'caller',
    message: 'there is no file {path}',
    remedy: 'Name a file that exists.',
  },
  TPM_CSR_OTHER_KEY: {
    blame: 'peer',
    message: 'the certificate request is for another key than the one that was attested',
    remedy: 'Make the request with the key in the TPM that was attested.',
  },
} as const
export const tpmCommandFault: Raise<typeof TPM_COMMAND_FAULTS> = faults(TPM_COMMAND_FAULTS)

/** Reads a text file that must be there. @throws `TPM_INPUT_MISSING`, and the faults of the file system */
export function readText(path: string): string {
  const text = readTextFile(path)
  if (text === undefined) throw tpmCommandFault('TPM_INPUT_MISSING', { path })
  return text
}

/** Reads a document of JSON with `parse`. @throws what {@link readText} throws, `TPM_DOCUMENT_INVALID` */
export function readDocument<Document>(path: string, parse: (value: unknown) => Document): Document {
  return parse(parseJson(readText(path), path))
}

/** Hands over a document: into the file `out`, else on standard output. */
export function deliverDocument(document: object, output: Output, out: string | undefined): void {
  deliver({ document: { ...document }, content: `${JSON.stringify(document, undefined, 2)}\n` }, output, out)
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Without its cause, which repeats a piece of the text: what is pending is a secret.
    throw tpmFault('TPM_DOCUMENT_INVALID', { what: 'document', why: `${path} is ${notJson(text)}` })
  }
}
