"""Keep-alive connections to a gate, and an upstream behind it: as little as it takes, so that both cost the same each time."""

import socket
import socketserver
import threading

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1024\r\n\r\n" + b"x" * 1024


class Client:
    """One connection, on which one request follows the answer to the other."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request):
        self.socket.sendall(request)

    def receive(self):
        """The status of an answer that says its length."""
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0 or len(answer) < end + 4 + length_of(answer[:end]):
            part = self.socket.recv(65536)
            if not part:
                raise ConnectionError(f"closed after {answer[:200]!r}")
            answer += part
        return int(answer[9:12])

    def ask(self, request):
        self.send(request)
        return self.receive()

    def close(self):
        self.socket.close()


def length_of(head):
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for name, _, value in lines if name == b"content-length"), 0)


def request(path, token=None, headers=(), host="bench.example"):
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Upstream:
    """Answers every request with the same KiB, until the end of the `with` block."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self):
            rest = b""
            while part := self.request.recv(65536):
                *whole, rest = (rest + part).split(b"\r\n\r\n")
                self.request.sendall(ANSWER * len(whole))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, allow_reuse_address, request_queue_size = True, True, 1024

    def __enter__(self):
        self.server = self.Server(("127.0.0.1", 0), self.Connection)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
