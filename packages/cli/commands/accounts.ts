import { Command } from 'commander'
import { type CloudFlags, objectsIn, onCloudOrData, withOwnApi } from '../cloud-options.ts'
import { processOutput } from '../output.ts'
import { tableLines } from '../table.ts'
import { sayKey } from './access.ts'

/** `birthmark accounts`: the accounts and regions of a server. */
export function accountsCommand(): Command {
  return new Command('accounts')
    .description('Open accounts and regions on a server; each has its endpoint and its data.')
    .addCommand(listCommand())
    .addCommand(createCommand())
    .addCommand(openRegionCommand())
}

function listCommand(): Command {
  return onCloudOrData(new Command('list'))
    .description('List the accounts with their regions and endpoints.')
    .addHelpText('after', '\nExample:\n  birthmark accounts list')
    .action(async (flags: CloudFlags) => {
      const output = processOutput({ json: flags.json === true })
      const accounts = objectsIn(await withOwnApi(flags, (api) => api('GET', '/v1/accounts')), 'accounts')
      for (const account of accounts) output.json(account)
      if (output.jsonWanted) return
      const rows = accounts.flatMap((row) => {
        const account = `${String(row['account'])}${row['isDefault'] === true ? ' (default)' : ''}`
        return objectsIn(row, 'regions').map((region) => ({ ...region, account }))
      })
      for (const line of tableLines(COLUMNS, rows)) output.say(line)
    })
}

interface CreateFlags extends CloudFlags {
  readonly account?: string
  readonly region?: string
}

function createCommand(): Command {
  return onCloudOrData(new Command('create'))
    .description('Open an account and make its first access key, which is shown this once.')
    .option('--account <12 digits>', 'its number; made up when absent')
    .option('--region <name>', "its first region; the default account's when absent")
    .addHelpText('after', '\nExample:\n  birthmark accounts create --region eu-central-1')
    .action(async (flags: CreateFlags) => {
      const output = processOutput({ json: flags.json === true })
      const { account, region } = flags
      const made = await withOwnApi(flags, (api) =>
        api('POST', '/v1/accounts', {
          ...(account === undefined ? {} : { account }),
          ...(region === undefined ? {} : { region }),
        }),
      )
      output.json(made)
      if (output.jsonWanted) return
      output.say(`Account ${String(made['account'])} is open in ${String(made['region'])}.`)
      if (made['endpoint'] !== '') output.say(`Its devices connect to ${String(made['endpoint'])}.`)
      sayKey(output, { ...Object(made['accessKey']) })
    })
}

function openRegionCommand(): Command {
  return onCloudOrData(new Command('open-region'))
    .description('Open another region of an account; its access keys work there too.')
    .argument('<account>', '12 digits')
    .argument('<region>', 'for example eu-central-1')
    .addHelpText('after', '\nExample:\n  birthmark accounts open-region 123456789012 eu-west-1')
    .action(async (account: string, region: string, flags: CloudFlags) => {
      const output = processOutput({ json: flags.json === true })
      const path = `/v1/accounts/${encodeURIComponent(account)}`
      const opened = await withOwnApi(flags, (api) => api('POST', path, { region }))
      output.json(opened)
      output.say(`Account ${account} is open in ${region}. Its devices connect to ${String(opened['endpoint'])}.`)
    })
}

const COLUMNS = { account: 'Account', region: 'Region', endpoint: 'Endpoint' } as const
