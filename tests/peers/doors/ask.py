"""Runs each proxy with its example config and asks it over a raw socket, so that no client mends a request."""

import base64
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(sys.argv[1])
LYCHGATE = os.environ["LYCHGATE"]
failed = False


def say(good, what):
    global failed
    failed |= not good
    print(("ok - " if good else "not ok - ") + what, flush=True)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    got = []

    def answer(self):
        Upstream.got.append((self.path, [(name.lower(), value) for name, value in self.headers.items()]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        # an opinion of its own about other origins
        self.send_header("Access-Control-Allow-Origin", "https://evil.example")
        self.end_headers()
        self.wfile.write(b"ok")

    do_GET = do_POST = do_OPTIONS = answer

    def log_message(self, *_):
        pass


def ask(port, path, *headers, **more):
    """Status, and the headers that the upstream was sent; None where it was sent nothing."""
    return ask_all(port, path, *headers, **more)[:3]


def ask_all(port, path, *headers, method="GET", host="api.example.com", connection="close"):
    """The same, and the body."""
    Upstream.got.clear()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Connection: {connection}", *headers]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    head = head.decode("latin-1").lower()
    status = int(head.split(" ")[1])
    return status, head, (Upstream.got[0][1] if Upstream.got else None), body.decode("latin-1")


def values(head, name):
    """The values of a field of an answer, each as often as it is there."""
    return [line.partition(":")[2].strip() for line in head.split("\r\n") if line.startswith(name + ":")]


def wait_for(port, seconds=20):
    for _ in range(seconds * 20):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nobody listens at {port}")


def run(command, folder):
    log = open(folder / "log", "ab")
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def stop(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_judged(log):
    """The last line of the gate's access log, once nothing more is written."""
    size = -1
    while size != (size := log.stat().st_size):
        time.sleep(0.1)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"time"') and '"door"' in line]
    return lines[-1]


def mint(folder, **claims):
    (folder / "claims.json").write_text(json.dumps({"iss": "https://idp.example", "aud": "orders-api", **claims}))
    command = [LYCHGATE, "token", "mint", "--key", "key.pem", "--alg", "EdDSA", "--kid", "k", "--claims", "claims.json", "--json"]
    return json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)


def proxies(ports):
    """Name, folder of its example, its config, and the command that runs it."""
    gate = {"127.0.0.1:9004": f"127.0.0.1:{ports['http']}", "port_value: 9002": f"port_value: {ports['grpc']}",
            "127.0.0.1:3000": f"127.0.0.1:{ports['up']}", "port_value: 3000": f"port_value: {ports['up']}"}
    for name, command in {
        "nginx": lambda at: ["nginx", "-p", str(at), "-e", str(at / "error"), "-c", str(at / "nginx.conf"), "-g", f"daemon off; pid {at}/pid;"],
        "caddy": lambda at: ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
        "haproxy": lambda at: ["haproxy", "-db", "-f", "haproxy.cfg"],
        "envoy": lambda at: ["envoy", "-c", "envoy.yaml", "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"],
        "traefik": lambda at: ["traefik", "--configFile=traefik.yaml"],
    }.items():
        yield name, gate, command


def check_own_answers(name, port, bearer):
    origin, wanted = "Origin: https://app.example.com", "Access-Control-Request-Method: GET"
    status, head, got = ask(port, "/orders/7", origin, wanted, method="OPTIONS")
    good = status == 204 and values(head, "access-control-allow-origin") == ["https://app.example.com"]
    good &= values(head, "access-control-allow-headers") == ["authorization"]
    say(good and got is None, f"{name}: a preflight is answered by the gate and does not pass ({status})")
    status, head, got = ask(port, "/orders/7", "Origin: https://evil.example", wanted, bearer, method="OPTIONS")
    good = status in (403, 421) and not values(head, "access-control-allow-origin")
    say(good and got is None, f"{name}: a preflight of another origin is refused, whatever it carries ({status})")
    status, head, got = ask(port, "/orders/7", "Origin: https://app.example.com", method="OPTIONS")
    say(status >= 400 and got is None, f"{name}: an OPTIONS that is no preflight does not pass ({status})")
    status, head, got, body = ask_all(port, "/.well-known/oauth-protected-resource")
    good = status == 200 and '"authorization_servers":["https://idp.example"]' in body and '"resource":"http://api.example.com"' in body
    say(good and got is None, f"{name}: the document about the resource comes from the gate ({status})")
    status, head, got = ask(port, "/orders/7", origin)
    good = "resource_metadata=\"http://api.example.com/.well-known/oauth-protected-resource\"" in head
    good &= values(head, "access-control-allow-origin") == ["https://app.example.com"]
    say(status == 401 and good and got is None, f"{name}: a page can read its refusal, and where tokens are had")
    if name in ("envoy", "nginx"):
        # of the others the gate's word on an answer that passes has no way to the client
        for page, expected in [("https://app.example.com", ["https://app.example.com"]), ("https://evil.example", [])]:
            status, head, got = ask(port, "/orders/7", "Origin: " + page, bearer)
            said = [value for value in values(head, "access-control-allow-origin") if value]
            say(status == 200 and got is not None and said == expected, f"{name}: what {page} may read is the gate's to say")


def is_ours(header):
    """Whether an upstream could take a header for one of the gate's."""
    return re.fullmatch("x[^a-z0-9]auth[^a-z0-9].*", header) is not None


def check_claims(name, port, bearer, ungrouped):
    """What a client says of itself, and what is not proved of it."""
    status, _, got = ask(port, "/orders/7", f"Authorization: Bearer {ungrouped}")
    ours = {header: value for header, value in got or [] if is_ours(header)}
    say(status == 200 and ours == {"x-auth-sub": "alice"}, f"{name}: of a claim that is absent there is no header ({ours})")
    status, _, got = ask(port, "/public/a")
    ours = [header for header, _ in got or [] if is_ours(header)]
    say(status == 200 and not ours, f"{name}: of nobody there is no header ({ours})")
    for claimed in ["X-Auth-Sub", "X-Auth-Groups", "X-Auth-Other", "X_Auth_Sub", "X-Auth_Groups", "X_Auth-Groups", "x.auth.groups"]:
        for path, credential in [("/public/a", []), ("/orders/7", [f"Authorization: Bearer {ungrouped}"])]:
            status, _, got = ask(port, path, f"{claimed}: root", *credential)
            passed = [header for header, value in got or [] if is_ours(header) and value != "alice"]
            say((status == 400 and got is None) or (status == 200 and not passed), f"{name}: a client's {claimed} does not pass on {path} ({status})")
    # what a proxy drops because its client names it, it may drop after it was set
    status, _, got = ask(port, "/orders/7", bearer, connection="close, X-Auth-Sub, X-Auth-Groups")
    names = dict(got or [])
    good = status == 400 and got is None or names.get("x-auth-sub") == "alice" and names.get("x-auth-groups") == "sales"
    say(good, f"{name}: a client's Connection does not take away what was proved ({status})")


def check_overrides(name, port, bearer):
    """What an upstream could take another request, or another way to it, from."""
    overrides = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Original-Host", "X-Rewrite-URL"]
    status, _, got = ask(port, "/orders/7", bearer, *[f"{header}: evil" for header in overrides])
    passed = [header for header, value in got or [] if value == "evil"]
    say(status == 200 and not passed, f"{name}: nothing passes that tells of another request ({passed})")
    way = ["X-Forwarded-For: 192.0.2.66", "X-Forwarded-Host: evil", "X-Forwarded-Prefix: evil", "X-Real-IP: evil", "Forwarded: host=evil;for=evil"]
    status, _, got = ask(port, "/orders/7", bearer, *way)
    passed = [header for header, value in got or [] if "evil" in value or value.endswith("192.0.2.66")]
    say(status == 200 and not passed, f"{name}: the way that a request came is not the client's to say ({passed})")
    status, _, got = ask(port, "/orders/7", bearer, "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", connection="Upgrade, HTTP2-Settings, close")
    say(got is None or "upgrade" not in dict(got), f"{name}: an upgrade to HTTP/2 does not pass ({status})")


def check_same(name, port, bearer, judged):
    """What passes is what was judged: host and path, octet for octet."""
    for host in ["evil.example,api.example.com", "api.example.com,evil.example", "evil.example@api.example.com", "api.example.com?x", "api.example.com/x", "[::1", ""]:
        status, _, got = ask(port, "/orders/7", bearer, host=host)
        say(status >= 400 and got is None, f"{name}: nothing passes to the host `{host}` ({status})")
    for target in ["/orders/%37", "/%6frders/7", "/orders/7?", "/orders/7?a=%2F..%2f&b=/../x", "/orders/a:b@c", "/orders/7;v=1", "http://evil.example/orders/7", "/orders/%c3%a9|"]:
        status, _, got = ask(port, target, bearer)
        if got is None:
            say(status >= 400, f"{name}: {target} is refused ({status})")
            continue
        line = judged()
        path = re.sub("^http://[^/]*", "", Upstream.got[0][0]).partition("?")[0]
        say((line["host"], line["path"]) == (dict(got)["host"], path), f"{name}: of {target} what is judged is what passes ({line['host']}{line['path']})")


def check_calls(port):
    """gRPC callers read why in their own words."""
    status, head, got = ask(port, "/a.B/C", "Content-Type: application/grpc", "TE: trailers", method="POST")
    message = "".join(values(head, "grpc-message"))
    good = status == 200 and values(head, "grpc-status") == ["12"] and values(head, "lychgate-code") == ["no-route"]
    say(good and message and "{" not in message and got is None, f"envoy: a refused gRPC call has its status ({message})")
    status, head, got = ask(port, "/orders/7", "Content-Type: application/grpc", "TE: trailers", method="POST")
    say(values(head, "grpc-status") == ["12"] and got is None, "envoy: another one too")


def check(name, port, token, poor, ungrouped, lychgate, judged):
    bearer = f"Authorization: Bearer {token}"
    status, _, got = ask(port, "/orders/7", bearer)
    names = dict(got or [])
    say(status == 200 and names.get("x-auth-sub") == "alice" and names.get("x-auth-groups") == "sales", f"{name}: allowed, with the identity that was proved")
    say("authorization" not in names, f"{name}: the credential stays")
    status, head, got = ask(port, "/orders/7")
    say(status == 401 and "www-authenticate: bearer" in head and got is None, f"{name}: denied without a token, with a challenge")
    status, head, got = ask(port, "/orders/7", f"Authorization: Bearer {poor}")
    good = "insufficient_scope" in head and len(values(head, "www-authenticate")) == 1
    say(status == 403 and good and got is None, f"{name}: denied without the scope, which the challenge names")
    status, head, got = ask(port, "/orders/7", bearer, method="POST")
    say(status == 405 and values(head, "allow") == ["get, head"] and got is None, f"{name}: another method is refused, and the right ones are named")
    status, _, got = ask(port, "/nowhere", bearer)
    say(status == 404 and got is None, f"{name}: no route is 404")
    for lie in [["X-Forwarded-Uri: /public/a", "X-Forwarded-Method: GET"], ["X-Original-URL: http://api.example.com/public/a"], ["X-Original-URI: /public/a", "X-Original-Method: GET"]]:
        status, _, got = ask(port, "/orders/7", *lie)
        say(status in (400, 401, 403) and got is None, f"{name}: a client's {lie[0].split(':')[0]} does not change what is decided")
    for path in ["/public/../orders/7", "/public/%2e%2e/orders/7", "/public/..%2forders/7", "/public//orders/7", "/public/%252e%252e/orders/7", "/public/..;/orders/7", "/public/a%00"]:
        status, _, got = ask(port, path)
        # Traefik cleans paths before it asks: then what was judged is what went on.
        reached = Upstream.got[0][0] if Upstream.got else None
        say(reached is None and status >= 300 or reached == "/public/orders/7", f"{name}: {path} reaches nothing that was not judged ({status})")
    check_claims(name, port, bearer, ungrouped)
    check_overrides(name, port, bearer)
    check_same(name, port, bearer, judged)
    if name == "envoy":
        check_calls(port)
    check_own_answers(name, port, bearer)
    status, _, got = ask(port, "/orders/7", bearer, "DPoP: a.b.c")
    say(got is None or "dpop" not in dict(got), f"{name}: a proof of possession stays")
    lychgate.kill()
    lychgate.wait()
    status, head, got = ask(port, "/orders/7", "Origin: https://app.example.com", "Access-Control-Request-Method: GET", method="OPTIONS")
    say(status >= 400 and got is None, f"{name}: lychgate down, no preflight is answered ({status})")
    status, _, got = ask(port, "/orders/7", bearer)
    say(status >= 400 and got is None, f"{name}: lychgate down, nothing passes ({status})")
    status, _, got = ask(port, "/public/a")
    say(status >= 400 and got is None, f"{name}: lychgate down, nothing public passes either ({status})")


TLS = """\
        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              require_client_certificate: true
              common_tls_context:
                tls_certificates: [{certificate_chain: {filename: server.crt}, private_key: {filename: server.key}}]
                validation_context: {trusted_ca: {filename: ca.crt}}
          filters:
"""


def certificate(at, name, *more):
    """A certificate of the authority `ca`, or that authority itself."""
    of = ["-CA", "ca.crt", "-CAkey", "ca.key"] if name != "ca" else []
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
               "-addext", f"subjectAltName=DNS:{name}", *of, *more, "-keyout", f"{name}.key", "-out", f"{name}.crt"]
    subprocess.run(command, cwd=at, check=True, capture_output=True)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert((at / f"{name}.crt").read_text())).digest()


def check_certificates(work, at, command, gate_config):
    """Envoy with its example, but for a listener that asks for certificates: what it has seen binds tokens at the gate."""
    certificate(at, "ca", "-addext", "keyUsage=critical,keyCertSign")
    shown = [certificate(at, name) for name in ("server", "alice", "bob")][1]
    bound = mint(work, sub="alice", scope="orders/read", cnf={"x5t#S256": base64.urlsafe_b64encode(shown).rstrip(b"=").decode()})["token"]
    config = at / "envoy.yaml"
    config.write_text(config.read_text().replace("        - filters:\n", TLS, 1))
    port = int(re.search(r"port_value: (\d+)", config.read_text())[1])
    running = [run([LYCHGATE, "serve", "--config", "lychgate.yaml"], work)]
    try:
        wait_for(gate_config["grpc"])
        running.append(run(command(at), at))
        wait_for(port)
        time.sleep(1)
        for name, expected in [("alice", 200), ("bob", 401)]:
            context = ssl.create_default_context(cafile=at / "ca.crt")
            context.load_cert_chain(at / f"{name}.crt", at / f"{name}.key")
            with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, context.wrap_socket(raw, server_hostname="server") as connection:
                lines = ["GET /orders/7 HTTP/1.1", "Host: api.example.com", "Connection: close", f"Authorization: Bearer {bound}"]
                connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
                status = int(connection.recv(65536).split(b" ")[1])
            say(status == expected, f"envoy: a token bound to the certificate of alice in the hands of {name}: {status}")
    finally:
        for process in reversed(running):
            stop(process)


def main():
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        work.chmod(0o755)
        ports = {"grpc": free_port(), "http": free_port(), "admin": free_port()}
        upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        upstream.handle_error = lambda *_: None
        ports["up"] = upstream.server_address[1]
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", "key.pem"], cwd=work, check=True)
        minted = mint(work, sub="alice", groups=["sales"], scope="orders/read")
        (work / "jwks.json").write_text(json.dumps(minted["jwks"]))
        poor = mint(work, sub="bob")["token"]
        ungrouped = mint(work, sub="alice", scope="orders/read")["token"]
        config = (ROOT / "deploy/config/ext-authz.yaml").read_text()
        config = config.replace("audience: [orders-api]", "audience: [orders-api]\n    keys: {file: jwks.json}")
        for old, new in {"9901": "admin", "9002": "grpc", "9004": "http"}.items():
            config = config.replace(f"127.0.0.1:{old}", f"127.0.0.1:{ports[new]}")
        (work / "lychgate.yaml").write_text(config)
        for name, gate, command in proxies(ports):
            at = work / name
            shutil.copytree(ROOT / "deploy" / name, at)
            port = free_port()
            for file in at.iterdir():
                text = file.read_text()
                for old, new in {**gate, "127.0.0.1:8080": f"127.0.0.1:{port}", "http://:8080": f"http://:{port}", "port_value: 8080": f"port_value: {port}"}.items():
                    text = text.replace(old, new)
                file.write_text(text)
            lychgate = run([LYCHGATE, "serve", "--config", "lychgate.yaml"], work)
            proxy = None
            try:
                wait_for(ports["grpc"])
                wait_for(ports["http"])
                time.sleep(0.5)
                proxy = run(command(at), at)
                wait_for(port)
                time.sleep(1)
                check(name, port, minted["token"], poor, ungrouped, lychgate, lambda: last_judged(work / "log"))
            except (Exception, SystemExit) as error:
                print((at / "log").read_text()[-2000:] if (at / "log").exists() else "", file=sys.stderr)
                say(False, f"{name}: {error!r}")
            finally:
                for process in filter(None, [proxy, lychgate]):
                    stop(process)
            if name == "envoy":
                check_certificates(work, at, command, ports)
    sys.exit(failed)


main()
