import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can go wrong between a host and a chip, below the commands. */
export const I2C_FAULTS = {
  I2C_NOT_ACKNOWLEDGED: {
    blame: 'peer',
    message: 'the chip did not answer its address',
    remedy: 'Check supply, wiring and address 0x30; a sleeping or starting chip answers within 100 ms.',
    spec: 'OPTIGA Trust X data sheet v2.70, physical layer',
  },
  I2C_BUS_GONE: {
    blame: 'operator',
    message: 'the bus to the chip is closed',
    remedy: 'Open the bus again; a command that was under way may have taken effect.',
  },
  I2C_BROKEN_OFF: {
    blame: 'caller',
    message: 'the conversation with the chip was broken off on request',
    remedy: 'Reset the chip before the next one; a command that was under way may have taken effect.',
  },
  I2C_BUS_UNREACHABLE: {
    blame: 'operator',
    message: 'no chip bus at {target}: {why}',
    remedy: 'Start the chip (birthmark chip serve) or name its socket.',
  },
  I2C_DEVICE_NAME_INVALID: {
    blame: 'caller',
    message: 'the name of the I2C bus is not of the form /dev/i2c-N',
    remedy: 'Name the device of the bus that the chip is on, /dev/i2c-1 for example.',
  },
  I2C_DEVICE_UNUSABLE: {
    blame: 'operator',
    message: 'the I2C bus {target} cannot be used: {why}',
    remedy: 'Enable the bus, load the module i2c-dev, and give this user the rights to the device.',
  },
  I2C_PACKAGE_MISSING: {
    blame: 'operator',
    message: 'a real I2C bus needs the npm package {package}, which is not installed',
    remedy: 'Install it beside birthmark on the Linux machine that has the bus: npm install i2c-bus.',
  },
  I2C_BUS_ADDRESS_TAKEN: {
    blame: 'operator',
    message: 'no chip can listen at {target}: {why}',
    remedy: 'Stop who listens there, or name another path or port.',
  },
  I2C_TRANSFER_TOO_LONG: {
    blame: 'caller',
    message: 'a transfer of {count} bytes does not fit one transaction',
    remedy: 'Transfer at most 65535 bytes at a time.',
  },
  I2C_BUS_GARBLED: {
    blame: 'peer',
    message: 'the other end of the socket does not speak chip bus transactions: {why}',
    remedy: 'Check that the address belongs to a virtual chip; the connection was closed.',
  },
  I2C_BUS_CROWDED: {
    blame: 'busy',
    message: '{waiting} connections wait for this chip already',
    remedy: 'Let one host at a time use the chip.',
  },
  I2C_FRAME_SIZE_REFUSED: {
    blame: 'peer',
    message: 'the chip offers frames of {offered} bytes where {wanted} were asked for',
    remedy: 'Check that the other end is a chip with the Infineon I2C protocol.',
    spec: 'IFX I2C protocol specification v1.65, DATA_REG_LEN',
  },
  I2C_CLOCK_REFUSED: {
    blame: 'operator',
    message: 'the chip takes {offered} kHz at most where {wanted} kHz were asked for',
    remedy: 'Run the bus at 400 kHz or less; a chip in fast mode plus takes up to 1000 kHz.',
    spec: 'IFX I2C protocol specification v1.65, MAX_SCL_FREQU and I2C_MODE',
  },
  I2C_NOT_RESET: {
    blame: 'peer',
    message: 'the chip did not do the soft reset',
    remedy: 'Check the wiring and the bus speed; take the supply away and give it back.',
    spec: 'IFX I2C protocol specification v1.65, SOFT_RESET',
  },
  I2C_COMMAND_UNANSWERED: {
    blame: 'peer',
    message: 'the chip did not acknowledge the command after repeats',
    remedy: 'Check the wiring and the bus speed; reset the chip.',
    spec: 'IFX I2C protocol specification v1.65, data link layer',
  },
  I2C_COMMAND_REFUSED: {
    blame: 'peer',
    message: 'the chip did not take the command, nor a repeat after starting over',
    remedy: 'Check the wiring and the bus speed; reset the chip.',
    spec: 'IFX I2C protocol specification v1.65, data link and transport layer',
  },
  I2C_RESPONSE_MISSING: {
    blame: 'peer',
    message: 'the chip took the command but gave no response within {patienceMs} ms',
    remedy: 'Find out whether the command took effect before repeating it; reset the chip.',
  },
  I2C_RESPONSE_DAMAGED: {
    blame: 'peer',
    message: 'the chip took the command but its response stayed damaged after repeats',
    remedy: 'Find out whether the command took effect before repeating it; check the wiring and the bus speed.',
  },
} as const
export const i2cFault: Raise<typeof I2C_FAULTS> = faults(I2C_FAULTS)
