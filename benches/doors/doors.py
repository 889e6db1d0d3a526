"""What a check costs that another proxy asks lychgate for, beside Envoy's own jwt_authn: CPU time of proxy and gate, and ratios.

Envoy and nginx each stand before the same backend: checking nothing, and asking lychgate (Envoy by gRPC `Check`, nginx by
`auth_request`); Envoy also with its own `jwt_authn` and `rbac`, which ask the same of the same tokens. Proxy and lychgate share
CPU 0; load generator, backend and this script share CPU 1. All take turns in every round, and the median of the rounds is told.
What a check costs is what the proxy needs more than it needs without one, and what lychgate needs. Trust ratios of one run only.
"""

import argparse
import contextlib
import json
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "compare"))
sys.dont_write_bytecode = True
import compare  # noqa: E402

# name: (the proxy, how it checks)
SUBJECTS = {
    "envoy": ("envoy", None),
    "envoy, jwt_authn": ("envoy", "jwt"),
    "envoy, jwt_authn with its cache": ("envoy", "jwt-cache"),
    "envoy, lychgate by gRPC": ("envoy", "lychgate"),
    "nginx": ("nginx", None),
    "nginx, lychgate by forward-auth": ("nginx", "lychgate"),
}
OWN = "envoy, jwt_authn"
# name: (tokens of which file, whether they pass)
SITUATIONS = {"same token": ("same", True), "first-seen tokens": ("many", True), "bad signature": ("bad", False), "no token": (None, False)}


def config_of(subject, values):
    """The proxy's configuration and the command that runs it."""
    proxy, checks = SUBJECTS[subject]
    ours = lambda name: compare.fill(HERE / name, values)
    if proxy == "nginx":
        check = ours("nginx-check.conf") if checks else ""
        return compare.fill(HERE / "nginx.conf", {**values, "CHECK": compare.indented(check, 6)}), lambda path: ["nginx", "-c", path]
    filters = clusters = ""
    if checks == "lychgate":
        filters, clusters = ours("envoy-filter.yaml"), ours("envoy-cluster.yaml")
    elif checks:
        cache = "jwt_cache_config: {jwt_cache_size: 200000}" if checks == "jwt-cache" else ""
        filters = compare.fill("gateways/envoy-filters.yaml", {**values, "CACHE": cache})
    return compare.envoy_config(values, filters, clusters), compare.envoy_command


def measure(subject, situation, algorithm, minted, options):
    """One run of one proxy, and of the gate where it asks, in one situation."""
    which, passes = SITUATIONS[situation]
    ports = {name: compare.free_port() for name in ("PORT", "ADMIN_PORT", "GRPC_PORT", "HTTP_PORT")}
    values = {**minted, **ports, "ISSUER": compare.ISSUER, "AUDIENCE": compare.AUDIENCE, "UPSTREAM_PORT": options.upstream, "WORK": options.work}
    tokens = which and options.work / f"{which}-{algorithm}.txt"
    warm = options.work / f"same-{algorithm}.txt" if which == "many" else tokens
    with contextlib.ExitStack() as running:
        start = lambda command, name, port: running.enter_context(compare.Running(command, 0, options.work / f"{name}.log", port)).process.pid
        pids = {}
        if SUBJECTS[subject][1] == "lychgate":
            # the admin door has a port of its own, so that a proxy's cannot be the same
            gate = options.work / "lychgate.yaml"
            gate.write_text(compare.fill(HERE / "lychgate.yaml", {**values, "ADMIN_PORT": compare.free_port()}))
            pids["lychgate"] = start([compare.os.environ["LYCHGATE"], "serve", "--config", str(gate)], "lychgate", ports["GRPC_PORT"])
        text, command = config_of(subject, values)
        path = options.work / f"{subject.split(',')[0]}.conf.yaml"
        path.write_text(text)
        pids["proxy"] = start(command(str(path)), "proxy", ports["PORT"])
        # keys are loaded and connections opened; of the many tokens none is seen before its time
        compare.load(ports["PORT"], warm, 1, options.connections)
        before = {name: compare.cpu_seconds(pid) for name, pid in pids.items()}
        result = compare.load(ports["PORT"], tokens, options.seconds, options.connections)
        used = {name: compare.cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    refused = result["refused"] / max(result["requests"], 1)
    checked = SUBJECTS[subject][1] is not None
    if result["broken"] or refused != (0 if passes or not checked else 1):
        sys.exit(f"{subject}, {situation}: {result}; see {options.work}/*.log")
    a_request = lambda name: used.get(name, 0) * 1e6 / result["requests"]
    return {"subject": subject, "situation": situation, "algorithm": algorithm, "proxy_us": a_request("proxy"),
            "lychgate_us": a_request("lychgate"), "per_second": result["requests"] * 1e6 / result["microseconds"], **result}


def summed_up(rows, options):
    """The median of each, and what the check costs: where requests pass, what is more than the bare proxy; where they do not, all."""
    def median(subject, situation, algorithm, what):
        return statistics.median(row[what] for row in rows if (row["subject"], row["situation"], row["algorithm"]) == (subject, situation, algorithm))

    checks = []
    for algorithm in options.algorithms:
        for situation in options.situations:
            costs = {}
            for subject, (proxy, how) in SUBJECTS.items():
                proxy_us, lychgate_us = (median(subject, situation, algorithm, what) for what in ("proxy_us", "lychgate_us"))
                bare = median(proxy, situation, algorithm, "proxy_us") if SITUATIONS[situation][1] else 0
                costs[subject] = {"subject": subject, "situation": situation, "algorithm": algorithm, "proxy_us": proxy_us,
                                  "lychgate_us": lychgate_us, "check_us": proxy_us - bare + lychgate_us if how else None}
            own = costs[OWN]["check_us"]
            for cost in costs.values():
                of_own = lambda what: cost[what] / own if cost["check_us"] is not None and own > 0 else None
                checks.append({**cost, "check_ratio": of_own("check_us"), "lychgate_ratio": of_own("lychgate_us") if cost["lychgate_us"] else None})
    return checks


def report(rows, options):
    checks = summed_up(rows, options)
    number = lambda value, form: "–" if value is None else f"{value:{form}}"
    for algorithm in options.algorithms:
        for situation in options.situations:
            passes = SITUATIONS[situation][1]
            whole = "the check" if passes else "the refusal"
            print(f"\n{algorithm}, {situation}: CPU microseconds a request (median of {options.rounds}); times what Envoy's own check needs\n")
            print(f"| | proxy | lychgate | {whole} | times jwt_authn | lychgate alone, times jwt_authn |\n|---|---:|---:|---:|---:|---:|")
            for check in checks:
                if (check["algorithm"], check["situation"]) == (algorithm, situation):
                    cells = [number(check["proxy_us"], ".1f"), number(check["lychgate_us"] or None, ".1f"), number(check["check_us"], ".1f"),
                             number(check["check_ratio"], ".2f"), number(check["lychgate_ratio"], ".2f")]
                    print(f"| {check['subject']} | " + " | ".join(cells) + " |")
    results = options.work / "results.json"
    results.write_text(json.dumps({"checks": checks, "rows": rows}, indent=1))
    print(f"\nAll rows: {results}")


def options_of(arguments):
    parser = argparse.ArgumentParser(
        prog="benches/doors/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: benches/doors/run --rounds 5 --algorithms RS256,ES256 --situations 'same token,first-seen tokens'")
    several = lambda text: text.split(",")
    parser.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--situations", type=several, default=list(SITUATIONS), help=f"some of {','.join(SITUATIONS)}")
    parser.add_argument("--algorithms", type=several, default=["RS256"], help="some of RS256,ES256,EdDSA (default: RS256)")
    parser.add_argument("--rounds", type=int, default=3, help="times that each is measured (default: 3)")
    parser.add_argument("--seconds", type=int, default=5, help="of load in each round (default: 5)")
    parser.add_argument("--connections", type=int, default=64, help="kept open by the load generator (default: 64)")
    parser.add_argument("--tokens", type=int, default=100_000, help="distinct tokens of `first-seen tokens` (default: 100000)")
    options = parser.parse_args(arguments)
    for name, known in (("situations", SITUATIONS), ("algorithms", ["RS256", "ES256", "EdDSA"])):
        wrong = [given for given in getattr(options, name) if given not in known]
        if wrong:
            parser.error(f"--{name}: there is no `{wrong[0]}`; there are {', '.join(known)}")
    return options


def main():
    options = options_of(sys.argv[1:])
    options.work.mkdir(parents=True, exist_ok=True)
    minted = compare.mint_all(options)
    rows = []
    with compare.backend(options):
        for number in range(options.rounds):
            for algorithm in options.algorithms:
                for situation in options.situations:
                    for subject in SUBJECTS:
                        row = measure(subject, situation, algorithm, minted[algorithm], options)
                        rows.append(row)
                        costs = f"{row['proxy_us']:6.1f} + {row['lychgate_us']:6.1f} µs"
                        print(f"round {number + 1}: {algorithm:5} {situation:17} {subject:32} {costs}", file=sys.stderr)
    report(rows, options)


if __name__ == "__main__":
    main()
