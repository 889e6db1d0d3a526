"""Signs up by e-mail through a mail server that wants STARTTLS and a password, and by text message through a webhook."""

import email
import email.policy
import hashlib
import hmac
import http.server
import json
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

import node
from node import Node, ask, check, seconds_until, serve_echo

SECRET = "the secret of the webhook"
PATIENCE = 30  # seconds; the second try comes after one, the third after five


class Mailbox:
    """Takes mail, but says `later` to the first so many."""

    def __init__(self, later=0):
        self.later = later
        self.tries = 0
        self.mail = []

    async def handle_DATA(self, _server, session, envelope):
        self.tries += 1
        if self.tries <= self.later:
            return "451 try again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mail.append((session.ssl is not None, session.auth_data, envelope, message))
        return "250 taken"


def authenticate(_server, _session, _envelope, _mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"lychgate", b"mail password")
    return AuthResult(success=right, handled=right, auth_data=data.login if right else None)


def certificate(folder):
    key, chain = folder / "mail.key", folder / "mail.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run([*command, "-keyout", key, "-out", chain], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context, chain


def mail_server(mailbox, context=None):
    [port] = node.free_ports(1)
    more = {"tls_context": context, "require_starttls": True, "authenticator": authenticate, "auth_required": True} if context else {}
    server = Controller(mailbox, hostname="127.0.0.1", port=port, **more)
    server.start()
    return server, port


class Webhook(http.server.BaseHTTPRequestHandler):
    asked = []
    answers = [503]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.asked.append((dict(self.headers), body))
        self.send_response(self.answers.pop(0) if self.answers else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def configured(folder, name, mail_port, hook_port, ca):
    server = Node(folder, str(folder / f"{name}.db"), serve_echo(), name)
    text = server.config.read_text()
    messages = f"""  messages:
    email:
      from: Example <no-reply@example.com>
      smtp: {{host: localhost, port: {mail_port}, ca: "{ca}", username: lychgate, password: mail password}}
    sms: {{webhook: {{url: "http://127.0.0.1:{hook_port}/sms", secret: {SECRET}}}}}
  pools:
"""
    server.config.write_text(text.replace("  pools:\n", messages, 1))
    return server.start()


def invite(server, name, attribute, value):
    """By the API of administrators, from the command line: what it posts, the server delivers."""
    done = server.cli("user", "add", "demo", name, "--attribute", f"{attribute}={value}")
    return done.returncode == 0, done.stderr


def main(folder):
    context, chain = certificate(folder)
    mailbox = Mailbox(later=1)
    mail, mail_port = mail_server(mailbox, context)
    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    server = configured(folder, "one", mail_port, hook.server_address[1], chain)
    try:
        pool = server.cli("describe", "demo", "--json")
        check("the pool is there", pool.returncode == 0, pool.stderr)
        by_mail(server, mailbox)
        by_phone(server)
    finally:
        server.stop()
        mail.stop()
    without_tls(folder, hook.server_address[1], chain)
    log = server.log.read_text()
    secrets = ["mail password", SECRET, "carol@example.com", "+12065550100"]
    check("the log says none of the addresses and secrets", not [each for each in secrets if each in log], log[-500:])


def by_mail(server, mailbox):
    done, why = invite(server, "carol", "email", "carol@example.com")
    check("a user is invited", done, why)
    took = seconds_until(lambda: mailbox.mail, PATIENCE)
    check("the invitation is tried again after a refusal for now, and taken", took is not None and mailbox.tries == 2, mailbox.tries)
    if took is None:
        return
    over_tls, who, envelope, message = mailbox.mail[0]
    check("it came over TLS, from who was let in by password", over_tls and who == b"lychgate", who)
    check("it is for the user", envelope.rcpt_tos == ["carol@example.com"], envelope.rcpt_tos)
    check("it is from whom the config says", message["from"] == "Example <no-reply@example.com>", message["from"])
    body = message.get_content()
    said = re.search(r"carol.* password is (\S+)\.$", body.strip())
    check("it says the user's name and the temporary password", said is not None, body)
    if said:
        parameters = {"USERNAME": "carol", "PASSWORD": said[1]}
        _, answer = server.call("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", ClientId="web", AuthParameters=parameters)
        check("the password is the one to sign in with", answer.get("ChallengeName") == "NEW_PASSWORD_REQUIRED", answer)
    status, metrics = ask(server.admin, "GET", "/metrics")
    check("it is counted", 'lychgate_messages_total{medium="email",outcome="delivered"} 1' in metrics, status)


def by_phone(server):
    done, why = invite(server, "dave", "phone_number", "+12065550100")
    check("a user is invited by phone", done, why)
    took = seconds_until(lambda: len(Webhook.asked) >= 2, PATIENCE)
    check("the webhook is asked again after 503", took is not None, len(Webhook.asked))
    if took is None:
        return
    headers, body = Webhook.asked[-1]
    headers = {name.lower(): value for name, value in headers.items()}
    at, tag = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["lychgate-signature"]).groups()
    right = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    check("the request is signed, now", hmac.compare_digest(tag, right) and abs(time.time() - int(at)) < 60)
    check("it says where to, and what", json.loads(body)["to"] == "+12065550100", body)
    first = {name.lower(): value for name, value in Webhook.asked[0][0].items()}
    check("both tries have one idempotency key", first["idempotency-key"] == headers["idempotency-key"])


def without_tls(folder, hook_port, chain):
    mailbox = Mailbox()
    mail, mail_port = mail_server(mailbox)
    server = configured(folder, "two", mail_port, hook_port, chain)
    try:
        done, why = invite(server, "carol", "email", "carol@example.com")
        check("a user is invited where the mail server offers no TLS", done, why)
        tried = 'lychgate_messages_total{medium="email",outcome="tried-again"}'
        took = seconds_until(lambda: tried in ask(server.admin, "GET", "/metrics")[1], PATIENCE)
        check("a server that offers no TLS gets nothing", took is not None and not mailbox.mail and mailbox.tries == 0, mailbox.tries)
    finally:
        server.stop()
        mail.stop()


with tempfile.TemporaryDirectory() as folder:
    main(pathlib.Path(folder))
sys.exit(node.failed > 0)
