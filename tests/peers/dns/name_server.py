"""A name server that knows one name: it answers A questions with the addresses that it has at the moment (RFC 1035)."""

import socket
import struct
import threading

NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME = 0, 2, 3
A = 1


class NameServer:
    def __init__(self, name, addresses):
        self.name, self.addresses, self.failure, self.asked = name, addresses, NO_ERROR, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            question, client = self.socket.recvfrom(512)
            self.socket.sendto(self.answer(question), client)

    def answer(self, message):
        name, end = read_name(message, 12)
        kind = struct.unpack_from("!H", message, end)[0]
        failure, addresses = self.failure, []
        if name != self.name:
            failure = NO_SUCH_NAME
        elif kind == A:
            self.asked += 1
            addresses = [] if failure else self.addresses
        # an answer, authoritative, recursion there
        head = message[:2] + struct.pack("!HHHHH", 0x8580 | failure, 1, len(addresses), 0, 0)
        # the name by a pointer to the question, class IN, to be kept for no time
        answers = [struct.pack("!HHHIH", 0xC00C, A, 1, 0, 4) + socket.inet_aton(address) for address in addresses]
        return head + message[12 : end + 4] + b"".join(answers)


def read_name(message, at):
    labels = []
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels).lower(), at + 1
