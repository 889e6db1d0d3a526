"""A Prometheus scrapes a gate that has something to show, and evaluates all that we hand to it."""

import contextlib
import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

from gate import Gate, check, finish, free_port, until

ROOT = pathlib.Path(sys.argv[1])
ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/lychgate.json"
RULE_TESTS = ROOT / "tests/peers/prometheus/alerts.test.yaml"
METRIC = re.compile(r"\b(?:lychgate|process)_[a-z_]+\b")


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def promtool(*arguments, text=None):
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, cwd=RULE_TESTS.parent)
    return done.returncode == 0, done.stdout + done.stderr


def ask(url):
    with contextlib.suppress(urllib.error.HTTPError):
        return urllib.request.urlopen(url, timeout=10).read().decode()


def drive(gate):
    """Requests of each kind, so that there is a series of nearly every family."""
    base = f"http://127.0.0.1:{gate.ports['plain']}"
    for token in (gate.mint(), gate.mint(), gate.mint(aud="other"), "garbage"):
        request = urllib.request.Request(base + "/orders/7", headers={"Authorization": f"Bearer {token}"})
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=10).read()
    for path in ("/public/a", "/away", "/nowhere"):
        ask(base + path)


class Prometheus:
    def __init__(self, gate, folder):
        self.address = f"127.0.0.1:{free_port()}"
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(ALERTS)],
            "scrape_configs": [{"job_name": "lychgate", "static_configs": [{"targets": [gate.admin.removeprefix("http://")]}]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self.command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        self.command += [f"--web.listen-address={self.address}", "--log.level=warn"]
        self.log = (folder / "log").open("w+")

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def api(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            return json.load(urllib.request.urlopen(url, timeout=10))
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise  # it starts, and says so in words
            return json.load(error)

    def targets(self):
        return [one for one in self.api("targets")["data"]["activeTargets"] if one["health"] == "up"]

    def rules(self):
        """Every rule once all were evaluated."""
        rules = [rule for group in self.api("rules")["data"]["groups"] for rule in group["rules"]]
        return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None


def expressions():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    for panel in panels:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "10s")


def check_server(prometheus):
    check("Prometheus scrapes the gate", until(prometheus.targets), prometheus.log.name)
    rules = until(prometheus.rules) or []
    wrong = [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]
    check(f"every alert is evaluated ({len(rules)})", len(rules) > 10 and not wrong, wrong)
    firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
    check("no alert fires at a gate that is well", not firing, firing)
    # rates want two scrapes
    until(lambda: prometheus.api("query", query="rate(lychgate_requests_total[10s])")["data"]["result"])
    shown = set(prometheus.api("label/__name__/values")["data"])
    empty, failed = [], []
    for title, expression in expressions():
        answer = prometheus.api("query", query=expression)
        failed += [(title, answer.get("error"))] if answer["status"] != "success" else []
        if answer["status"] == "success" and not answer["data"]["result"]:
            # a panel of what this gate has nothing of must still ask for what there is
            empty += [(title, name) for name in METRIC.findall(expression) if name not in shown]
    check("every panel of the dashboard is evaluated", not failed, failed)
    check("every panel shows something here, or asks for metrics that this gate shows", not empty, empty)


def main():
    holds, said = promtool("check", "rules", str(ALERTS))
    check("promtool takes the alerts", holds, said)
    holds, said = promtool("test", "rules", str(RULE_TESTS))
    check("each alert fires when it should, and not when it should not", holds, said)
    tested = set(re.findall(r"alertname: (\w+)", RULE_TESTS.read_text()))
    untested = set(re.findall(r"alert: (\w+)", ALERTS.read_text())) - tested
    check("each alert has a test", not untested, untested)
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    policies = pathlib.Path(tempfile.mkdtemp())
    (policies / "all.cedar").write_text('@id("all") permit (principal, action, resource);')
    config = {
        "policies": {"orders": {"directory": str(policies)}},
        "upstreams": {
            "orders": {"endpoints": [f"127.0.0.1:{upstream.server_port}"]},
            "away": {"endpoints": ["127.0.0.1:1"]},
        },
        "routes": [
            {"name": "open", "match": {"path": "/public/{*rest}"}, "access": "public", "upstream": "orders", "rate_limit": {"by": "address", "rate": "1000/s"}},
            {"name": "orders", "match": {"path": "/orders/{id}"}, "access": {"policy": "orders"}, "upstream": "orders"},
            {"name": "away", "match": {"path": "/away"}, "access": "public", "upstream": "away"},
        ],
    }
    with Gate(config, {"plain": {}}) as gate, tempfile.TemporaryDirectory() as folder:
        drive(gate)
        page = until(lambda: ask(gate.admin + "/metrics"))
        holds, said = promtool("check", "metrics", text=page)
        check("promtool's linter has nothing to say of names and help", holds and not said.strip(), said)
        with Prometheus(gate, pathlib.Path(folder)) as prometheus:
            check_server(prometheus)


main()
finish()
