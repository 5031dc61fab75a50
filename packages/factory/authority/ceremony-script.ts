import { type Members, readJsonObject } from '@birthmark/factory/json'
import type { SignatureAlgorithm } from '@birthmark/foundation/x509'
import { setupFault } from './setup-faults.ts'

/** Somebody who is there while keys are made. */
export interface Attendant {
  readonly name: string
  readonly role: string
}

/** One step of a ceremony. Files and folders are beside the script. */
export type CeremonyStep =
  /** Something that people do or see, and then say so. */
  | { readonly do: 'confirm'; readonly text: string }
  /** Makes a root that signs CAs, in a folder of its own. */
  | {
      readonly do: 'make-root'
      readonly folder: string
      readonly name: string
      readonly algorithm: SignatureAlgorithm
      /** The PKCS#11 URI of its key; without it the key is in the folder. */
      readonly key?: string
    }
  /** Takes a root from an earlier ceremony. */
  | { readonly do: 'open-root'; readonly folder: string }
  /** Signs a CA under the root. */
  | { readonly do: 'sign-ca'; readonly csr: string; readonly profile: string; readonly out: string }
  /** Writes down the SHA-256 of a file. */
  | { readonly do: 'hash'; readonly file: string }

/** What is done in a ceremony, and who is there. */
export interface CeremonyScript {
  readonly title: string
  readonly present: readonly Attendant[]
  readonly steps: readonly CeremonyStep[]
}

/**
 * Reads the script of a ceremony, strictly.
 *
 * @throws `CEREMONY_SCRIPT_INVALID` (operator)
 */
export function parseCeremonyScript(text: string): CeremonyScript {
  const script = readJsonObject(text, readScript)
  if (script.ok) return script.value
  throw setupFault('CEREMONY_SCRIPT_INVALID', { problems: script.problems.join('; ') })
}

function readScript(members: Members): CeremonyScript {
  members.word('format', [SCRIPT_FORMAT])
  const script = {
    title: members.text('title', LINE, LINE_FORM),
    present: members.objects('present', readAttendant),
    steps: members.objects('steps', readStep),
  }
  if (script.present.length === 0) members.refuse('present', 'must name somebody')
  const roots = script.steps.filter((step) => step.do === 'make-root' || step.do === 'open-root').length
  if (roots !== 1)
    members.refuse('steps', 'must have one step that makes or opens the root, whose key signs at the end')
  const rootAt = script.steps.findIndex((step) => step.do === 'make-root' || step.do === 'open-root')
  const signedAt = script.steps.findIndex((step) => step.do === 'sign-ca')
  if (signedAt !== -1 && signedAt < rootAt) members.refuse('steps', 'must have the root before what it signs')
  return script
}

/** Reads a person who is there, as scripts and transcripts have it. */
export function readAttendant(members: Members): Attendant {
  return { name: members.text('name', LINE, LINE_FORM), role: members.text('role', LINE, LINE_FORM) }
}

function readStep(members: Members): CeremonyStep {
  const step = members.word('do', ['confirm', 'make-root', 'open-root', 'sign-ca', 'hash'])
  const path = (name: string): string => members.text(name, PATH, PATH_FORM)
  switch (step) {
    case 'confirm':
      return { do: step, text: members.text('text', LINE, LINE_FORM) }
    case 'make-root':
      return {
        do: step,
        folder: path('folder'),
        name: members.text('name', /^[^\p{Cc}]{1,58}$/u, 'the name of an organisation, at most 58 characters'),
        algorithm: ALGORITHMS[members.word('algorithm', ['p256', 'p384', 'ml-dsa-65'])],
        ...(members.has('key') && { key: members.text('key', /^pkcs11:[\x21-\x7e]{1,2000}$/, 'a PKCS#11 URI') }),
      }
    case 'open-root':
      return { do: step, folder: path('folder') }
    case 'sign-ca':
      return {
        do: step,
        csr: path('csr'),
        profile: members.text('profile', PATH, 'intermediate-ca, issuing-ca, or a profile file'),
        out: path('out'),
      }
    case 'hash':
      return { do: step, file: path('file') }
  }
}

const ALGORITHMS = {
  p256: 'ecdsa-p256-sha256',
  p384: 'ecdsa-p384-sha384',
  'ml-dsa-65': 'ml-dsa-65',
} as const

const SCRIPT_FORMAT = 'birthmark-ceremony-script/1'

const LINE = /^[^\p{Cc}]{1,1000}$/u
const LINE_FORM = 'one line of text'
/** A path below the script's folder: a script from elsewhere names no file of the machine. */
const PATH = /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\p{Cc}\\]{1,255}$/u
const PATH_FORM = "a path below the script's folder"
