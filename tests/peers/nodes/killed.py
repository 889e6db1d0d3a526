"""Kills a working node twenty times: what it has acknowledged is never lost, and what it has revoked is never let in."""

import pathlib
import random
import sys
import tempfile
import threading
import time

import node
from node import Node, check, fresh_database, serve_echo

TIMES = 20
WORKERS = 3


class Work:
    """What clients were told, gathered while the node lives. Whatever was not answered may have gone either way."""

    def __init__(self, server):
        self.server = server
        self.over = False
        self.alive, self.revoked = [], []
        self.errors = []
        self.threads = [threading.Thread(target=self.run, args=(index,)) for index in range(WORKERS)]

    def run(self, index):
        user = f"user{index}"
        while not self.over:
            try:
                session = self.server.sign_in(user)
                token = session["AccessToken"]
                if random.random() < 0.5:
                    self.alive.append((user, session))
                    continue
                status, _ = self.server.call("RevokeToken", Token=session["RefreshToken"], ClientId="web")
                if status == 200:
                    self.revoked.append(token)
                    if self.server.lets_in(token):
                        self.errors.append("a revoked token was let in")
            except (OSError, ValueError, RuntimeError, node.http.client.HTTPException):
                time.sleep(0.02)  # the node is being killed


def main(kind, folder):
    users = [f"user{index}" for index in range(WORKERS)]
    server = Node(folder, fresh_database(kind, folder), serve_echo(), users=users)
    alive, revoked, errors = [], [], []
    try:
        for _ in range(TIMES):
            server.start()
            work = Work(server)
            for thread in work.threads:
                thread.start()
            time.sleep(random.uniform(0.3, 0.9))
            server.kill()
            work.over = True
            for thread in work.threads:
                thread.join()
            alive += work.alive
            revoked += work.revoked
            errors += work.errors
        server.start()
        lost = [user for user, session in alive if server.lets_in(session["AccessToken"]) is not True]
        back = [token for token in revoked if server.lets_in(token) is not False]
        refreshed = 0
        for _, session in alive[:: max(1, len(alive) // 50)]:
            parameters = {"REFRESH_TOKEN": session["RefreshToken"]}
            status, _ = server.call(
                "InitiateAuth", AuthFlow="REFRESH_TOKEN_AUTH", ClientId="web", AuthParameters=parameters
            )
            refreshed += status != 200
        check(f"{kind}: killed {TIMES} times, {len(alive)} acknowledged sessions are all there", alive and not lost, lost[:3])
        check(f"{kind}: and can be continued", refreshed == 0, f"{refreshed} cannot")
        check(f"{kind}: none of {len(revoked)} revoked tokens is let in", revoked and not back, f"{len(back)} are")
        check(f"{kind}: nor was any while the node lived", not errors, errors[:1])
    finally:
        server.stop()


with tempfile.TemporaryDirectory() as folder:
    main(sys.argv[1], pathlib.Path(folder))
sys.exit(node.failed > 0)
