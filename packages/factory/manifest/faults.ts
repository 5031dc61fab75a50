import { faults, type Raise } from '@birthmark/foundation/kernel'

export const MANIFEST_FAULTS = {
  MANIFEST_INVALID: {
    blame: 'peer',
    message: 'line {line} of the manifest is wrong: {why}',
    remedy: 'Ask whoever sent it for an undamaged copy; nothing of it was used.',
  },
  MANIFEST_UNREADABLE: {
    blame: 'peer',
    message: 'the {format} manifest cannot be read on from row {row}: {why}',
    remedy: 'Check the format that was named, or ask whoever sent it for an undamaged copy; nothing of it was used.',
  },
  MANIFEST_ROWS_WRONG: {
    blame: 'peer',
    message: '{bad} of {rows} rows are wrong; the first is row {row}: {why}',
    remedy: 'Nothing was used. Ask for a corrected file, or leave the wrong rows out with --skip-bad-rows.',
  },
  MANIFEST_SIGNER_MISSING: {
    blame: 'caller',
    message: 'a {format} manifest is signed, and no signer is pinned',
    remedy: 'Get the certificate or public key of its signer on another way than the file, and name it with --signer.',
  },
  MANIFEST_SIGNER_UNFIT: {
    blame: 'caller',
    message: 'the pinned {what} cannot be used: {why}',
    remedy: 'Give PEM: for a signer certificates or public keys, for a CA its certificates.',
  },
  MANIFEST_CA_MISSING: {
    blame: 'caller',
    message: 'nothing in a {format} manifest says who made it, and no CA is pinned',
    remedy: 'Name the CA that issued its certificates with --ca, or say --any-issuer when every issuer will do.',
  },
  MANIFEST_UNFIT: {
    blame: 'caller',
    message: 'row {row} cannot be written as {format}: {why}',
    remedy: 'Choose other parameters or another form of output.',
  },
  ARCHIVE_PROGRAM_MISSING: {
    blame: 'operator',
    message: 'no 7-Zip program is installed to open the archive',
    remedy: 'Install the Debian package 7zip, which gives 7zz, or p7zip-full, which gives 7z.',
  },
} as const
export const manifestFault: Raise<typeof MANIFEST_FAULTS> = faults(MANIFEST_FAULTS)
