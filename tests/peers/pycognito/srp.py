"""Signs in with pycognito, as a client with a secret, and does what its users do."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import boto3
from pycognito import Cognito
from pycognito.exceptions import ForceChangePasswordException, SoftwareTokenMFAChallengeException

LYCHGATE = os.environ["LYCHGATE"]
PATIENCE = 60  # seconds; a busy machine makes keys slowly
POOL, CLIENT, SECRET = "us-east-1_Peers1234", "serverclient123", "abcdefghijklmnopqrstuvwxyz0123"
PASSWORD = "Correct-horse-1"

# nothing of this machine's own AWS set-up may take part
os.environ.update(
    AWS_CONFIG_FILE="/dev/null",
    AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_ACCESS_KEY_ID="AKIDPEER",
    AWS_SECRET_ACCESS_KEY="secret-of-administrators",
)

CONFIG = """
listeners: [{{address: "127.0.0.1:{gate}"}}]
threads: 1
admin: {{address: "127.0.0.1:{admin}"}}
upstreams: {{app: {{endpoints: ["127.0.0.1:9"]}}}}
routes: [{{name: app, match: {{path: "/{{*rest}}"}}, upstream: app}}]
trusted_issuers: {{peers: {{issuer: "https://cognito-idp.us-east-1.amazonaws.com/{pool}", keys: {{pool: peers}}, client_ids: [{client}]}}}}
telemetry: {{access_log: off, log: warn}}
issuer:
  address: 127.0.0.1:{issuer}
  database: "{folder}/issuer.db"
  admin_keys: {{AKIDPEER: secret-of-administrators}}
  pools:
    peers:
      id: {pool}
      issuer: aws
      mfa: optional
      clients: {{server: {{id: {client}, secret: {secret}}}}}
      users: {{alice: {{password: "{password}", attributes: {{email: alice@example.com}}}}}}
"""

failed = 0


def check(name, holds, why=""):
    global failed
    failed += not holds
    print(f"{'ok' if holds else 'not ok'} - {name}" + ("" if holds else f"  # {why}"), flush=True)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_until_ready(process, url, log):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"lychgate did not start: {log.read_text()}")


def totp(secret, at):
    key = base64.b32decode(secret)
    mac = hmac.new(key, struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    start = mac[19] & 15
    return f"{(struct.unpack('>I', mac[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def refusal(call):
    """The name of the error that the call must end in."""
    try:
        call()
    except Exception as error:  # whatever the end is, the check reports it
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        return code or type(error).__name__
    return "it was let in"


def uses(url):
    admin = boto3.client("cognito-idp", endpoint_url=url, region_name="us-east-1")

    def user(name, **more):
        who = Cognito(POOL, CLIENT, user_pool_region="us-east-1", client_secret=SECRET, username=name,
                      boto3_client_kwargs={"endpoint_url": url}, **more)  # fmt: skip
        # its keys are where the issuer is, not where its name says
        with urllib.request.urlopen(f"{url}/{POOL}/.well-known/jwks.json", timeout=10) as answer:
            who.pool_jwk = json.load(answer)
        return who

    alice = user("alice")
    said = refusal(lambda: user("alice").authenticate(password="Wrong-horse-1"))
    check("a wrong password is refused in SRP with a client secret", said == "NotAuthorizedException", said)
    said = refusal(lambda: user("nobody").authenticate(password=PASSWORD))
    check("an unknown user is refused alike", said == "NotAuthorizedException", said)
    with_wrong_secret = Cognito(POOL, CLIENT, user_pool_region="us-east-1", client_secret="z" * 30, username="alice",
                                boto3_client_kwargs={"endpoint_url": url})  # fmt: skip
    said = refusal(lambda: with_wrong_secret.authenticate(password=PASSWORD))
    check("a client with another secret is refused", said == "NotAuthorizedException", said)

    alice.authenticate(password=PASSWORD)
    check("the right password is proved by SRP", alice.access_token.count(".") == 2)
    check("attributes are read", alice.get_user().email == "alice@example.com")
    before = alice.access_token
    alice.renew_access_token()
    check("the access token is renewed", alice.access_token != before)

    admin.admin_create_user(UserPoolId=POOL, Username="dave", TemporaryPassword="Temporary-1", MessageAction="SUPPRESS")
    said = refusal(lambda: user("dave").authenticate(password="Temporary-1"))
    check("a temporary password asks for another", said == ForceChangePasswordException.__name__, said)
    dave = user("dave")
    dave.new_password_challenge("Temporary-1", "Permanent-1")
    check("which is set in the challenge", dave.access_token.count(".") == 2)
    said = refusal(lambda: user("dave").authenticate(password="Temporary-1"))
    check("and the temporary one is gone", said == "NotAuthorizedException", said)

    secret = alice.associate_software_token()
    alice.verify_software_token(totp(secret, time.time()), "phone")
    alice.set_user_mfa_preference(sms_mfa=False, software_token_mfa=True, preferred="SOFTWARE_TOKEN")
    asked = user("alice")
    try:
        asked.authenticate(password=PASSWORD)
        check("the second factor is asked for", False, "it was let in")
    except SoftwareTokenMFAChallengeException as challenge:
        check("the second factor is asked for", True)
        said = refusal(lambda: asked.respond_to_software_token_mfa_challenge("000000", challenge.get_tokens()))
        check("a wrong code is refused", said == "CodeMismatchException", said)
        asked.respond_to_software_token_mfa_challenge(totp(secret, time.time() + 30), challenge.get_tokens())
        check("the right code lets in", asked.access_token.count(".") == 2)

    asked.logout()
    said = refusal(asked.renew_access_token)
    check("a sign-out ends every session", said == "NotAuthorizedException", said)


def main():
    with tempfile.TemporaryDirectory(prefix="lychgate-pycognito-") as folder:
        gate, operator, issuer = free_ports(3)
        config = pathlib.Path(folder) / "lychgate.yaml"
        text = CONFIG.format(gate=gate, admin=operator, issuer=issuer, folder=folder, pool=POOL, client=CLIENT, secret=SECRET, password=PASSWORD)
        config.write_text(text)
        log = pathlib.Path(folder) / "log.txt"
        url = f"http://127.0.0.1:{issuer}"
        with log.open("w") as output:
            process = subprocess.Popen([LYCHGATE, "serve", "--config", config], stdout=output, stderr=output)
            try:
                wait_until_ready(process, f"{url}/{POOL}/.well-known/jwks.json", log)
                uses(url)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
