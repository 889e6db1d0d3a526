"""Two nodes on one PostgreSQL: a sign-out on one is refused by the gate of the other within a second."""

import pathlib
import sys
import tempfile

import node
from node import Node, check, fresh_database, psql, seconds_until, serve_echo


def known_within_a_second(name, other, token):
    took = seconds_until(lambda: other.lets_in(token) is False)
    check(f"{name}, {'never' if took is None else f'{1000 * took:.0f} ms'}", took is not None and took < 1, "too late")


def main(folder):
    database = fresh_database("postgres", folder)
    echo = serve_echo()
    one, two = Node(folder, database, echo, "one"), Node(folder, database, echo, "two")
    try:
        one.start()
        two.start()
        alice, bob = one.sign_in("alice"), two.sign_in("bob")
        through = [each.lets_in(token["AccessToken"]) for each in (one, two) for token in (alice, bob)]
        check("both gates let in whom either issuer signed in", through == [True] * 4, through)

        one.call("GlobalSignOut", AccessToken=alice["AccessToken"])
        check("a sign-out is known at once on its own node", one.lets_in(alice["AccessToken"]) is False)
        known_within_a_second("a sign-out on one node is refused by the other's gate", two, alice["AccessToken"])
        two.call("RevokeToken", Token=bob["RefreshToken"], ClientId="web")
        known_within_a_second("a revocation on the other is refused by the one's gate", one, bob["AccessToken"])

        later = one.sign_in("alice")
        check("who signs in again is let in on both", one.lets_in(later["AccessToken"]) and two.lets_in(later["AccessToken"]))
        # the notices of the other node are cut off: it must look itself
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        check("the connections that hear notices can be cut", psql(database, cut).count("t") >= 2)
        one.call("GlobalSignOut", AccessToken=later["AccessToken"])
        known_within_a_second("a sign-out is known though no notice of it was heard", two, later["AccessToken"])

        last = one.sign_in("alice")
        one.call("GlobalSignOut", AccessToken=last["AccessToken"])
        one.kill()
        known_within_a_second("a sign-out is known though its node died right after", two, last["AccessToken"])
        one.start()
        ended = [each["AccessToken"] for each in (alice, bob, later, last)]
        check("a node that starts again knows them all", not any(one.lets_in(token) for token in ended))
    finally:
        one.stop()
        two.stop()


with tempfile.TemporaryDirectory() as folder:
    main(pathlib.Path(folder))
sys.exit(node.failed > 0)
