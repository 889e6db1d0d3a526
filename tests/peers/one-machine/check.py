"""Judges the compose file and the systemd unit, by their own tools and by what the gate promises."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml
from compose_spec.models import ComposeSpecification
from pydantic import ValidationError

ROOT = pathlib.Path(sys.argv[1])
DEPLOY = ROOT / "deploy"
LYCHGATE = os.environ["LYCHGATE"]
UNIT = DEPLOY / "systemd/lychgate.service"
# `shutdown.delay` and `shutdown.drain` as they are unless the config says otherwise, and a moment for the last lines
STOPPING_SECONDS = 5 + 30 + 5
# systemd-analyze's measure, from 0 for a unit that may nothing to 10
MOST_EXPOSED = 2.0

failed = 0


def check(name, wrong):
    global failed
    failed += bool(wrong)
    print(f"{'not ok' if wrong else 'ok'} - {name}" + (f"  # {wrong}" if wrong else ""), flush=True)


def seconds(text):
    """`45`, `45s` or `1min 30s`."""
    units = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([a-z]*)", str(text)))


def unfit(compose):
    try:
        ComposeSpecification.model_validate(compose, extra="forbid")
    except ValidationError as error:
        return str(error)


def check_compose():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    check("the compose file fits the Compose Specification", unfit(compose))
    mistaken = {**compose, "services": {"gate": {**compose["services"]["gate"], "reed_only": True}}}
    check("with a word that the specification has not, it would not", [] if unfit(mistaken) else ["it was taken"])
    gate = compose["services"]["gate"]
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    health = json.loads(re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", dockerfile, re.MULTILINE)[1])
    volume, mounted, mode = gate["volumes"][0].split(":")
    config = re.fullmatch(r"/etc/lychgate/\$\{GATE_CONFIG:-(.+)\}", gate["command"][-1])[1]
    listeners = yaml.safe_load((DEPLOY / volume / config).read_text())["listeners"]
    ports = {listener["address"].rsplit(":", 1)[1] for listener in listeners}
    holds = {
        "its root can be written": gate.get("read_only") is True and mode == "ro",
        "it keeps capabilities": gate.get("cap_drop") == ["ALL"],
        "it can gain privileges": "no-new-privileges:true" in gate.get("security_opt", []),
        "it is killed while it stops": seconds(gate["stop_grace_period"]) >= STOPPING_SECONDS,
        "its health is asked otherwise than the image's": gate["healthcheck"]["test"] == ["CMD", *health],
        "the image is built from elsewhere": (DEPLOY / gate["build"]["context"] / gate["build"]["dockerfile"]).resolve() == DEPLOY / "Dockerfile",
        "the config is mounted elsewhere": mounted == "/etc/lychgate",
        "the ports are not those of the config": {port.split(":")[1] for port in gate["ports"]} == ports,
    }
    check("the service may do nothing but serve", [what for what, is_so in holds.items() if not is_so])


def analyze(*arguments):
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).strip()


def check_unit(folder):
    text = UNIT.read_text()
    unit = folder / "lychgate.service"
    # systemd wants to see the binary
    unit.write_text(text.replace("/usr/local/bin/lychgate", LYCHGATE))
    status, said = analyze("verify", "--man=no", str(unit))
    check("systemd takes the unit without a word", said if status or said else None)
    unit.write_text(unit.read_text().replace("NoNewPrivileges=yes", "NoNewPrivilege=yes"))
    check("with a word that systemd has not, it would say so", [] if analyze("verify", "--man=no", str(unit))[1] else ["it said nothing"])
    unit.write_text(text)
    threshold = f"--threshold={int(MOST_EXPOSED * 10)}"
    status, said = analyze("security", "--offline=true", "--no-pager", threshold, str(unit))
    check(f"its exposure is at most {MOST_EXPOSED}: {said.splitlines()[-1][2:]}", said if status else None)
    settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    holds = {
        "it is killed while it stops": seconds(settings["TimeoutStopSec"]) >= STOPPING_SECONDS,
        "a reload is no SIGHUP": settings["ExecReload"] == "/bin/kill -HUP $MAINPID",
        "a bad config is not found before it starts": "lychgate check" in settings["ExecStartPre"],
        "it runs as root": settings.get("DynamicUser") == "yes",
    }
    check("it stops, reloads and starts as the gate wants it", [what for what, is_so in holds.items() if not is_so])


check_compose()
with tempfile.TemporaryDirectory() as made:
    check_unit(pathlib.Path(made))
sys.exit(1 if failed else 0)
