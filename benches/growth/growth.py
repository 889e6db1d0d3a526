"""How the cost of a request grows with what there is of everything.

Instructions of the gate a request, counted by callgrind as benches/instructions does: routes, trusted issuers, policies, groups in
a token, header fields, the size of a token. Connections are measured by CPU time and memory: a gate for each number of them, all
taking turns in one run, on CPU 0; load and upstream share CPU 1. Told are the values and what the last is times the first.
"""

import argparse
import contextlib
import itertools
import json
import os
import resource
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "compare")]
sys.dont_write_bytecode = True
import compare  # noqa: E402
from callgrind import Counted  # noqa: E402
from client import Client, Upstream, request  # noqa: E402
from drawing import lines  # noqa: E402
from gate import SCOPE, config_of  # noqa: E402
from issuer import AUDIENCE, ISSUER, Key  # noqa: E402
from running import Running, cpu_seconds, free_port, resident_mib  # noqa: E402

ONE_GATE = ["groups in the token", "header fields", "bytes of the token"]
SIZES = {
    "routes": [10, 100, 1_000, 10_000],
    "routes of a wildcard host each": [10, 100, 1_000, 10_000],
    "trusted issuers": [1, 10, 100, 1_000],
    "policies": [10, 100, 1_000, 10_000],
    "groups in the token": [1, 10, 50, 200],
    "header fields": [5, 20, 90],
    "bytes of the token": [600, 1_024, 2_048, 4_096, 8_192],
    "connections": [64, 1_000, 10_000],
    "requests at once": [64, 512, 4_096],
}
IN_FLIGHT = 64
WARM_UP = 2  # requests on each connection


class Tokens:
    def __init__(self, key):
        self.key, self.numbers = key, itertools.count()

    def make(self, **more):
        return self.key.token(next(self.numbers), **more)

    def of_size(self, wanted):
        """No larger than `wanted`, and nearly so: filled up with claims that nobody asks for."""
        needed = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 86_400, "scope": SCOPE, "jti": str(next(self.numbers))}
        room = (wanted - len(self.key.signed(needed))) * 3 // 4
        return self.key.signed(needed | {f"claim-{number:03}": "x" * 44 for number in range(room // 60)})


def same(path, token, **more):
    return lambda count: [request(path, token, **more)] * count


def each(path, make):
    return lambda count: [request(path, make()) for _ in range(count)]


def known_and_new(make):
    return {"same token": same("/token/orders/7", make()), "first-seen tokens": each("/token/orders/7", make)}


def route(number, match):
    return {"name": f"route-{number}", "match": match, "access": "public", "upstream": "backend"}


def case(what, size, tokens):
    """What the gate has more than usual, and what is asked of it."""
    last = size - 1
    match what:
        case "routes":
            routes = [route(number, {"path": f"/api/service-{number}/items/{{id}}"}) for number in range(size)]
            return {"routes": routes}, {"pass-through": same(f"/api/service-{last}/items/7", tokens.make())}
        case "routes of a wildcard host each":
            routes = [route(number, {"hosts": [f"*.tenant-{number}.example"], "path": "/items/{id}"}) for number in range(size)]
            return {"routes": routes}, {"pass-through": same("/items/7", tokens.make(), host=f"api.tenant-{last}.example")}
        case "trusted issuers":
            return {"issuers": size}, known_and_new(tokens.make)
        case "policies":
            return {"policies_count": size}, {"policy decision": same("/alice/orders/7", tokens.make(groups=["g1", "g5", "g8"]))}
        case "groups in the token":
            return {}, known_and_new(lambda: tokens.make(groups=[f"group-{number}" for number in range(size)]))
        case "header fields":
            # beside Host and Authorization
            fields = [f"X-Field-{number}: {'x' * 20}" for number in range(size - 2)]
            return {}, {"pass-through": same("/public/orders/7", tokens.make(), headers=fields)}
        case "bytes of the token":
            return {}, known_and_new(lambda: tokens.of_size(size))


def count_all(rows, key, options):
    """Instructions for every size, a gate for each set of cases that it can serve."""
    wanted = [what for what in options.what if what not in ("connections", "requests at once")]
    alone = [[(what, size)] for what in wanted if what not in ONE_GATE for size in options.sizes[what]]
    together = [[(what, size) for what in wanted if what in ONE_GATE for size in options.sizes[what]]]
    tokens, port = Tokens(key), free_port()
    with Upstream() as upstream:
        for sizes in filter(None, alone + together):
            cases = [case(what, size, tokens) for what, size in sizes]
            config = config_of(options.work, port, upstream.port, key, **cases[0][0])
            with Counted(config, port, options.work / "gate") as gate:
                for (what, size), (_, situations) in zip(sizes, cases):
                    for situation, requests in situations.items():
                        profile = options.work / f"{what}-{situation}-{size}.callgrind".replace(" ", "-")
                        value = gate.a_request(requests, 200, options.requests, profile)
                        rows[what, situation, "instructions"][size] = value
                        print(f"{what}, {situation}, {size}: {value:.0f} instructions", file=sys.stderr)


class Crowd:
    """A gate with so many connections, each of which has its turn."""

    def __init__(self, running, port, connections):
        self.running, self.connections = running, connections
        self.before = resident_mib(running.process.pid)
        self.clients = [Client(port) for _ in range(connections)]
        self.turn = itertools.cycle(self.clients)
        self.request = request("/public/orders/7")
        self.ask(WARM_UP * connections, IN_FLIGHT)

    def ask(self, count, in_flight):
        """So many requests, of which as many are on their way at a time."""
        for begun in range(0, count, in_flight):
            asked = list(itertools.islice(self.turn, min(in_flight, count - begun)))
            for client in asked:
                client.send(self.request)
            for client in asked:
                if (status := client.receive()) != 200:
                    raise RuntimeError(f"the gate answered {status}")

    def cpu_us(self, count, in_flight):
        before = cpu_seconds(self.running.process.pid)
        self.ask(count, in_flight)
        return (cpu_seconds(self.running.process.pid) - before) * 1e6 / count


def crowds(what, rows, key, options):
    """CPU time of a request and memory, as connections become more and 64 requests, or all, are on their way."""
    with contextlib.ExitStack() as running:
        gates = []
        for number, size in enumerate(options.sizes[what]):
            port = free_port()
            config = config_of(options.work / f"{number}", port, options.upstream, key)
            command = [os.environ["LYCHGATE"], "serve", "--config", str(config)]
            gates.append(Crowd(running.enter_context(Running(command, 0, options.work / "lychgate.log", port)), port, size))
        values = defaultdict(list)
        for number in range(options.rounds):
            for gate in gates:
                in_flight = IN_FLIGHT if what == "connections" else gate.connections
                values[gate.connections].append(gate.cpu_us(options.turn, in_flight))
                print(f"round {number + 1}: {what}, {gate.connections}: {values[gate.connections][-1]:.1f} µs", file=sys.stderr)
        for gate in gates:
            rows[what, "pass-through", "CPU µs"][gate.connections] = statistics.median(values[gate.connections])
            rows[what, "pass-through", "resident MiB"][gate.connections] = resident_mib(gate.running.process.pid)


def report(rows, options):
    print("\n| what grows | | measured | values | last / first |\n|---|---|---|---|---:|")
    for (what, situation, unit), values in rows.items():
        digits = 0 if unit == "instructions" else 1
        shown = " · ".join(f"{value:,.{digits}f}" for value in values.values())
        sizes = " · ".join(f"{size:,}" for size in values)
        print(f"| {what}: {sizes} | {situation} | {unit} | {shown} | {list(values.values())[-1] / list(values.values())[0]:.2f} |")
    table = [{"what": what, "situation": situation, "unit": unit, "values": values} for (what, situation, unit), values in rows.items()]
    results, drawing = options.work / "results.json", options.work / "results.svg"
    results.write_text(json.dumps(table, indent=1) + "\n")
    series = {}
    for (what, situation, unit), values in rows.items():
        (first, cost), *_ = values.items()
        series[f"{what}, {situation}" if unit == "instructions" else f"{what}, {unit}"] = [(size / first, value / cost) for size, value in values.items()]
    drawing.write_text(lines("Cost, times what it is at first; flat is better", "what there is, times what there is at first", series))
    print(f"\nAll of it: {results}\nDrawn:     {drawing}")


def options_of(arguments):
    parser = argparse.ArgumentParser(
        prog="benches/growth/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: benches/growth/run --what 'routes,policies' --most 1000")
    parser.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--what", type=lambda text: text.split(","), default=list(SIZES), help=f"some of {','.join(SIZES)}")
    parser.add_argument("--most", type=int, default=10_000, help="leave out larger sizes (default: 10000)")
    parser.add_argument("--requests", type=int, default=100, help="of the difference that is counted (default: 100)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each number of connections (default: 5)")
    parser.add_argument("--turn", type=int, default=20_000, help="requests of a turn (default: 20000)")
    options = parser.parse_args(arguments)
    if wrong := [what for what in options.what if what not in SIZES]:
        parser.error(f"--what: there is no `{wrong[0]}`; there are {', '.join(SIZES)}")
    options.sizes = {what: [size for size in sizes if size <= options.most] for what, sizes in SIZES.items()}
    return options


def main():
    options = options_of(sys.argv[1:])
    options.work.mkdir(parents=True, exist_ok=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    key, rows = Key("RS256", options.work), defaultdict(dict)
    count_all(rows, key, options)
    measured = [what for what in options.what if what in ("connections", "requests at once")]
    if measured:
        with compare.backend(options):
            for what in measured:
                crowds(what, rows, key, options)
    report(rows, options)


if __name__ == "__main__":
    main()
