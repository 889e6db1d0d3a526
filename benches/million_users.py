#!/usr/bin/env python3
"""Puts a million users into a pool and shows that nothing becomes slower for it; run by hand:

    cargo build --release && benches/million_users.py target/release/lychgate --json target/million.json

The same calls are timed in a pool of a thousand and in one of a million users, in one run on one machine: pages of `ListUsers` from
the beginning, from deep inside and by every kind of filter, a page of a group that everybody is in, `AdminGetUser`, `GetUser` and a
sign-in. Then as many sign-ins as the machine takes, against what Argon2id alone allows, and beside them what a request with a token
that the gate knows waits, with and without those sign-ins. SQLite, in a folder that is gone afterwards; about 2 GB. With `--folder` it
stays, so that filling it (`--only fill`) and measuring (`--only measure`) can be done apart: only the second needs a quiet machine.
`--users` and `--seconds` make it shorter; `--minutes` ends it with an error where the machine is too slow.
"""

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import pathlib
import signal
import statistics
import sys
import tempfile
import threading
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("binary", type=pathlib.Path)
parser.add_argument("--users", type=int, default=1_000_000)
parser.add_argument("--seconds", type=float, default=10, help="how long each load lasts")
parser.add_argument("--times", type=int, default=100, help="how often each call is timed")
parser.add_argument("--clients", type=int, default=16, help="how many sign in at once")
parser.add_argument("--rate", type=float, default=200, help="requests a second through the gate")
parser.add_argument("--minutes", type=float, default=60, help="longest that all of it may take")
parser.add_argument("--folder", type=pathlib.Path, help="where the database is kept between runs")
parser.add_argument("--only", choices=["fill", "measure"], help="half of the work, in `--folder`")
parser.add_argument("--json", type=pathlib.Path, help="where all figures go")
options = parser.parse_args()
os.environ["LYCHGATE"] = str(options.binary.resolve())
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "peers" / "nodes"))

from node import PASSWORD, Node, serve_echo  # noqa: E402  (it reads the environment)

SMALL, LARGE = "local_Demo12345", "local_Million12"
MORE = f"""  signature: off
  attempts_per_address: 0
  pools:
    million:
      id: {LARGE}
      token_algorithm: ES256
      clients: {{app: {{id: app}}}}
      groups: {{all: {{}}}}
"""
FEW = 1000  # users of the small pool
RARE = 1000  # one user in so many is disabled, and one has another status


def line(number, password_hash):
    attributes = {"email": f"user{number}@example.com", "custom:tenant": f"t{number % 1000}"}
    user = {"kind": "user", "username": f"user{number}", "attributes": attributes, "groups": ["all"]}
    user["password_hash"] = password_hash
    user["enabled"] = number % RARE != 1
    user["status"] = "RESET_REQUIRED" if number % RARE == 2 else "CONFIRMED"
    return json.dumps(user) + "\n"


def fill(server, folder, pool, count, password_hash):
    file = folder / "users.jsonl"
    with file.open("w") as out:
        out.write('{"kind": "group", "name": "all"}\n')
        out.writelines(line(number, password_hash) for number in range(count))
    begun = time.monotonic()
    done = server.cli("import", "--into", pool, "--input", str(file), "--json", timeout=60 * options.minutes)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    took = time.monotonic() - begun
    file.unlink()
    print(f"imported {count} users in {took:.0f} s, {count / took:.0f} a second", flush=True)
    return {"users": count, "seconds": round(took, 2)}


def summary(took):
    """Median and 99th percentile of times in seconds, in milliseconds."""
    took = sorted(1000 * each for each in took)
    at = lambda part: round(took[int(part * (len(took) - 1))], 3)  # noqa: E731
    return {"count": len(took), "p50_ms": round(statistics.median(took), 3), "p99_ms": at(0.99), "max_ms": at(1)}


def shown(figures):
    return f"{figures['p50_ms']:8.2f} ms p50 {figures['p99_ms']:8.2f} ms p99"


def timed(call):
    took = []
    for number in range(options.times):
        begun = time.monotonic()
        status, answer = call(number)
        took.append(time.monotonic() - begun)
        if status != 200:
            raise RuntimeError(answer)
    return summary(took)


def sign_in(server, client, user):
    parameters = {"USERNAME": user, "PASSWORD": PASSWORD}
    return server.call("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", ClientId=client, AuthParameters=parameters)


def one_who_can(number, count):
    """A user who is enabled and confirmed."""
    number %= count
    return f"user{number + 2 if number % RARE in (1, 2) else number}"


def measure(server, pool, client, count):
    one = count * 7 // 13
    one = one + 2 if one % RARE in (1, 2) else one
    _, signed_in = sign_in(server, client, f"user{one}")
    token = signed_in["AuthenticationResult"]["AccessToken"]

    def pages(**members):
        """Calls for the first page and for the sixth."""
        asked = {"UserPoolId": pool, "Limit": 60, **members}
        operation = "ListUsersInGroup" if "GroupName" in members else "ListUsers"
        mark, page = ("NextToken" if "GroupName" in members else "PaginationToken"), None
        for _ in range(5):
            _, answer = server.call(operation, **asked, **({mark: page} if page else {}))
            page = answer.get(mark, page)
        later = {**asked, **({mark: page} if page else {})}
        return (lambda _: server.call(operation, **asked)), (lambda _: server.call(operation, **later))

    rows = {}
    for name, members in {
        "ListUsers": {},
        "status = Enabled": {"Filter": 'status = "Enabled"'},
        "status = Disabled": {"Filter": 'status = "Disabled"'},
        "user_status = CONFIRMED": {"Filter": 'cognito:user_status = "CONFIRMED"'},
        "user_status = RESET_REQUIRED": {"Filter": 'cognito:user_status = "RESET_REQUIRED"'},
        "username ^= user": {"Filter": 'username ^= "user"'},
        "email ^= user": {"Filter": 'email ^= "user"'},
        "ListUsersInGroup": {"GroupName": "all"},
    }.items():
        rows[f"{name}, first page"], rows[f"{name}, further in"] = pages(**members)
    by_email = {"Filter": f'email = "user{one}@example.com"'}
    rows |= {
        "email = …": lambda _: server.call("ListUsers", UserPoolId=pool, **by_email),
        "AdminGetUser": lambda n: server.call("AdminGetUser", UserPoolId=pool, Username=f"user{n * 7919 % count}"),
        "GetUser": lambda _: server.call("GetUser", AccessToken=token),
        "sign-in": lambda n: sign_in(server, client, one_who_can(n * 7919, count)),
    }
    figures = {}
    for name, call in rows.items():
        figures[name] = timed(call)
        print(f"  {name:42} {shown(figures[name])}", flush=True)
    return figures


def through_the_gate(server, token, seconds):
    """Requests with a token that the gate has seen, one after another at an even pace, each timed from when it was due."""
    connection = http.client.HTTPConnection("127.0.0.1", server.gate, timeout=30)
    headers, took, late = {"authorization": f"Bearer {token}"}, [], 0
    begun = time.monotonic()
    due = begun
    while due < begun + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        late += time.monotonic() > due + 0.005
        sent = time.monotonic()
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the gate has answered {answer.status}")
        took.append(time.monotonic() - sent)
        due += 1 / options.rate
    connection.close()
    return {**summary(took), "sent_late": late}


def apart(call, *arguments):
    """Begins a call in a process of its own, which no thread of this one can hold up; gives how to wait for what it gives."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=lambda: there.send(call(*arguments)), daemon=True)
    process.start()
    there.close()

    def wait():
        given = here.recv()
        process.join()
        return given

    return wait


def storm(server, client, count, seconds, beside):
    """Sign-ins by many clients at once, and what `beside`, begun before, gives at its end."""
    done, until = [], time.monotonic() + seconds

    def work(place):
        number = place
        while time.monotonic() < until:
            number += 97
            begun = time.monotonic()
            status, _ = sign_in(server, client, one_who_can(number * 31, count))
            done.append((status == 200, time.monotonic() - begun))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(options.clients)]
    for thread in threads:
        thread.start()
    meanwhile = beside()
    for thread in threads:
        thread.join()
    good = [took for right, took in done if right]
    return {"a_second": round(len(good) / seconds, 1), "refused": len(done) - len(good), **summary(good)}, meanwhile


def argon2id(server, client, seconds):
    """How many Argon2id hashes a second one worker of the issuer makes: wrong passwords of names that nobody has, one after another,
    cost a hash and next to nothing else."""
    begun, count = time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        parameters = {"USERNAME": f"nobody{count}", "PASSWORD": "wrong password"}
        server.call("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", ClientId=client, AuthParameters=parameters)
        count += 1
    return count / (time.monotonic() - begun)


def loads(server, count):
    token = server.sign_in("alice")["AccessToken"]
    through_the_gate(server, token, 1)  # the gate has seen the token then, and its connections are open
    seconds = options.seconds
    hashes = argon2id(server, "app", seconds)
    workers = max(1, (os.cpu_count() or 2) // 2)
    print(f"one after another, {hashes:.1f} wrong passwords a second: Argon2id and a call", flush=True)
    quiet = apart(through_the_gate, server, token, seconds)()
    print(f"the gate alone:         {shown(quiet)}", flush=True)
    measuring = apart(through_the_gate, server, token, seconds)
    signed_in, busy = storm(server, "app", count, seconds, measuring)
    print(f"the gate in the storm:  {shown(busy)}", flush=True)
    after = apart(through_the_gate, server, token, seconds)()
    print(f"the gate afterwards:    {shown(after)}", flush=True)
    bound = workers * hashes
    print(f"{signed_in['a_second']} sign-ins a second by {options.clients} clients, {shown(signed_in)}", flush=True)
    print(f"of at most {bound:.1f} by {workers} workers: {100 * signed_in['a_second'] / bound:.0f} %", flush=True)
    return {
        "hashes_a_second_by_one_worker": round(hashes, 1),
        "workers": workers,
        "sign_ins": signed_in,
        "share_of_argon2id": round(signed_in["a_second"] / bound, 3),
        "gate": {"alone": quiet, "in_the_storm": busy, "afterwards": after},
    }


def main(folder):
    server = Node(folder, str(folder / "issuer.db"), serve_echo(), users=("alice",))
    server.config.write_text(server.config.read_text().replace("  pools:\n", MORE, 1))
    server.start()
    figures = {"users": options.users, "cpus": os.cpu_count(), "pools": {}}
    try:
        password_hash = hash_of_all(server, folder) if options.only != "measure" else None
        for pool, client, count in ((SMALL, "web", min(FEW, options.users)), (LARGE, "app", options.users)):
            told = figures["pools"][str(count)] = {}
            if password_hash:
                told["import"] = fill(server, folder, pool, count, password_hash)
            if options.only != "fill":
                print(f"{count} users", flush=True)
                told["calls"] = measure(server, pool, client, count)
        if options.only != "fill":
            figures["loads"] = loads(server, options.users)
    finally:
        server.stop()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def hash_of_all(server, folder):
    """The hash of the one password that all users have."""
    backup = folder / "one.backup"
    server.cli("export", SMALL, "--with-secrets", "--output", str(backup))
    users = [json.loads(line) for line in backup.read_text().splitlines() if '"kind":"user"' in line]
    return users[0]["password_hash"]


def too_long(*_):
    raise SystemExit(f"not done after {options.minutes} minutes")


signal.signal(signal.SIGALRM, too_long)
signal.setitimer(signal.ITIMER_REAL, 60 * options.minutes)
if options.only and not options.folder:
    parser.error("--only needs --folder")
with contextlib.ExitStack() as kept:
    folder = options.folder or pathlib.Path(kept.enter_context(tempfile.TemporaryDirectory()))
    folder.mkdir(exist_ok=True)
    main(folder)
