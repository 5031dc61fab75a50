"""A character device in front of swtpm: a terminal in raw mode, for tests of programs that open /dev/tpmrm0.

Takes the TCP port of swtpm, prints the path of the device file, and works until it is ended.
"""

import os
import socket
import sys
import tty

HEAD_BYTES = 10


def whole(receive):
    """Receives one command or answer: bytes 2 to 5 say how long it is."""
    message = b""
    while len(message) < HEAD_BYTES or len(message) < int.from_bytes(message[2:6], "big"):
        chunk = receive(4096)
        if not chunk:
            sys.exit(0)
        message += chunk
    return message


controller, terminal = os.openpty()
tty.setraw(terminal)
print(os.ttyname(terminal), flush=True)
tpm = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while True:
    tpm.sendall(whole(lambda count: os.read(controller, count)))
    os.write(controller, whole(tpm.recv))
