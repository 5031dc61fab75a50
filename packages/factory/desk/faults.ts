import { faults, type Raise } from '@birthmark/foundation/kernel'

export const DESK_FAULTS = {
  DESK_REQUEST_MALFORMED: {
    blame: 'peer',
    message: 'the message of the station cannot be read: {problems}',
    remedy: 'Send messages as docs/reference/station-desk.md describes them.',
  },
  STATION_SIGNATURE_INVALID: {
    blame: 'peer',
    message: 'the message is not signed by the station key {station}',
    remedy: 'Check which key the station runs with; somebody may be sending in its name.',
  },
  STATION_SESSION_ENDED: {
    blame: 'caller',
    message: 'the station {station} has no session here',
    remedy: 'Begin a session; the authority was started again, or has not seen this station yet.',
  },
  STATION_COPIED: {
    blame: 'operator',
    message: 'two stations run with the key {station}: it was copied, and nothing more is issued to it',
    remedy: "Find the copy, and make a new key. If there is none but a restored backup, use 'birthmark line release'.",
  },
  STATION_REQUEST_REPLAYED: {
    blame: 'peer',
    message: 'a message of the station {station} came a second time',
    remedy: 'Find out who records and repeats its messages; nothing was issued for this one.',
  },
  CLOCK_SET_BACK: {
    blame: 'operator',
    message: 'the clock of the authority says {now}, and it was {seen} already',
    remedy: 'Set the clock of this machine; until then nothing is issued, because work orders would never end.',
  },
  EVIDENCE_STALE: {
    blame: 'peer',
    message: 'the CSR of device {uid} does not carry the challenge of this session',
    remedy: 'Have the element sign a new CSR; one that was made before the session proves nothing about now.',
  },
  EVIDENCE_MISSING: {
    blame: 'peer',
    message: 'nothing shows that the key of device {uid} is in an element of a vendor that the order names',
    remedy: 'Use elements with a certificate of their vendor, at a station that sends it.',
  },
  EVIDENCE_VENDOR_UNKNOWN: {
    blame: 'peer',
    message: 'the certificate in element {uid} is not of a vendor that the order names: {why}',
    remedy: 'Check where these elements come from; do not use them.',
  },
  EVIDENCE_SIGNATURE_INVALID: {
    blame: 'peer',
    message: 'the vendor key in element {uid} did not sign for this CSR',
    remedy: 'Scrap the element: its key is not where it says.',
  },
  EVIDENCE_ELEMENT_USED: {
    blame: 'peer',
    message: 'the element that vouches for device {uid} vouched for device {other} before',
    remedy: 'One element is one device; find out where the key of this one really is.',
  },
  ALLOTMENT_REFUSED: {
    blame: 'caller',
    message: 'no such allotment can be given: {why}',
    remedy: 'Ask for less, or for a shorter time.',
  },
  ALLOTMENT_UNKNOWN: {
    blame: 'caller',
    message: 'there is no open allotment {allotment} of this station',
    remedy: 'Use the allotment that was given to this station for this order, before it ends.',
  },
  ALLOTMENT_USED_UP: {
    blame: 'caller',
    message: 'the allotment {allotment} allows {count} devices, and all of them were issued',
    remedy: 'Ask for another allotment, or go on while the authority can be reached.',
  },
  ALLOTMENT_INVALID: {
    blame: 'operator',
    message: 'the allotment cannot be used: {why}',
    remedy: 'Get a new one from the authority.',
  },
  DESK_ANSWER_UNREADABLE: {
    blame: 'peer',
    message: 'the answer of the authority cannot be read: {why}',
    remedy: 'Check that this is the socket for stations, and that both sides are of the same version.',
  },
  DESK_UNREACHABLE: {
    blame: 'operator',
    message: 'no authority answers stations on {path}',
    remedy: "Start it with 'birthmark line desk', or work with an allotment until it can be reached.",
  },
  DESK_UNAVAILABLE: {
    blame: 'operator',
    message: 'the authority cannot answer now',
    remedy: 'Look into the log of the authority, repair the cause, and go on.',
  },
} as const
export const deskFault: Raise<typeof DESK_FAULTS> = faults(DESK_FAULTS)
