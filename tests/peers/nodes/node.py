"""A lychgate with issuer and gate on free ports, and short words for what clients do with it."""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import threading
import time

LYCHGATE = os.environ["LYCHGATE"]
PATIENCE = 60  # seconds; a busy machine makes keys slowly
PASSWORD = "correct horse battery"
MASTER_KEY = "a1" * 32

failed = 0


def check(name, holds, why=""):
    global failed
    failed += not holds
    print(f"{'ok' if holds else 'not ok'} - {name}" + ("" if holds else f"  # {why}"), flush=True)


def free_ports(count):
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def fresh_database(kind, folder):
    """What the config says for a database of its own: a file, or a database on the server of the environment."""
    if kind == "sqlite":
        return str(folder / "issuer.db")
    server = os.environ["LYCHGATE_TEST_POSTGRES"]
    name = f"peer_{os.getpid()}_{secrets.token_hex(4)}"
    psql(server, f"CREATE DATABASE {name}")
    return server.rsplit("/", 1)[0] + "/" + name


def psql(url, statement):
    command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", statement, url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def serve_echo():
    """An upstream that says yes; gives its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


CONFIG = """
listeners: [{{address: "127.0.0.1:{gate}"}}]
threads: 1
admin: {{address: "127.0.0.1:{admin}"}}
upstreams: {{app: {{endpoints: ["127.0.0.1:{echo}"]}}}}
routes: [{{name: app, match: {{path: "/{{*rest}}"}}, upstream: app}}]
trusted_issuers:
  demo: {{issuer: "http://issuer.test/local_Demo12345", keys: {{pool: demo}}, client_ids: [web], algorithms: [ES256]}}
telemetry: {{access_log: off, log: warn}}
issuer:
  address: 127.0.0.1:{issuer}
  public_url: http://issuer.test
  database: "{database}"
  master_key: "{master_key}"
  pools:
    demo:
      id: local_Demo12345
      token_algorithm: ES256
      clients: {{web: {{id: web}}}}
      users:
{users}
"""


class Node:
    def __init__(self, folder, database, echo, name="node", users=("alice", "bob")):
        self.gate, self.issuer, self.admin = free_ports(3)
        self.database = database
        self.config = pathlib.Path(folder) / f"{name}.yaml"
        self.log = pathlib.Path(folder) / f"{name}.log"
        lines = [f'        {user}: {{password: "{PASSWORD}"}}' for user in users]
        self.config.write_text(
            CONFIG.format(
                gate=self.gate, issuer=self.issuer, admin=self.admin, echo=echo, database=database,
                master_key=MASTER_KEY, users="\n".join(lines),
            )
        )
        self.process = None

    def start(self):
        with self.log.open("a") as log:
            command = [LYCHGATE, "serve", "--config", str(self.config)]
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"the node has ended: {self.log.read_text()[-2000:]}")
            with contextlib.suppress(OSError):
                if ask(self.admin, "GET", "/readyz")[0] == 200 and ask(self.issuer, "GET", "/") and ask(self.gate, "GET", "/"):
                    return self
            time.sleep(0.05)
        raise RuntimeError("the node is not ready")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
                return
            self.process.kill()

    def call(self, operation, **members):
        """The answer as (status, object)."""
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"AWSCognitoIdentityProviderService.{operation}",
        }
        status, body = ask(self.issuer, "POST", "/", json.dumps(members), headers)
        return status, json.loads(body or "{}")

    def sign_in(self, user, password=PASSWORD):
        parameters = {"USERNAME": user, "PASSWORD": password}
        status, answer = self.call(
            "InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", ClientId="web", AuthParameters=parameters
        )
        if status != 200:
            raise RuntimeError(f"{user} cannot sign in: {answer}")
        return answer["AuthenticationResult"]

    def lets_in(self, token):
        """Whether the gate lets the token through; `None` where it says something else than yes or no."""
        status, _ = ask(self.gate, "GET", "/", headers={"authorization": f"Bearer {token}"})
        return {200: True, 401: False}.get(status)

    def cli(self, *arguments, **more):
        command = [LYCHGATE, "pool", *arguments, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, **{"timeout": 60, **more})


def ask(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def seconds_until(holds, patience=5.0):
    """How long it took until `holds`, or `None`."""
    begun = time.monotonic()
    while time.monotonic() - begun < patience:
        if holds():
            return time.monotonic() - begun
        time.sleep(0.01)
    return None
