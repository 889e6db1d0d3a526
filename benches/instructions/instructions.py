"""How many instructions a request takes, counted by callgrind: stable enough to compare commits on a machine that is not quiet.

One connection, one request after the other. Counted is the thread that serves requests, in user space: twice as many requests
against as many, so that start, connection and whatever else is not of a request fall out. Kernel and cache misses are not in it,
and valgrind hides the processor's newer instructions from cryptography, which is dearer here than it is: compare like with like.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))
sys.dont_write_bytecode = True
from callgrind import Counted  # noqa: E402
from client import Upstream, request  # noqa: E402
from gate import config_of  # noqa: E402
from issuer import Key, broken  # noqa: E402
from running import free_port  # noqa: E402


class Requests:
    """What is sent in each situation."""

    def __init__(self, key):
        self.key, self.number = key, 0
        self.known = self.token()

    def token(self):
        self.number += 1
        return self.key.token(self.number, groups=["g1", "g5", "g8"])

    def situations(self):
        """name: (requests for a count, the status that must come back)"""
        same = lambda path, token: lambda count: [request(path, token)] * count
        each = lambda path, token: lambda count: [request(path, token()) for _ in range(count)]
        return {
            "pass-through": (same("/public/orders/7", self.known), 200),
            "same token": (same("/token/orders/7", self.known), 200),
            "policy decision": (same("/alice/orders/7", self.known), 200),
            "first-seen tokens": (each("/token/orders/7", self.token), 200),
            "bad signature": (each("/token/orders/7", lambda: broken(self.token())), 401),
            "no token": (same("/token/orders/7", None), 401),
        }


def measured(options):
    key, port, folder = Key(options.algorithm, options.work), free_port(), options.work / "gate"
    counts = {}
    with Upstream() as upstream:
        config = config_of(options.work, port, upstream.port, key)
        with Counted(config, port, folder) as gate:
            for name, (requests, wanted) in Requests(key).situations().items():
                profile = options.work / f"{name.replace(' ', '-')}.callgrind"
                counts[name] = gate.a_request(requests, wanted, options.requests, profile)
                print(f"{name}: {counts[name]:.0f}", file=sys.stderr)
    return counts


def report(counts, options):
    before = json.loads(options.compare.read_text())["instructions"] if options.compare else {}
    own = counts["pass-through"]
    print(f"\nInstructions a request, {options.algorithm}\n")
    head = ["", "instructions", "over pass-through"] + (["before", "change"] if before else [])
    print("| " + " | ".join(head) + " |\n|---|" + "---:|" * (len(head) - 1))
    for name, count in counts.items():
        cells = [name, f"{count:,.0f}", f"{count - own:+,.0f}"]
        if earlier := before.get(name):
            cells += [f"{earlier:,.0f}", f"{100 * (count / earlier - 1):+.2f} %"]
        elif before:
            cells += ["–", "–"]
        print("| " + " | ".join(cells) + " |")
    version = subprocess.run(["valgrind", "--version"], capture_output=True, text=True).stdout.strip()
    results = options.json or options.work / "results.json"
    results.write_text(json.dumps({"algorithm": options.algorithm, "requests": options.requests, "valgrind": version, "instructions": counts}, indent=1) + "\n")
    print(f"\nAll of it: {results}\nFor what:  callgrind_annotate {options.work}/same-token.callgrind")


def main():
    parser = argparse.ArgumentParser(
        prog="benches/instructions/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: benches/instructions/run --json before.json; (a change); benches/instructions/run --compare before.json")
    parser.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--algorithm", choices=["RS256", "ES256", "EdDSA"], default="RS256", help="what tokens are signed with (default: RS256)")
    parser.add_argument("--requests", type=int, default=200, help="of the difference that is counted (default: 200)")
    parser.add_argument("--json", type=Path, help="where the counts go (default: target/instructions/results.json)")
    parser.add_argument("--compare", type=Path, help="counts of an earlier run, to show the change")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    report(measured(options), options)


if __name__ == "__main__":
    main()
