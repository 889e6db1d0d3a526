"""`lychgate serve` for the peers that are written in Python: starts it with a config, mints tokens for it, and counts checks."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

LYCHGATE = os.environ["LYCHGATE"]
PATIENCE = 30  # seconds

failed = 0


def check(name, holds, why=""):
    global failed
    failed += not holds
    print(f"{'ok' if holds else 'not ok'} - {name}" + ("" if holds else f"  # {why}"), flush=True)


def finish():
    sys.exit(1 if failed else 0)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def until(holds, patience=PATIENCE):
    """What `holds` gives once it gives something true; false when patience ends."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if held := holds():
                return held
        time.sleep(0.05)
    return False


class Gate:
    """A gate with an issuer `corp` whose key this process holds. `config` is the rest, with listeners by name."""

    def __init__(self, config, listeners):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lychgate-peer-"))
        self.key = self.folder / "key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", self.key], check=True, capture_output=True)
        self.ports = {name: free_port() for name in listeners}
        self.admin = f"http://127.0.0.1:{free_port()}"
        self.jwks = self.mint(whole=True)["jwks"]
        config = {
            "listeners": [{"address": f"127.0.0.1:{self.ports[name]}", **more} for name, more in listeners.items()],
            "admin": {"address": self.admin.removeprefix("http://")},
            "trusted_issuers": {
                "corp": {"issuer": "https://idp.example", "audience": ["api"], "leeway": "0s", "keys": {"inline": self.jwks}}
            },
            "telemetry": {"log": "info", "access_log": "off"},
            **config,
        }
        # JSON is YAML
        (self.folder / "lychgate.yaml").write_text(json.dumps(config))

    def certificate(self, name):
        """A certificate for this name, beside the config, as `tls.crt` and `tls.key`."""
        request = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        files = ["-keyout", self.folder / "tls.key", "-out", self.folder / "tls.crt"]
        subprocess.run(["openssl", "req", "-x509", *request, *files], check=True, capture_output=True)

    def mint(self, seconds=300, whole=False, **claims):
        claims = {"iss": "https://idp.example", "aud": "api", "sub": "alice", "exp": int(time.time()) + seconds, **claims}
        arguments = ["token", "mint", "--key", self.key, "--alg", "EdDSA", "--kid", "a", "--claims", "-", "--json"]
        minted = subprocess.run([LYCHGATE, *arguments], input=json.dumps(claims), check=True, capture_output=True, text=True)
        minted = json.loads(minted.stdout)
        return minted if whole else minted["token"]

    def metric(self, series):
        with urllib.request.urlopen(self.admin + "/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(line.removeprefix(series)) for line in lines if line.startswith(series + " ")), 0.0)

    def __enter__(self):
        self.log = (self.folder / "log").open("w")
        arguments = ["serve", "--config", self.folder / "lychgate.yaml"]
        self.process = subprocess.Popen([LYCHGATE, *arguments], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        if not until(self.is_open):
            sys.exit(f"not ok - lychgate did not become ready\n{(self.folder / 'log').read_text()}")
        return self

    def is_open(self):
        for port in self.ports.values():
            socket.create_connection(("127.0.0.1", port), 5).close()
        return urllib.request.urlopen(self.admin + "/readyz", timeout=5).status == 200

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()
        subprocess.run(["rm", "-r", self.folder], check=False)
