#!/usr/bin/env python3
"""Puts a million users into a pool and shows that nothing becomes slower for it; run by hand:

    cargo build --release && benches/million_users.py target/release/lychgate

The same calls are timed in a pool of a thousand and in one of a million users, in one run on one machine: a page of
`ListUsers`, from the beginning and from deep inside, a look-up by attribute, `AdminGetUser`, `GetUser` and a sign-in. Then as
many sign-ins as the machine takes, against what Argon2id alone would allow. SQLite, in a folder that is gone afterwards; about 2 GB.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("binary", type=pathlib.Path)
parser.add_argument("--users", type=int, default=1_000_000)
parser.add_argument("--seconds", type=float, default=10, help="how long to sign in at full tilt")
options = parser.parse_args()
os.environ["LYCHGATE"] = str(options.binary.resolve())
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "peers" / "nodes"))

from node import PASSWORD, Node, serve_echo  # noqa: E402  (it reads the environment)

SMALL, LARGE = "local_Demo12345", "local_Million12"
MORE = f"""  signature: off
  pools:
    million:
      id: {LARGE}
      token_algorithm: ES256
      clients: {{app: {{id: app}}}}
"""


def lines(count, password_hash):
    for number in range(count):
        attributes = {"email": f"user{number}@example.com", "custom:tenant": f"t{number % 1000}"}
        line = {"kind": "user", "username": f"user{number}", "attributes": attributes, "password_hash": password_hash}
        yield json.dumps(line) + "\n"


def fill(server, folder, pool, count, password_hash):
    file = folder / "users.jsonl"
    with file.open("w") as out:
        out.writelines(lines(count, password_hash))
    begun = time.monotonic()
    command = ["import", "--into", pool, "--input", str(file), "--json"]
    done = server.cli(*command, timeout=7200)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    took = time.monotonic() - begun
    print(f"imported {count} users in {took:.0f} s, {count / took:.0f} a second", flush=True)


def millis(times, call):
    """Median and 99th percentile of a call, in milliseconds."""
    took = []
    for number in range(times):
        begun = time.monotonic()
        status, answer = call(number)
        took.append(1000 * (time.monotonic() - begun))
        if status != 200:
            raise RuntimeError(answer)
    took.sort()
    return f"{statistics.median(took):7.1f} ms median {took[int(0.99 * (len(took) - 1))]:7.1f} ms p99"


def sign_in(server, client, user):
    parameters = {"USERNAME": user, "PASSWORD": PASSWORD}
    return server.call("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", ClientId=client, AuthParameters=parameters)


def measure(server, pool, client, count):
    one = count * 7 // 13
    _, signed_in = sign_in(server, client, f"user{one}")
    token = signed_in["AuthenticationResult"]["AccessToken"]
    page = None
    for _ in range(5):
        more = {"PaginationToken": page} if page else {}
        _, answer = server.call("ListUsers", UserPoolId=pool, Limit=60, **more)
        page = answer.get("PaginationToken")
    deep = {"PaginationToken": page}
    by_email = {"Filter": f'email = "user{one}@example.com"'}
    rows = {
        "ListUsers, first page of 60": lambda _: server.call("ListUsers", UserPoolId=pool, Limit=60),
        "ListUsers, a page further in": lambda _: server.call("ListUsers", UserPoolId=pool, Limit=60, **deep),
        "ListUsers by e-mail": lambda _: server.call("ListUsers", UserPoolId=pool, **by_email),
        "AdminGetUser": lambda n: server.call("AdminGetUser", UserPoolId=pool, Username=f"user{n * 7919 % count}"),
        "GetUser": lambda _: server.call("GetUser", AccessToken=token),
        "sign-in": lambda n: sign_in(server, client, f"user{n * 7919 % count}"),
    }
    for name, call in rows.items():
        print(f"  {name:32} {millis(100, call)}", flush=True)


def full_tilt(server, client, count, seconds):
    done, until = [], time.monotonic() + seconds
    def work(place):
        number = place
        while time.monotonic() < until:
            number += 97
            begun = time.monotonic()
            status, _ = sign_in(server, client, f"user{number * 31 % count}")
            done.append((status == 200, time.monotonic() - begun))
    threads = [threading.Thread(target=work, args=(place,)) for place in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [took for right, took in done if right]
    print(f"{len(good) / seconds:.0f} sign-ins a second by 16 clients, median {1000 * statistics.median(good):.0f} ms")


def main(folder):
    server = Node(folder, str(folder / "issuer.db"), serve_echo(), users=("alice",))
    server.config.write_text(server.config.read_text().replace("  pools:\n", MORE, 1))
    server.start()
    backup = folder / "one.backup"
    server.cli("export", SMALL, "--with-secrets", "--output", str(backup))
    users = [json.loads(line) for line in backup.read_text().splitlines() if '"kind":"user"' in line]
    password_hash = users[0]["password_hash"]
    try:
        for pool, client, count in ((SMALL, "web", 1000), (LARGE, "app", options.users)):
            fill(server, folder, pool, count, password_hash)
            print(f"{count} users", flush=True)
            measure(server, pool, client, count)
        full_tilt(server, "app", options.users, options.seconds)
    finally:
        server.stop()


with tempfile.TemporaryDirectory() as folder:
    main(pathlib.Path(folder))
