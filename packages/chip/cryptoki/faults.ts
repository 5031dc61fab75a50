import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can go wrong on the p11-kit remote protocol, with a module behind it and with a token in front of it. */
export const CRYPTOKI_FAULTS = {
  CRYPTOKI_MESSAGE_INVALID: {
    blame: 'peer',
    message: 'the other side sent a message that makes no sense: {why}',
    remedy: 'Check that it speaks the p11-kit remote protocol, versions 0 to 2 (p11-kit 0.24 and later).',
    spec: 'p11-kit 0.24.1 to 0.26.4, rpc-message.c and rpc-transport.c',
  },
  CRYPTOKI_MESSAGE_TOO_LONG: {
    blame: 'peer',
    message: 'the other side announced a message of {bytes} bytes; {bytesMax} is the limit',
    remedy: 'Send data in several updates.',
  },
  CRYPTOKI_VALUE_SHAPE: {
    blame: 'caller',
    message: 'the value of {what} has another shape than the protocol gives it',
    remedy: 'Use the shape that ATTRIBUTE_SHAPES or the mechanism’s table has for this type.',
  },
  CRYPTOKI_REFUSED: {
    blame: 'operator',
    message: 'the module refused C_{call} with {code}',
    remedy: 'Look the code up in PKCS#11 v2.40 §5.1; docs/reference/pkcs11.md says what the frequent ones mean.',
  },
  CRYPTOKI_MODULE_LOST: {
    blame: 'operator',
    message: 'the module ended or broke off during C_{call}: {why}',
    remedy: 'Open it again; when `executed` is unknown, find out what the token holds before repeating.',
  },
  CRYPTOKI_MODULE_SILENT: {
    blame: 'operator',
    message: 'the module gave no answer to C_{call} within {seconds} s, and was ended',
    remedy: 'Open it again; check the token’s connection.',
  },
  CRYPTOKI_TOKEN_MISSING: {
    blame: 'operator',
    message: 'the module has no token like the one that was named',
    remedy: 'Compare with `pkcs11-tool --module MODULE -L`; a token must be initialised.',
  },
  CRYPTOKI_TOKEN_AMBIGUOUS: {
    blame: 'operator',
    message: '{count} tokens of the module are like the one that was named',
    remedy: 'Name one of them by its label or its serial number.',
  },
  CRYPTOKI_OBJECT_MISSING: {
    blame: 'caller',
    message: 'the token has no {kind} of this name',
    remedy: 'Make it first, or name another one. A private key shows only after the login.',
  },
  CRYPTOKI_OBJECT_AMBIGUOUS: {
    blame: 'caller',
    message: 'the token has {count} different objects of the kind {kind} with this name',
    remedy: 'Name one of them by its CKA_ID too, or give them different labels.',
  },
  CRYPTOKI_OBJECTS_TOO_MANY: {
    blame: 'caller',
    message: 'more than {countMax} objects of the token match',
    remedy: 'Say more about the objects that are wanted: kind, label or CKA_ID.',
  },
  CRYPTOKI_PIN_STALE: {
    blame: 'operator',
    message: 'the token refused this PIN before; it is not presented again, since a few wrong ones lock the token',
    remedy: 'Log in with the right PIN.',
  },
  CRYPTOKI_SLOT_LOCKED: {
    blame: 'caller',
    message: 'the object “{slot}” is locked',
    remedy: 'What is locked stays; use another label, or another token.',
  },
  CRYPTOKI_LOCK_BROKEN: {
    blame: 'operator',
    message: 'the object “{slot}” was locked and is another one now, or gone',
    remedy: 'Somebody with the PIN changed it past this software. Do not trust the device; take it out.',
  },
  CRYPTOKI_KEY_UNSUPPORTED: {
    blame: 'caller',
    message: 'the key is of a kind that is not used here: {why}',
    remedy: 'Use an elliptic-curve key on P-256 or P-384, or an RSA key of 2048 to 4096 bits.',
  },
  CRYPTOKI_URI_INVALID: {
    blame: 'caller',
    message: 'the PKCS#11 URI cannot be used: {why}',
    remedy: "Write it as 'pkcs11:token=LABEL;object=LABEL?module-path=/path/module.so&pin-source=/path/file'.",
    spec: 'RFC 7512 §2.3 and §2.4',
  },
  CRYPTOKI_NOT_SUPPORTED: {
    blame: 'caller',
    message: 'this PKCS#11 module cannot {what}',
    remedy: 'Leave this step out, or use another module or a later p11-kit.',
  },
  CRYPTOKI_CALL_FAILED: {
    blame: 'bug',
    message: 'a call failed for a reason that the token server does not know; the program got CKR_GENERAL_ERROR',
    remedy: 'Report this with the cause.',
  },
  CRYPTOKI_SOCKET_TAKEN: {
    blame: 'operator',
    message: 'no token can listen on this socket: {why}',
    remedy: 'Stop who listens there, or name another path, of up to 107 characters.',
  },
  CRYPTOKI_FOLDER_OPEN: {
    blame: 'operator',
    message: 'other users may exchange what is in the folder {path}, sockets too',
    remedy: 'Take their right to write there away (chmod go-w), or name a socket in another folder.',
  },
  CRYPTOKI_FILE_EXISTS: {
    blame: 'caller',
    message: 'there is something at {path} already',
    remedy: 'Name a file that does not exist; this one was left untouched.',
  },
  CRYPTOKI_FILE_ABSENT: {
    blame: 'caller',
    message: 'there is no software token at {path}',
    remedy: 'Name the file of one, or make one: birthmark token new --software FILE.',
  },
  CRYPTOKI_FILE_DAMAGED: {
    blame: 'operator',
    message: '{path} cannot be used: {why}',
    remedy: 'Restore it from a copy, or name another file; it was left untouched.',
  },
  CRYPTOKI_CROWDED: {
    blame: 'busy',
    message: '{connections} programs use this token already',
    remedy: 'Wait until one of them ends.',
  },
} as const
export const cryptokiFault: Raise<typeof CRYPTOKI_FAULTS> = faults(CRYPTOKI_FAULTS)
