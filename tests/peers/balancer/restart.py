"""Gates that stop, start and hand over behind HAProxy, and clients that notice nothing of it."""

import contextlib
import http.client
import http.server
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request

from gate import Gate, check, finish, free_port, until

# No second tries: what fails is seen.
BALANCER = """
global
  maxconn 1000
defaults
  mode http
  retries 0
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend clients
  bind 127.0.0.1:{port}
  default_backend gates
backend gates
  option httpchk GET /readyz
  http-check expect status 200
{servers}
"""
SERVER = "  server {name} 127.0.0.1:{port} check port {admin} inter 200ms fall 2 rise 1"


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        # so that some requests are on their way whenever something happens
        time.sleep(0.02)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Load:
    """Clients that ask again and again: `kept` of them on one connection each, `fresh` on a new one each time."""

    def __init__(self, port, token, kept, fresh):
        self.port, self.token, self.asked, self.failed, self.over = port, token, 0, [], False
        self.clients = [threading.Thread(target=self.client, args=(number < fresh,)) for number in range(kept + fresh)]
        for client in self.clients:
            client.start()

    def client(self, fresh):
        connection = None
        while not self.over:
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            fields = {"authorization": f"Bearer {self.token}"} | ({"connection": "close"} if fresh else {})
            self.asked += 1
            try:
                connection.request("GET", "/orders", headers=fields)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200:
                    self.failed.append((answer.status, body[:80]))
                if answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection = None
            time.sleep(0.002)

    def more(self, requests):
        enough = self.asked + requests
        until(lambda: self.asked >= enough)

    def so_far(self):
        """How many requests were asked since the last time, and what failed of them."""
        asked, failed = self.asked - getattr(self, "told", 0), self.failed
        self.told, self.failed = self.asked, []
        return asked, failed

    def end(self):
        self.over = True
        for client in self.clients:
            client.join()


def gate(port):
    config = {
        "upstreams": {"echo": {"endpoints": [f"127.0.0.1:{port}"]}},
        "routes": [{"name": "orders", "match": {"path": "/orders"}, "upstream": "echo"}],
        "shutdown": {"delay": "2s", "drain": "10s"},
    }
    return Gate(config, {"plain": {}})


def status(gate):
    with urllib.request.urlopen(gate.admin + "/status", timeout=5) as answer:
        return json.load(answer)


def used(gate):
    return gate.metric('lychgate_requests_total{code="2xx",outcome="allowed",route="orders"}')


def failed_none(what, load):
    load.more(200)
    asked, failed = load.so_far()
    check(f"{what}: of {asked} requests none failed", not failed, f"{len(failed)}: {failed[:3]}")


def stop_and_start(name, gate, load):
    begun = time.monotonic()
    gate.process.send_signal(signal.SIGTERM)
    code = gate.process.wait(timeout=30)
    took = time.monotonic() - begun
    check(f"SIGTERM ends {name} with code 0 ({took:.1f} s)", code == 0 and took < 13, (code, took))
    failed_none(f"{name} stopped", load)
    gate.log.close()
    gate.__enter__()
    check(f"{name} is used again", until(lambda: used(gate) > 20))
    failed_none(f"{name} started", load)


def hand_over(gate, load):
    old = gate.process
    old.send_signal(signal.SIGUSR2)
    code = old.wait(timeout=30)
    pid = status(gate)["pid"]
    check("SIGUSR2 ends the old process with code 0, and another serves", code == 0 and pid != old.pid, (code, pid, old.pid))
    check("it is used", until(lambda: used(gate) > 20))
    failed_none("handed over", load)
    return pid


def main():
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    one, other = gate(upstream.server_port), gate(upstream.server_port)
    with one, other, tempfile.NamedTemporaryFile("w", suffix=".cfg") as config:
        # both believe one issuer
        for name in ["key", "jwks"]:
            setattr(other, name, getattr(one, name))
        text = (other.folder / "lychgate.yaml").read_text()
        trusted = json.loads((one.folder / "lychgate.yaml").read_text())["trusted_issuers"]
        (other.folder / "lychgate.yaml").write_text(json.dumps(json.loads(text) | {"trusted_issuers": trusted}))
        token = one.mint(seconds=600)
        believed = urllib.request.Request(f"http://127.0.0.1:{other.ports['plain']}/orders", headers={"authorization": f"Bearer {token}"})
        check("both gates take the token", until(lambda: urllib.request.urlopen(believed, timeout=5).status == 200))
        port = free_port()
        gates = {"one": one, "other": other}
        servers = [SERVER.format(name=name, port=it.ports["plain"], admin=it.admin.rsplit(":", 1)[1]) for name, it in gates.items()]
        config.write(BALANCER.format(port=port, servers="\n".join(servers)))
        config.flush()
        balancer = subprocess.Popen(["haproxy", "-db", "-f", config.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pid = None
        try:
            until(lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect() is None)
            load = Load(port, token, kept=6, fresh=2)
            load.more(200)
            check("both gates are used", used(one) > 20 and used(other) > 20, (used(one), used(other)))
            failed_none("nothing happens", load)
            stop_and_start("one", one, load)
            stop_and_start("the other", other, load)
            pid = hand_over(one, load)
            load.end()
        finally:
            balancer.kill()
            balancer.wait()
            if pid:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
    upstream.shutdown()
    finish()


main()
