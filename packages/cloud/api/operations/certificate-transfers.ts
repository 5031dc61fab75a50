import type { CertificateId, CertificateTransfer, Scope } from '@birthmark/cloud/registry'
import { AwsException, invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf, parseCertificateId } from './arns.ts'
import { commitWith } from './conflicts.ts'
import { nextToken, pageRequest } from './pages.ts'
import { dateOf } from './values.ts'

/**
 * Certificates that move from one account to another of this server, in one region (AWS IoT developer guide, transfer a
 * certificate to another account). Each step is one commit in both accounts.
 */
export const certificateTransferOperations: Partial<Operations> = {
  async TransferCertificate({ certificateId, targetAwsAccount, transferMessage: message }, call) {
    const id = parseCertificateId(certificateId)
    const { scope } = call.registry
    if (targetAwsAccount === scope.account)
      throw invalidRequest('The target account is the account of the certificate.')
    const target = accountScope(call, targetAwsAccount)
    if (call.endpointAddress(target) === undefined) {
      throw invalidRequest(`The account ${targetAwsAccount} is not served in region ${scope.region}.`)
    }
    const record = await call.registry.certificate(id)
    if (record === undefined) throw notFound(`The certificate does not exist (id=${certificateId})`)
    const at = call.now
    const certificate = { ...record, status: 'PENDING_TRANSFER', modifiedAt: at, customerVersion: 1 } as const
    await commitWith(call, [{ do: 'send-certificate', id, toAccount: target.account, message, at }], {
      scope: target,
      changes: [{ do: 'receive-certificate', certificate, fromAccount: scope.account, message, at }],
    })
    return { transferredCertificateArn: arnOf(target, 'cert', id) }
  },

  async AcceptCertificateTransfer({ certificateId, setAsActive = false }, call) {
    const id = parseCertificateId(certificateId)
    const { account } = await requireTransfer(id, true, call)
    await commitWith(call, [{ do: 'accept-certificate', id, active: setAsActive, at: call.now }], {
      scope: accountScope(call, account),
      changes: [{ do: 'remove-transferred', id }],
    })
    return {}
  },

  async RejectCertificateTransfer({ certificateId, rejectReason = '' }, call) {
    const id = parseCertificateId(certificateId)
    const { account } = await requireTransfer(id, true, call)
    await commitWith(call, [{ do: 'remove-transferred', id }], {
      scope: accountScope(call, account),
      changes: [{ do: 'return-certificate', id, rejectReason, at: call.now }],
    })
    return {}
  },

  async CancelCertificateTransfer({ certificateId }, call) {
    const id = parseCertificateId(certificateId)
    const { account } = await requireTransfer(id, false, call)
    await commitWith(call, [{ do: 'return-certificate', id, rejectReason: undefined, at: call.now }], {
      scope: accountScope(call, account),
      changes: [{ do: 'remove-transferred', id }],
    })
    return {}
  },

  async ListOutgoingCertificates(input, { registry }) {
    const page = await registry.transfers.outgoing(pageRequest(input))
    const outgoingCertificates = page.rows.map((row) => ({
      certificateArn: arnOf(registry.scope, 'cert', row.certificateId),
      certificateId: row.certificateId,
      transferredTo: row.account,
      transferDate: dateOf(row.sentAt),
      transferMessage: row.message,
      creationDate: dateOf(row.createdAt),
    }))
    return { outgoingCertificates, nextMarker: nextToken(page) }
  },
}

/** What DescribeCertificate says of a certificate's last transfer. */
export interface TransferDescription {
  ownedBy: string
  previousOwnedBy: string | undefined
  transferData: {
    transferMessage?: string
    rejectReason?: string
    transferDate?: Date
    acceptDate?: Date
    rejectDate?: Date
  }
}

/** Describes who owns a certificate and how it came to them; until it is accepted, its owner is the sender. */
export function describeTransfer({ account }: Scope, transfer: CertificateTransfer | undefined): TransferDescription {
  if (transfer === undefined) return { ownedBy: account, previousOwnedBy: undefined, transferData: {} }
  const { isIncoming, message, rejectReason, sentAt, acceptedAt, rejectedAt } = transfer
  const isAccepted = acceptedAt !== undefined
  return {
    ownedBy: isIncoming && !isAccepted ? transfer.account : account,
    previousOwnedBy: isIncoming && isAccepted ? transfer.account : undefined,
    transferData: {
      ...(message === undefined ? {} : { transferMessage: message }),
      ...(rejectReason === undefined || rejectReason === '' ? {} : { rejectReason }),
      transferDate: dateOf(sentAt),
      ...(isAccepted ? { acceptDate: dateOf(acceptedAt) } : {}),
      ...(rejectedAt === undefined ? {} : { rejectDate: dateOf(rejectedAt) }),
    },
  }
}

/**
 * Finds the transfer that is to be settled.
 *
 * @throws `ResourceNotFoundException`, `TransferAlreadyCompletedException`, `InvalidRequestException`
 */
async function requireTransfer(id: CertificateId, incoming: boolean, { registry }: Call): Promise<CertificateTransfer> {
  const record = await registry.certificate(id)
  const transfer = await registry.transfers.of(id)
  if (record === undefined) throw notFound(`The certificate does not exist (id=${id})`)
  if (record.status === 'PENDING_TRANSFER' && transfer !== undefined) {
    if (transfer.isIncoming === incoming) return transfer
    throw invalidRequest(
      incoming
        ? 'Only the account that the certificate is transferred to may accept or reject it.'
        : 'Only the account that transfers the certificate may cancel the transfer.',
    )
  }
  throw new AwsException(
    'TransferAlreadyCompletedException',
    `No transfer of the certificate is waiting for this: it was accepted, rejected or cancelled (id=${id})`,
  )
}

function accountScope({ registry }: Call, account: string): Scope {
  return { account, region: registry.scope.region }
}
