"""Kills a working node twenty times: what it has acknowledged is never lost, and what it has revoked is never let in."""

import pathlib
import random
import sys
import tempfile
import threading
import time

import node
from node import Node, check, fresh_database, serve_echo

TIMES = int(sys.argv[2]) if len(sys.argv) > 2 else 20
WORKERS = 3
POOL = "local_Demo12345"


class Work:
    """What clients were told, gathered while the node lives. Whatever was not answered may have gone either way."""

    def __init__(self, server, round_):
        self.server = server
        self.round = round_
        self.over = False
        self.alive, self.revoked = [], []
        # by user: the passwords that may be right now, and those that are certainly not any more
        self.users, self.wrong = {}, []
        self.errors = []
        self.threads = [threading.Thread(target=self.run, args=(index,)) for index in range(WORKERS)]

    def run(self, index):
        number = 0
        while not self.over:
            number += 1
            try:
                if random.random() < 0.4:
                    self.make_user(f"made{self.round}-{index}-{number}")
                else:
                    self.sign_in_and_out(f"user{index}")
            except (OSError, ValueError, RuntimeError, node.http.client.HTTPException):
                time.sleep(0.02)  # the node is being killed

    def make_user(self, name):
        first, second, third = (f"{word}-secret-{name}-1!" for word in ("First", "Second", "Third"))
        status, _ = self.server.call("AdminCreateUser", UserPoolId=POOL, Username=name, MessageAction="SUPPRESS")
        if status != 200:
            return
        self.users[name] = None
        status, _ = self.server.call("AdminSetUserPassword", UserPoolId=POOL, Username=name, Password=first, Permanent=True)
        if status != 200:
            return
        self.users[name] = {first}
        token = self.server.sign_in(name, first)["AccessToken"]
        self.users[name] = {first, second}  # until the change is acknowledged, either may be right
        status, _ = self.server.call("ChangePassword", AccessToken=token, PreviousPassword=first, ProposedPassword=second)
        if status != 200:
            return
        self.users[name] = {second}
        self.wrong.append((name, first))
        self.users[name] = {second, third}
        status, _ = self.server.call("AdminSetUserPassword", UserPoolId=POOL, Username=name, Password=third, Permanent=True)
        if status == 200:
            self.users[name] = {third}
            self.wrong.append((name, second))
            if self.server.lets_in(token):
                self.errors.append("a token of a password that was replaced was let in")
            self.revoked.append(token)

    def sign_in_and_out(self, user):
        session = self.server.sign_in(user)
        token = session["AccessToken"]
        if random.random() < 0.5:
            self.alive.append((user, session))
            return
        status, _ = self.server.call("RevokeToken", Token=session["RefreshToken"], ClientId="web")
        if status == 200:
            self.revoked.append(token)
            if self.server.lets_in(token):
                self.errors.append("a revoked token was let in")


def is_password(server, user, password):
    try:
        server.sign_in(user, password)
    except RuntimeError:
        return False
    return True


def exists(server, user):
    return server.call("AdminGetUser", UserPoolId=POOL, Username=user)[0] == 200


def main(kind, folder):
    users = [f"user{index}" for index in range(WORKERS)]
    server = Node(folder, fresh_database(kind, folder), serve_echo(), users=users)
    server.config.write_text(server.config.read_text().replace("  pools:\n", "  signature: off\n  pools:\n", 1))
    alive, revoked, errors, made, wrong = [], [], [], {}, []
    try:
        for round_ in range(TIMES):
            server.start()
            work = Work(server, round_)
            for thread in work.threads:
                thread.start()
            time.sleep(random.uniform(0.3, 0.9))
            # on a busy machine a round lasts until each kind of work was acknowledged once, the first ones longer
            until = time.monotonic() + (10 if round_ < 3 else 3)
            while not (work.alive and work.revoked and work.wrong) and time.monotonic() < until:
                time.sleep(0.05)
            server.kill()
            work.over = True
            for thread in work.threads:
                thread.join()
            alive += work.alive
            revoked += work.revoked
            errors += work.errors
            made.update(work.users)
            wrong += work.wrong
        server.start()
        lost = [user for user, session in alive if server.lets_in(session["AccessToken"]) is not True]
        back = [token for token in revoked if server.lets_in(token) is not False]
        check(f"{kind}: killed {TIMES} times, {len(alive)} acknowledged sessions are all there", alive and not lost, lost[:3])
        check(f"{kind}: none of {len(revoked)} revoked tokens is let in", revoked and not back, f"{len(back)} are")
        check(f"{kind}: nor was any while the node lived", not errors, errors[:1])
        gone = [user for user in made if not exists(server, user)]
        check(f"{kind}: all of {len(made)} acknowledged users are there", made and not gone, gone[:3])
        passwords = random.sample(sorted(name for name in made if made[name]), min(60, sum(map(bool, made.values()))))
        lost = [name for name in passwords if not any(is_password(server, name, each) for each in made[name])]
        check(f"{kind}: {len(passwords)} of their passwords are the acknowledged ones", passwords and not lost, lost[:3])
        acknowledged = len(wrong)
        wrong = random.sample(wrong, min(40, acknowledged))
        back = [name for name, password in wrong if is_password(server, name, password)]
        check(f"{kind}: {acknowledged} changes of a password were acknowledged, and {len(wrong)} old ones are taken no more", wrong and not back, back[:3])
    finally:
        server.stop()


with tempfile.TemporaryDirectory() as folder:
    main(sys.argv[1], pathlib.Path(folder))
sys.exit(node.failed > 0)
