"""Signs in with the AWS CLI and boto3 against `lychgate quickstart`, and takes the tokens to its gate."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config

LYCHGATE = os.environ["LYCHGATE"]
REGION = "local"
PATIENCE = 30  # seconds

# nothing of this machine's own AWS set-up may take part
os.environ.update(
    AWS_CONFIG_FILE="/dev/null",
    AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_DEFAULT_REGION=REGION,
    AWS_PAGER="",
)

failed = 0


def check(name, holds, why=""):
    global failed
    failed += not holds
    print(f"{'ok' if holds else 'not ok'} - {name}" + ("" if holds else f"  # {why}"), flush=True)


def get(url, headers=()):
    """The answer to a GET as (status, headers, body), whatever the status."""
    request = urllib.request.Request(url, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode()


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def code_of(body):
    with contextlib.suppress(ValueError):
        return json.loads(body).get("code")


def wait_until_ready(process, card_file, log):
    """The card, as soon as the gate says that it is ready."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            card = json.loads(card_file.read_text())
            if get(card["admin"] + "/readyz")[0] == 200:
                return card
        time.sleep(0.05)
    sys.exit(f"not ok - lychgate did not become ready (exit code {process.poll()})\n{log.read_text()}")


@contextlib.contextmanager
def running(arguments, state):
    """A lychgate with its card; killed at the end where it still runs."""
    log = state / "log.txt"
    with log.open("a") as out:
        process = subprocess.Popen([LYCHGATE, *arguments], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        yield process, wait_until_ready(process, state / "card.json", log)
    finally:
        process.kill()
        process.wait()


def stops_cleanly(process, how):
    process.send_signal(how)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(PATIENCE) == 0
    return False


def aws(card, *arguments):
    """The AWS CLI: its exit code, its output as JSON, and what it complained of."""
    command = ["aws", "cognito-idp", *arguments, "--endpoint-url", card["issuer"], "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


def cognito(card, **config):
    return boto3.client("cognito-idp", endpoint_url=card["issuer"], region_name=REGION, config=Config(**config))


def sign_in(client, client_id, user, password=None):
    secret = {"USERNAME": user["username"], "PASSWORD": password or user["password"]}
    answer = client.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=client_id, AuthParameters=secret)
    return answer["AuthenticationResult"]


def refused(client, call):
    """The message of the NotAuthorizedException that the call must end in."""
    try:
        call()
    except client.exceptions.NotAuthorizedException as error:
        return error.response["Error"]["Message"]
    except Exception as error:  # any other end is what the check then reports
        return f"{type(error).__name__}: {error}"
    return "it was let in"


def the_command_line(card, alice):
    def initiate(password):
        return aws(
            card, "initiate-auth", "--auth-flow", "USER_PASSWORD_AUTH", "--client-id", card["client_id"],
            "--auth-parameters", json.dumps({"USERNAME": alice["username"], "PASSWORD": password}),
        )  # fmt: skip

    code, signed_in, complaint = initiate(alice["password"])
    token = ((signed_in or {}).get("AuthenticationResult") or {}).get("AccessToken", "")
    check("the AWS CLI signs in", code == 0 and token.count(".") == 2, complaint)

    code, _, complaint = initiate("wrong-Password-1")
    check("the AWS CLI is refused with a wrong password", code != 0 and "NotAuthorizedException" in complaint, complaint)

    code, user, complaint = aws(card, "get-user", "--access-token", token)
    check("the AWS CLI reads its own user", code == 0 and user["Username"] == alice["username"], complaint)

    code, _, complaint = aws(card, "get-user", "--access-token", token[:-6] + "AAAAAA")
    check("the AWS CLI is refused with a forged token", code != 0 and "NotAuthorizedException" in complaint, complaint)


def the_issuer(card, alice):
    client = cognito(card, signature_version=UNSIGNED)
    tokens = sign_in(client, card["client_id"], alice)
    check("boto3 signs in", {"AccessToken", "IdToken", "RefreshToken", "ExpiresIn"} <= tokens.keys(), tokens.keys())

    user = client.get_user(AccessToken=tokens["AccessToken"])
    attributes = {entry["Name"]: entry["Value"] for entry in user["UserAttributes"]}
    check("GetUser says who it is", attributes.get("custom:tenant") == alice["tenant"] and "sub" in attributes, attributes)

    wrong = "Incorrect username or password."
    said = refused(client, lambda: sign_in(client, card["client_id"], alice, "wrong-Password-1"))
    check("a wrong password is refused in Cognito's words", said == wrong, said)
    nobody = {"username": "nobody", "password": "wrong-Password-1"}
    said = refused(client, lambda: sign_in(client, card["client_id"], nobody))
    check("an unknown user is refused in the same words", said == wrong, said)

    signed = boto3.client(
        "cognito-idp", endpoint_url=card["issuer"], region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x"
    )
    check("a client that signs its calls is served too", "AccessToken" in sign_in(signed, card["client_id"], alice))


def the_gate(card, alice, bob):
    client = cognito(card, signature_version=UNSIGNED)
    gate, orders = card["gateway"], card["gateway"] + "/orders/7"
    tokens = sign_in(client, card["client_id"], alice)
    access = tokens["AccessToken"]

    status, _, body = get(orders, bearer(access))
    told = json.loads(body).get("headers", {}) if status == 200 else {}
    check("the token opens the gate, and the upstream is told who calls", told.get("x-auth-user") == [alice["username"]], body)
    check("the token itself stays at the gate", "authorization" not in told, told)

    status, headers, body = get(orders)
    challenge = headers.get("www-authenticate", "")
    check("no token is 401 with a bare challenge", status == 401 and challenge.startswith("Bearer") and "error" not in challenge, challenge)

    header, payload, signature = access.split(".")
    for name, token in {
        "a token with another signature": f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        "a token without a signature": f"{header}.{payload}.",
        "an ID token": tokens["IdToken"],
    }.items():
        status, headers, body = get(orders, bearer(token))
        refused_so = status == 401 and 'error="invalid_token"' in headers.get("www-authenticate", "")
        check(f"{name} is 401 invalid_token", refused_so, f"{status} {body}")

    kiosk = sign_in(client, card["clients"]["kiosk"], alice)["AccessToken"]
    status, headers, body = get(orders, bearer(kiosk))
    needs = 'error="insufficient_scope"' in headers.get("www-authenticate", "") and "orders/read" in headers["www-authenticate"]
    check("a missing scope is 403 and says which", status == 403 and needs, f"{status} {body}")

    status, _, body = get(f"{gate}/tenants/{alice['tenant']}/invoices", bearer(access))
    check("her own tenant is open", status == 200, f"{status} {body}")
    status, _, body = get(f"{gate}/tenants/{bob['tenant']}/invoices", bearer(access))
    check("the other tenant is 403 by policy", (status, code_of(body)) == (403, "denied-by-policy"), f"{status} {body}")

    status, _, body = get(f"{gate}/admin/users", bearer(access))
    check("a route of another group is 403", (status, code_of(body)) == (403, "missing-group"), f"{status} {body}")
    status, _, body = get(f"{gate}/admin/users", bearer(sign_in(client, card["client_id"], bob)["AccessToken"]))
    check("a route of her own group is open", status == 200, f"{status} {body}")

    forged = {"X-Auth-Sub": "root", "X_Auth_User": "root", "x-auth-anything": "root", "Connection": "close, x-auth-sub"}
    _, _, body = get(f"{gate}/public/hello", forged)
    seen = [name for name in json.loads(body)["headers"] if name.replace("_", "-").startswith("x-auth-")]
    check("forged identity headers are gone on the public route", seen == [], seen)
    status, _, body = get(orders, {**forged, **bearer(access)})
    told = json.loads(body).get("headers", {}) if status == 200 else {}
    seen = {name: value for name, value in told.items() if name.replace("_", "-").startswith("x-auth-")}
    check("and replaced on a guarded one", bool(seen.get("x-auth-sub")) and "root" not in json.dumps(seen), f"{status} {seen}")


def signing_out(card, alice, bob):
    client = cognito(card, signature_version=UNSIGNED)
    orders = card["gateway"] + "/orders/7"

    def opens(token):
        return get(orders, bearer(token))[0]

    first = sign_in(client, card["client_id"], alice)

    def refresh(token):
        answer = client.initiate_auth(
            AuthFlow="REFRESH_TOKEN_AUTH", ClientId=card["client_id"], AuthParameters={"REFRESH_TOKEN": token}
        )
        return answer["AuthenticationResult"]

    renewed = refresh(first["RefreshToken"])
    check("a refresh gives a new access token and no new refresh token", "RefreshToken" not in renewed, renewed.keys())
    check("the new access token opens the gate", opens(renewed["AccessToken"]) == 200)

    other = sign_in(client, card["client_id"], alice)
    client.revoke_token(Token=first["RefreshToken"], ClientId=card["client_id"])
    after = [opens(token["AccessToken"]) for token in (first, renewed, other)]
    check("a revoked session's tokens are refused at once, another session's are not", after == [401, 401, 200], after)
    said = refused(client, lambda: refresh(first["RefreshToken"]))
    check("a revoked refresh token is refused", "revoked" in said, said)

    bobs = sign_in(client, card["client_id"], bob)
    client.global_sign_out(AccessToken=other["AccessToken"])
    status, _, body = get(orders, bearer(other["AccessToken"]))
    check("after a global sign-out the gate refuses the token at once", (status, code_of(body)) == (401, "token-revoked"), f"{status} {body}")
    said = refused(client, lambda: client.get_user(AccessToken=other["AccessToken"]))
    check("and so does the issuer", said == "Access Token has been revoked", said)
    said = refused(client, lambda: refresh(other["RefreshToken"]))
    check("and the refresh token is gone with it", "revoked" in said, said)
    check("another user stays signed in", opens(bobs["AccessToken"]) == 200)
    check("and she can sign in again", opens(sign_in(client, card["client_id"], alice)["AccessToken"]) == 200)


def the_operator(card):
    _, _, metrics = get(card["admin"] + "/metrics")
    counted = 'lychgate_requests_total{code="token-revoked",outcome="denied",route="read-orders"}'
    check("the refusals are counted by code", counted in metrics, counted)
    status, _, body = get(card["admin"] + "/status")
    check("the status is JSON without a password", status == 200 and all(u["password"] not in body for u in card["users"]), body)


def the_administrator(state, card):
    """The line of the card, as it is pasted into a shell."""
    printed = [line for line in (state / "log.txt").read_text().splitlines() if "aws cognito-idp list-users" in line]
    check("the card shows how to administer with the AWS CLI", len(printed) == 1, printed)
    done = subprocess.run(printed[0], shell=True, capture_output=True, text=True, timeout=60, check=False)
    names = [user["Username"] for user in json.loads(done.stdout or "{}").get("Users", [])]
    check("the AWS CLI lists the users by it", sorted(names) == ["alice", "bob"], done.stdout + done.stderr)
    wrong = printed[0].replace("secrets/admin", "secrets/alice")
    done = subprocess.run(wrong, shell=True, capture_output=True, text=True, timeout=60, check=False)
    check("and with another secret does not", "InvalidSignatureException" in done.stderr, done.stdout + done.stderr)


def what_is_kept(state, card, alice, bob):
    """The folder that `quickstart --state` leaves is what `serve` takes."""
    config = state / "lychgate.yaml"
    done = subprocess.run([LYCHGATE, "check", "--config", config], capture_output=True, text=True, timeout=60, check=False)
    check("the config that quickstart wrote passes `lychgate check`", done.returncode == 0, done.stdout + done.stderr)

    client = cognito(card, signature_version=UNSIGNED)
    with running(["serve", "--config", config], state) as (process, _):
        tokens = sign_in(client, card["client_id"], bob)
        check("`lychgate serve` takes it as it is, with its users", "AccessToken" in tokens)
        status, _, body = get(card["gateway"] + "/orders/7")
        check("and guards the same routes", status == 401, f"{status} {body}")
        check("SIGTERM ends it cleanly", stops_cleanly(process, signal.SIGTERM))

    log = (state / "log.txt").read_text()
    leaked = [word for word in (alice["password"], bob["password"], tokens["AccessToken"]) if word in log.replace(card_text(log), "")]
    check("no password or token was logged", leaked == [], "a secret is in the log")


def card_text(log):
    """The card itself shows the demo's passwords, and is not a log."""
    start, end = log.find("lychgate  the gate"), log.find("Ctrl-C ends it")
    return log[start:end] if 0 <= start < end else ""


def main():
    with tempfile.TemporaryDirectory(prefix="lychgate-aws-") as folder:
        state = pathlib.Path(folder)
        with running(["quickstart", "--state", folder], state) as (process, card):
            users = {user["username"]: user for user in card["users"]}
            alice, bob = users["alice"], users["bob"]
            the_command_line(card, alice)
            the_issuer(card, alice)
            the_gate(card, alice, bob)
            signing_out(card, alice, bob)
            the_operator(card)
            the_administrator(state, card)
            check("Ctrl-C ends it cleanly", stops_cleanly(process, signal.SIGINT))
        what_is_kept(state, card, alice, bob)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
