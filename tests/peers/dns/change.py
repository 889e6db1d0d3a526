"""Requests that run while the name of their upstream changes: none fails, and the new address is used."""

import collections
import http.client
import http.server
import re
import threading
import time
import urllib.request

from gate import Gate, check, finish, free_port, until
from name_server import NO_SUCH_NAME, SERVER_FAILURE, NO_ERROR, NameServer

NAME = "orders.shop.test"
CLIENTS = 4
PORT = free_port()
SLOW = 3  # seconds


class Backend(http.server.ThreadingHTTPServer):
    """Answers with its own address; `/slow` takes its time."""

    daemon_threads = True

    def __init__(self, address):
        self.address, self.served = address, 0
        super().__init__((address, PORT), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(SLOW)
        self.server.served += 1
        body = self.server.address.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Load:
    """Clients that ask again and again on connections that they keep."""

    def __init__(self, port):
        self.port, self.stopped, self.failed, self.answers = port, False, [], collections.deque(maxlen=400)
        self.asked, self.lock = 0, threading.Lock()
        self.clients = [threading.Thread(target=self.run) for _ in range(CLIENTS)]
        for client in self.clients:
            client.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.stopped:
            try:
                status, body = ask(connection, "/a")
            except (OSError, http.client.HTTPException) as error:
                status, body = repr(error), ""
                connection.close()
            with self.lock:
                self.asked += 1
                self.answers.append(body)
                if status != 200:
                    self.failed.append((status, body))
            time.sleep(0.005)
        connection.close()

    def only(self, *addresses):
        """Whether these and no others have answered the last requests."""
        with self.lock:
            begun = self.asked
            self.answers.clear()
        if not until(lambda: self.asked > begun + 60):
            return False
        with self.lock:
            return set(self.answers) == set(addresses)

    def end(self):
        self.stopped = True
        for client in self.clients:
            client.join()


def ask(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def slow_request(port, ended):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    ended.append(ask(connection, "/slow"))
    connection.close()


def resolutions(gate, result):
    return gate.metric(f'lychgate_upstream_resolutions_total{{result="{result}",upstream="orders"}}')


def measured(gate):
    with urllib.request.urlopen(gate.admin + "/metrics", timeout=10) as answer:
        return set(re.findall(r'^lychgate_upstream_healthy{endpoint="([^"]*)"', answer.read().decode(), re.MULTILINE))


def change(gate, names, one, other, load):
    check("the first address is used", load.only(one.address))

    ended = []
    on_its_way = threading.Thread(target=slow_request, args=(gate.ports["http"], ended))
    on_its_way.start()
    names.addresses = [other.address]
    begun = time.monotonic()
    check("the new address is used, and it alone", until(lambda: load.only(other.address)))
    check(f"within ten seconds ({time.monotonic() - begun:.1f})", time.monotonic() - begun < 10)
    on_its_way.join()
    check("a request that was on its way ended where it began", ended == [(200, one.address)], ended)

    one.shutdown()
    one.server_close()
    begun = load.asked
    until(lambda: load.asked > begun + 200)
    check("the endpoint that has left may stop", not load.failed, load.failed)

    again = Backend(one.address)
    names.addresses = [one.address, other.address]
    check("two addresses share the load", until(lambda: load.only(one.address, other.address)))

    for failure, what in [(NO_SUCH_NAME, "no longer there"), (SERVER_FAILURE, "not answered for")]:
        before, names.failure = resolutions(gate, "failure"), failure
        seen = until(lambda: resolutions(gate, "failure") > before)
        check(f"a name that is {what} is counted", seen)
        check("and its last addresses are used on", load.only(one.address, other.address))
        names.failure = NO_ERROR
        good = resolutions(gate, "success")
        until(lambda: resolutions(gate, "success") > good)

    names.addresses = [other.address]
    check("when it is there again, so are its changes", until(lambda: load.only(other.address)))
    check("what has left is measured no more", until(lambda: measured(gate) == {f"{other.address}:{PORT}"}), measured(gate))
    check("the name server was asked, and not all the time", 3 < names.asked < 60, names.asked)
    again.shutdown()


names = NameServer(NAME, ["127.0.0.2"])
one, other = Backend("127.0.0.2"), Backend("127.0.0.3")
config = {
    "upstreams": {"orders": {"dns": f"{NAME}:{PORT}"}},
    "routes": [{"name": "open", "match": {"path": "/{*rest}"}, "access": "public", "upstream": "orders"}],
}
with Gate(config, {"http": {}}) as gate:
    load = Load(gate.ports["http"])
    change(gate, names, one, other, load)
    load.end()
    check(f"of {load.asked} requests none failed", not load.failed, load.failed[:5])
finish()
