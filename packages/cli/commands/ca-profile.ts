import { existsSync } from 'node:fs'
import { addProfile, BUILT_IN, CheckedProfile, readProfiles, sampleFindings } from '@birthmark/factory/authority'
import { systemClock } from '@birthmark/foundation/system'
import { Command } from 'commander'
import { processOutput } from '../output.ts'
import { caFault, parseInput, readInput } from './ca-folder.ts'

/** `birthmark ca profile`: what kinds of certificates there are. */
export function caProfile(): Command {
  return new Command('profile')
    .description('Certificate profiles: check a file, add it to an authority, list what is there.')
    .addCommand(profileCheck())
    .addCommand(profileAdd())
    .addCommand(profileList())
}

/** Gives the profile that a file holds, or the name as it is where there is no such file. */
export function profileNamed(nameOrFile: string): string | CheckedProfile {
  return existsSync(nameOrFile) ? parseInput(nameOrFile, (text) => CheckedProfile.parse(text)) : nameOrFile
}

function profileCheck(): Command {
  return new Command('check')
    .description('Hold a profile, and a sample certificate of each kind of key that it allows, against every rule.')
    .argument('<file>', 'the profile')
    .addHelpText('after', '\nExample:\n  birthmark ca profile check ./meter.json')
    .action(checkCommand)
}

async function checkCommand(file: string, flags: { readonly json?: boolean }): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { name, keys } = (await checked(file)).profile
  output.json({ profile: name, keys, findings: [] })
  if (!output.jsonWanted) output.say(`${file} is sound: ${name} breaks no rule with ${keys.join(', ')}.`)
}

/** Reads a profile and tries it. @throws `PROFILE_INVALID`, `CA_PROFILE_BREAKS_RULES`, `CA_INPUT_MISSING` */
async function checked(file: string): Promise<CheckedProfile> {
  const profile = parseInput(file, (text) => CheckedProfile.parse(text))
  const findings = await sampleFindings(profile, systemClock.now())
  if (findings.length === 0) return profile
  const rules = findings.map(({ rule, key, otherwise, source }) => `${rule} (${key}): ${otherwise}, by ${source}`)
  throw caFault('CA_PROFILE_BREAKS_RULES', { file, rules: rules.join('; ') })
}

function profileAdd(): Command {
  return new Command('add')
    .description('Add a profile to an authority, for work orders and its socket; it is checked first.')
    .argument('<file>', 'the profile')
    .requiredOption('--data <folder>', "the authority's folder")
    .addHelpText('after', '\nExample:\n  birthmark ca profile add ./meter.json --data ./ca')
    .action(addCommand)
}

async function addCommand(file: string, flags: { readonly data: string; readonly json?: boolean }): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const profile = await checked(file)
  if (!existsSync(flags.data)) throw caFault('CA_INPUT_MISSING', { path: flags.data })
  addProfile(flags.data, readInput(file), profile)
  output.json({ profile: profile.name })
  if (!output.jsonWanted) output.say(`${profile.name} can be named from the next start of the authority on.`)
}

function profileList(): Command {
  return new Command('list')
    .description('List the profiles that are built in, and those of an authority.')
    .option('--data <folder>', "the authority's folder")
    .addHelpText('after', '\nExample:\n  birthmark ca profile list --data ./ca')
    .action(listCommand)
}

function listCommand(flags: { readonly data?: string; readonly json?: boolean }): void {
  const output = processOutput({ json: flags.json === true })
  const builtIn = Object.keys(BUILT_IN).map((name) => ({ profile: name, builtIn: true }))
  const own = flags.data === undefined ? [] : [...readProfiles(flags.data).keys()]
  const profiles = [...builtIn, ...own.map((name) => ({ profile: name, builtIn: false }))]
  output.json({ profiles })
  if (output.jsonWanted) return
  for (const { profile, builtIn: isBuiltIn } of profiles) output.say(isBuiltIn ? `${profile}  (built in)` : profile)
}
