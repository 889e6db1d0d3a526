"""What a request costs lychgate, Envoy and HAProxy: CPU time of the gateway, side by side, and the ratios.

The gateway has CPU 0 for itself; load generator, upstream and this script share CPU 1. The rounds of all gateways take turns,
so that a slow minute of the machine hits all alike, and the median of the rounds is told. Trust ratios of one run only.
"""

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))
sys.dont_write_bytecode = True
from drawing import bars  # noqa: E402
from issuer import AUDIENCE, ISSUER, Key, broken  # noqa: E402
from running import Running, cpu_seconds, free_port, resident_mib  # noqa: E402

# name: (tokens of which file, whether the gateway checks them, the status class that must come back)
SITUATIONS = {
    "pass-through": ("same", False, 200),
    "same token": ("same", True, 200),
    "first-seen tokens": ("many", True, 200),
    "bad signature": ("bad", True, 401),
    "no token": (None, True, 401),
}
# HAProxy 2.6 verifies no Ed25519.
CANNOT = {("haproxy", "EdDSA")}
GATEWAYS = ["lychgate", "lychgate-no-cache", "envoy", "envoy-cache", "haproxy"]


def mint(algorithm, count, work):
    """The key set, and files with one token, with many, and with bad ones; returns what the configs need."""
    key = Key(algorithm, work)
    tokens = [key.token(number) for number in range(count)]
    files = {"same": tokens[:1], "many": tokens, "bad": [broken(token) for token in tokens[:1000]]}
    for name, lines in files.items():
        (work / f"{name}-{algorithm}.txt").write_text("\n".join(lines) + "\n")
    return {"ALGORITHM": algorithm, "JWKS": str(key.jwks), "PEM": str(key.pem)}


def fill(name, values):
    text = (HERE / name).read_text()
    return re.sub(r"@([A-Z_]+)@", lambda found: str(values.get(found[1], found[0])), text)


def indented(text, blanks):
    return text.rstrip("\n").replace("\n", "\n" + " " * blanks)


def envoy_config(values, filters, clusters=""):
    """Envoy before the backend, with these filters and further clusters."""
    return fill("gateways/envoy.yaml", {**values, "FILTERS": indented(filters, 18), "CLUSTERS": indented(clusters, 4)})


def envoy_command(path):
    envoy = Path(sys.executable).parent / "envoy"
    return [str(envoy), "-c", path, "--concurrency", "1", "-l", "error", "--disable-hot-restart"]


def config_of(gateway, checks, values):
    """The gateway's own configuration and the command that runs it."""
    if gateway.startswith("lychgate"):
        access = '{issuers: [bench], scopes: {all: [orders/read]}}' if checks else "public"
        text = fill("gateways/lychgate.yaml", {**values, "ACCESS": access})
        text += "limits: {token_cache: 0B}\n" if gateway.endswith("no-cache") else ""
        return text, "yaml", lambda path: [os.environ["LYCHGATE"], "serve", "--config", path]
    if gateway.startswith("envoy"):
        cache = "jwt_cache_config: {jwt_cache_size: 200000}" if gateway.endswith("cache") else ""
        filters = fill("gateways/envoy-filters.yaml", {**values, "CACHE": cache}) if checks else ""
        return envoy_config(values, filters), "yaml", envoy_command
    lines = fill("gateways/haproxy-checks.cfg", values).rstrip("\n") if checks else ""
    return fill("gateways/haproxy.cfg", {**values, "CHECKS": lines}), "cfg", lambda path: ["haproxy", "-f", path, "-db"]


def load(port, tokens, seconds, connections):
    script = ["-s", str(HERE / "tokens.lua"), f"http://127.0.0.1:{port}", "--", str(tokens or "-")]
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *script]
    for _ in range(3):
        # Now and then wrk does not come to its end; what was measured before is not to be lost by it.
        with contextlib.suppress(subprocess.TimeoutExpired):
            out = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 15).stdout
            break
    else:
        sys.exit(f"wrk did not end, three times: {' '.join(command)}")
    line = next((line for line in out.splitlines() if line.startswith("RESULT ")), None)
    return json.loads(line[7:]) if line else sys.exit(f"wrk said nothing of use:\n{out}")


def measure(gateway, situation, algorithm, minted, options):
    """One run of one gateway in one situation."""
    which, checks, wanted = SITUATIONS[situation]
    values = {**minted, "ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "PORT": free_port(), "ADMIN_PORT": free_port(), "UPSTREAM_PORT": options.upstream}
    text, ending, command = config_of(gateway, checks, values)
    path = options.work / f"{gateway}.{ending}"
    path.write_text(text)
    tokens = which and options.work / f"{which}-{algorithm}.txt"
    with Running(command(str(path)), 0, options.work / f"{gateway}.log", values["PORT"]) as running:
        # Keys are loaded and connections opened; of the many tokens none is seen before its time.
        load(values["PORT"], tokens if which != "many" else options.work / f"same-{algorithm}.txt", 1, options.connections)
        before = cpu_seconds(running.process.pid)
        result = load(values["PORT"], tokens, options.seconds, options.connections)
        used = cpu_seconds(running.process.pid) - before
        memory = resident_mib(running.process.pid)
    refused = result["refused"] / max(result["requests"], 1)
    if result["broken"] or (refused > 0) != (wanted != 200) or 0 < refused < 1:
        sys.exit(f"{gateway}, {situation}: {result}; see {options.work}/{gateway}.log")
    return {
        "gateway": gateway, "situation": situation, "algorithm": algorithm, "cpu_us": used * 1e6 / result["requests"],
        "per_second": result["requests"] * 1e6 / result["microseconds"], "memory_mib": memory, **result,
    }


def report(rows, options):
    median = lambda gateway, situation, algorithm: statistics.median(
        row["cpu_us"] for row in rows
        if (row["gateway"], row["situation"], row["algorithm"]) == (gateway, situation, algorithm))
    for algorithm in options.algorithms:
        print(f"\n{algorithm}: CPU microseconds a request (median of {options.rounds}); in brackets, times what lychgate needs\n")
        print("| | " + " | ".join(options.gateways) + " |\n|---|" + "---:|" * len(options.gateways))
        for situation in options.situations:
            ours = median("lychgate", situation, algorithm) if "lychgate" in options.gateways else None
            cells = []
            for gateway in options.gateways:
                if (gateway, algorithm) in CANNOT:
                    cells.append("–")
                    continue
                value = median(gateway, situation, algorithm)
                cells.append(f"{value:.1f}" + (f" ({value / ours:.2f})" if ours and gateway != "lychgate" else ""))
            print(f"| {situation} | " + " | ".join(cells) + " |")
    (options.work / "results.json").write_text(json.dumps(rows, indent=1))
    drawing = options.work / "results.svg"
    drawing.write_text(draw(options, median))
    print(f"\nAll rows: {options.work / 'results.json'}\nDrawn:    {drawing}")


COLOURS = {"lychgate": "#0b6e4f", "lychgate-no-cache": "#6bb392", "envoy": "#b5483a", "envoy-cache": "#dd9a8f", "haproxy": "#33658a"}


def draw(options, median):
    """A group of bars for each situation and algorithm."""
    able = lambda algorithm: [gateway for gateway in options.gateways if (gateway, algorithm) not in CANNOT]
    groups = [
        (f"{situation}, {algorithm}", {gateway: median(gateway, situation, algorithm) for gateway in able(algorithm)})
        for algorithm in options.algorithms for situation in options.situations]
    title = "CPU microseconds of the gateway a request; shorter is better"
    return bars(title, {gateway: COLOURS[gateway] for gateway in options.gateways}, groups)


def options_of(arguments):
    parser = argparse.ArgumentParser(
        prog="benches/compare/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: benches/compare/run --rounds 5 --algorithms RS256,ES256 --gateways lychgate,haproxy")
    several = lambda text: text.split(",")
    parser.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--gateways", type=several, default=GATEWAYS, help=f"some of {','.join(GATEWAYS)}")
    parser.add_argument("--situations", type=several, default=list(SITUATIONS), help=f"some of {','.join(SITUATIONS)}")
    parser.add_argument("--algorithms", type=several, default=["RS256"], help="some of RS256,ES256,EdDSA (default: RS256)")
    parser.add_argument("--rounds", type=int, default=3, help="times that each is measured (default: 3)")
    parser.add_argument("--seconds", type=int, default=5, help="of load in each round (default: 5)")
    parser.add_argument("--connections", type=int, default=64, help="kept open by the load generator (default: 64)")
    parser.add_argument("--tokens", type=int, default=100_000, help="distinct tokens of `first-seen tokens` (default: 100000)")
    options = parser.parse_args(arguments)
    for name, known in (("gateways", GATEWAYS), ("situations", SITUATIONS), ("algorithms", ["RS256", "ES256", "EdDSA"])):
        wrong = [given for given in getattr(options, name) if given not in known]
        if wrong:
            parser.error(f"--{name}: there is no `{wrong[0]}`; there are {', '.join(known)}")
    return options


def mint_all(options):
    """What the configs need of each algorithm; the tokens are in files."""
    print(f"Minting {options.tokens} tokens for each of {', '.join(options.algorithms)} …", file=sys.stderr)
    with ProcessPoolExecutor(2) as pool:
        jobs = {algorithm: pool.submit(mint, algorithm, options.tokens, options.work) for algorithm in options.algorithms}
        return {algorithm: job.result() for algorithm, job in jobs.items()}


def backend(options):
    """The upstream of all gateways, on a port that `options.upstream` keeps."""
    options.upstream = free_port()
    body = json.dumps({"orders": ["x" * 100] * 10})
    config = options.work / "backend.conf"
    config.write_text(fill("nginx.conf", {"WORK": options.work, "UPSTREAM_PORT": options.upstream, "BODY": body}))
    return Running(["nginx", "-c", str(config)], 1, options.work / "backend.log", options.upstream)


def main():
    options = options_of(sys.argv[1:])
    options.work.mkdir(parents=True, exist_ok=True)
    minted = mint_all(options)
    rows = []
    with backend(options):
        for number in range(options.rounds):
            for algorithm in options.algorithms:
                for situation in options.situations:
                    for gateway in options.gateways:
                        if (gateway, algorithm) in CANNOT:
                            continue
                        row = measure(gateway, situation, algorithm, minted[algorithm], options)
                        rows.append(row)
                        print(f"round {number + 1}: {algorithm:5} {situation:17} {gateway:17} {row['cpu_us']:6.1f} µs", file=sys.stderr)
    report(rows, options)


if __name__ == "__main__":
    main()
