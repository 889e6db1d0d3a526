"""Rate limits of two gates that count together on a real Redis or Valkey, and what they do while it is away."""

import http.server
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from gate import Gate, check, finish, free_port, until

SERVER = shutil.which("valkey-server") or shutil.which("redis-server")
PASSWORD = "a password of this test alone"
CONNECTED = "lychgate_rate_limit_shared"


def decisions(counted, outcome):
    return f'lychgate_rate_limit_decisions_total{{counted="{counted}",outcome="{outcome}",route="orders"}}'


class Redis:
    """A server of its own: plain on one port, by TLS on another, with a password."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lychgate-redis-"))
        self.port, self.tls_port = free_port(), free_port()
        self.ca = self.folder / "ca.pem"
        new = "openssl req -newkey rsa:2048 -nodes -days 2"
        lines = [
            f"{new} -x509 -subj /CN=authority -keyout ca.key -out ca.pem",
            f"{new} -subj /CN=redis -keyout key.pem -out request.pem",
            "echo subjectAltName=IP:127.0.0.1 > names",
            "openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out crt.pem",
        ]
        subprocess.run(" && ".join(lines), shell=True, cwd=self.folder, check=True, capture_output=True)
        self.begin()

    def begin(self):
        tls = ["--tls-port", str(self.tls_port), "--tls-auth-clients", "no"]
        tls += ["--tls-cert-file", self.folder / "crt.pem", "--tls-key-file", self.folder / "key.pem", "--tls-ca-cert-file", self.ca]
        rest = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", PASSWORD]
        arguments = [SERVER, "--port", str(self.port), *tls, *rest, "--dir", self.folder]
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not until(lambda: self.ask("PING") == "+PONG"):
            raise SystemExit("not ok - the server did not start")

    def ask(self, *words):
        """The first line of an answer, in the server's own protocol."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            for command in [("AUTH", PASSWORD), words]:
                parts = [f"${len(word)}\r\n{word}\r\n" for word in command]
                connection.sendall(f"*{len(command)}\r\n{''.join(parts)}".encode())
                line = connection.makefile().readline().strip()
            return line

    def keys(self):
        # one line a key, with the length of the next between them
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(f"*2\r\n$4\r\nAUTH\r\n${len(PASSWORD)}\r\n{PASSWORD}\r\n*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n".encode())
            lines = connection.makefile()
            lines.readline()
            count = int(lines.readline()[1:])
            return {[lines.readline(), lines.readline()][1].strip() for _ in range(count)}

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stalls(self, stalled):
        self.process.send_signal(signal.SIGSTOP if stalled else signal.SIGCONT)

    def end(self):
        self.stalls(False)
        self.kill()
        shutil.rmtree(self.folder)


def upstream():
    class Quiet(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_address[1]}"


def config(endpoint, shared):
    route = {"name": "orders", "match": {"path": "/orders"}, "upstream": "app"}
    limit = {"by": "sub", "rate": "10/m"}
    return {
        "upstreams": {"app": {"endpoints": [endpoint]}},
        "routes": [{**route, "rate_limit": limit}],
        "rate_limits": {"shared": shared},
    }


def status(gate, token):
    request = urllib.request.Request(f"http://127.0.0.1:{gate.ports['gate']}/orders", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def passed(gates, tokens, times):
    """How many of so many requests pass, sent to each gate in turn."""
    answers = [status(gates[number % len(gates)], tokens[gates[number % len(gates)]]) for number in range(times)]
    assert set(answers) <= {200, 429}, answers
    return answers.count(200)


def counts_together(gates):
    return until(lambda: all(gate.metric(CONNECTED) == 1 for gate in gates))


def counts_alone(gates):
    return until(lambda: all(gate.metric(CONNECTED) == 0 for gate in gates))


def tokens(gates, sub):
    """Each gate of these has a key of its own; the issuer and the subject are the same."""
    return {gate: gate.mint(sub=sub) for gate in gates}


def said(gate, words):
    return words in (gate.folder / "log").read_text()


def one_limit_of_both(gates, redis):
    check("both gates count together", counts_together(gates))
    check("of twenty requests to two gates, the ten of one limit pass", (got := passed(gates, tokens(gates, "alice"), 20)) == 10, got)
    check("another caller has a limit of her own", (got := passed(gates, tokens(gates, "bob"), 20)) == 10, got)
    first = gates[0]
    check("what all have counted is told apart", first.metric(decisions("shared", "allowed")) == 10, first.metric(decisions("shared", "allowed")))
    kept = redis.keys()
    check("nobody is named there", kept and all(key.startswith("lychgate:rate:") and "alice" not in key for key in kept), kept)
    key = next(key for key in kept if not key.endswith("probe"))
    check("and nothing is kept for ever", int(redis.ask("PTTL", key).removeprefix(":")) > 0)


def spoiled(gates, redis):
    one, token = gates[0], gates[0].mint(sub="gina")
    before = redis.keys()
    status(one, token)
    (key,) = redis.keys() - before
    redis.ask("SET", key, "nonsense")
    shared = one.metric(decisions("shared", "allowed"))
    check("what is no count there counts as none", status(one, token) == 200 and one.metric(decisions("shared", "allowed")) == shared + 1)
    redis.ask("DEL", key)
    redis.ask("LPUSH", key, "nonsense")
    local = one.metric(decisions("local", "allowed"))
    check("what cannot be counted there is counted here", status(one, token) == 200 and one.metric(decisions("local", "allowed")) == local + 1)
    check("and everything else is counted together all the same", one.metric(CONNECTED) == 1 and passed(gates, tokens(gates, "hugo"), 20) == 10)


def away_and_back(gates, redis):
    redis.kill()
    begun = time.monotonic()
    got = passed(gates, tokens(gates, "carol"), 24)
    check("while it is away each gate holds the limit alone", got == 20, got)
    check("and nobody waits for it", time.monotonic() - begun < 5, time.monotonic() - begun)
    check("which a metric says", counts_alone(gates))
    check("and the log", all(said(gate, "counted by this gate alone") for gate in gates))
    redis.begin()
    check("when it is back they count together again", counts_together(gates))
    got = passed(gates, tokens(gates, "dave"), 20)
    check("and hold one limit again", got == 10, got)


def stalled(gates, redis):
    redis.stalls(True)
    slowest, answers, by_gate = 0, [], list(tokens(gates, "erin").items())
    for number in range(20):
        begun = time.monotonic()
        answers.append(status(*by_gate[number % 2]))
        slowest = max(slowest, time.monotonic() - begun)
    check("one that hangs holds nobody up", slowest < 1 and set(answers) <= {200, 429}, (slowest, answers))
    redis.stalls(False)
    check("and is counted with again", counts_together(gates))


def main():
    redis, endpoint = Redis(), upstream()
    by_name = {"url": f"redis://:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{redis.port}", "timeout": "200ms"}
    by_tls = {"url": f"rediss://:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{redis.tls_port}/0", "ca": str(redis.ca), "timeout": "200ms"}
    listeners = {"gate": {}}
    try:
        with Gate(config(endpoint, by_name), listeners) as one, Gate(config(endpoint, by_tls), listeners) as other:
            gates = [one, other]
            one_limit_of_both(gates, redis)
            spoiled(gates, redis)
            away_and_back(gates, redis)
            stalled(gates, redis)
            check("no password stands in a log", not any(said(gate, word) for gate in gates for word in [PASSWORD, PASSWORD.replace(" ", "%20")]))
        wrong = {"url": f"redis://:wrong@127.0.0.1:{redis.port}"}
        with Gate(config(endpoint, wrong), listeners) as gate:
            check("a wrong password is said", until(lambda: said(gate, "counted by this gate alone")))
            got = passed([gate], tokens([gate], "frank"), 12)
            check("and the gate holds the limit alone", got == 10, got)
    finally:
        redis.end()
    finish()


if __name__ == "__main__":
    main()
