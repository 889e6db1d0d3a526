"""Asks a gate with curl, over each protocol that curl and the gate have in common."""

import json
import pathlib
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gate import Gate, check, finish, until


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = self.headers.get("content-length")
        body = self.rfile.read(int(length)) if length else self.chunks()
        told = {name.lower(): value for name, value in self.headers.items()}
        text = json.dumps({"line": self.requestline, "headers": told, "length": len(body)}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def chunks(self):
        body = b""
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return body

    do_GET = do_HEAD = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


upstream = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
threading.Thread(target=upstream.serve_forever, daemon=True).start()

gate = Gate(
    {
        "upstreams": {"echo": {"endpoints": [f"127.0.0.1:{upstream.server_port}"]}},
        "routes": [
            {"name": "orders", "match": {"path": "/orders/{id}"}, "upstream": "echo"},
            {"name": "open", "match": {"path": "/public/{*rest}"}, "access": "public", "upstream": "echo"},
        ],
    },
    {"plain": {}, "clear": {"h2c": True}, "tls": {"tls": {"certificate": "tls.crt", "key": "tls.key"}}},
)
gate.certificate("gate.example")

WAYS = {
    "http/1.1": (["--http1.1"], "plain", "http", "1.1"),
    "http/1.1 beside h2c": (["--http1.1"], "clear", "http", "1.1"),
    "http/2 in the clear": (["--http2-prior-knowledge"], "clear", "http", "2"),
    "https with http/1.1": (["--http1.1"], "tls", "https", "1.1"),
    "https with http/2": (["--http2"], "tls", "https", "2"),
}


def curl(way, path, *arguments, given=None):
    """Status, protocol and body of curl's answer; its own exit code instead of a status where there is none."""
    flags, listener, scheme, _ = WAYS[way]
    port = gate.ports[listener]
    name = ["--resolve", f"gate.example:{port}:127.0.0.1", "--cacert", gate.folder / "tls.crt"]
    shown = ["--silent", "--noproxy", "*", "--max-time", "20", "--write-out", "\n%{http_code} %{http_version}"]
    url = f"{scheme}://gate.example:{port}{path}"
    run = subprocess.run(["curl", *flags, *name, *shown, *arguments, url], input=given, capture_output=True, text=True)
    body, _, last = run.stdout.rpartition("\n")
    status, version = last.split(" ")
    return (int(status) or -run.returncode), version, body


with gate, tempfile.TemporaryDirectory() as folder:
    token = gate.mint()
    bearer = ["--header", f"Authorization: Bearer {token}"]
    big = pathlib.Path(folder) / "big"
    big.write_bytes(b"x" * 3_000_000)
    for way, (_, _, scheme, protocol) in WAYS.items():
        answer = curl(way, "/orders/7?a=b", *bearer, "--header", "x_auth_sub: eve")
        told = json.loads(answer[2])["headers"] if answer[0] == 200 else {}
        check(f"{way}: a good token passes", answer[:2] == (200, protocol), answer)
        proved = told.get("x-auth-sub") == "alice" and "x_auth_sub" not in told and "authorization" not in told
        check(f"{way}: the upstream is told who asks, and nothing else", proved, told)
        check(f"{way}: and by which scheme", told.get("x-forwarded-proto") == scheme, told)
        answer = curl(way, "/orders/7")
        check(f"{way}: no token is asked for", answer[0] == 401 and '"missing-credential"' in answer[2], answer)
        answer = curl(way, "/orders/7", "--header", f"Authorization: Bearer {token[:-4]}AAAA")
        check(f"{way}: a bad token is refused", answer[0] == 401, answer)
        answer = curl(way, "/orders/../admin", *bearer, "--path-as-is")
        check(f"{way}: a path that reads in two ways is refused", answer[0] == 400 and '"bad-target"' in answer[2], answer)
        answer = curl(way, "/public/up", "--data-binary", f"@{big}")
        check(f"{way}: a body passes whole", answer[0] == 200 and json.loads(answer[2])["length"] == 3_000_000, answer)
        answer = curl(way, "/public/up", "--upload-file", "-", given="x" * 3_000_000)
        check(f"{way}: and one of unknown length", answer[0] == 200 and json.loads(answer[2])["length"] == 3_000_000, answer)
        begun = time.monotonic()
        answer = curl(way, "/public/up", "--header", "Expect: 100-continue", "--expect100-timeout", "15", "--data", "hello")
        asked = answer[0] == 200 and json.loads(answer[2])["length"] == 5 and time.monotonic() - begun < 10
        check(f"{way}: a body that waits to be asked for is asked for", asked, answer)
        answer = curl(way, "/public/a", "--head")
        check(f"{way}: HEAD has no body", answer[0] == 200 and "content-length" in answer[2].lower(), answer)
        answer = curl(way, "/public/a", "--request", "TRACE")
        check(f"{way}: TRACE is never passed on", answer[0] == 405, answer)
    counted = until(lambda: gate.metric('lychgate_requests_total{code="missing-credential",outcome="denied",route="orders"}') == len(WAYS))
    check("each refusal was counted", counted)

finish()
