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
    message: 'the module has no token of this label',
    remedy: 'Check the label with `pkcs11-tool --module MODULE -L`; it must be initialised.',
  },
  CRYPTOKI_OBJECT_MISSING: {
    blame: 'caller',
    message: 'the token has no {kind} of this label',
    remedy: 'Make it first, or name another one.',
  },
  CRYPTOKI_NOT_SUPPORTED: {
    blame: 'caller',
    message: 'a PKCS#11 module cannot {what}',
    remedy: 'Leave this step out for elements behind a PKCS#11 module.',
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
  CRYPTOKI_CROWDED: {
    blame: 'busy',
    message: '{connections} programs use this token already',
    remedy: 'Wait until one of them ends.',
  },
} as const
export const cryptokiFault: Raise<typeof CRYPTOKI_FAULTS> = faults(CRYPTOKI_FAULTS)
