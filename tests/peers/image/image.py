"""Puts the image's root together, and does in it what an engine would do with the Dockerfile's words."""

import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(sys.argv[1])
LYCHGATE = pathlib.Path(os.environ["LYCHGATE"])
# What gcr.io/distroless/cc-debian12 has beside certificates: glibc and the runtime of C and C++ (its packages libc6, libgcc-s1,
# libstdc++6, libgomp1).
BASE = re.compile(r"(linux-vdso|ld-linux.*|libc|libm|libdl|librt|libpthread|libgcc_s|libstdc\+\+|libgomp)\.so")
CONFIG = """
listeners: [{address: "127.0.0.1:8080"}]
upstreams: {echo: {endpoints: ["127.0.0.1:8081"]}}
routes: [{name: open, match: {path: "/{*rest}"}, access: public, upstream: echo}]
"""

failed = 0


def check(name, holds, why=""):
    global failed
    failed += not holds
    print(f"{'ok' if holds else 'not ok'} - {name}" + ("" if holds else f"  # {why}"), flush=True)


def until(holds, patience=30):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            if held := holds():
                return held
        except OSError:
            pass
        time.sleep(0.1)
    return False


def last_stage():
    """The instructions after the last FROM: words, or the list that stands for them."""
    text = (ROOT / "deploy/Dockerfile").read_text()
    stage = re.split(r"^FROM ", text, flags=re.MULTILINE)[-1]
    return {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in stage.splitlines()[1:] if re.match(r"[A-Z]+ ", line)}


def libraries():
    listed = subprocess.run(["ldd", LYCHGATE], check=True, capture_output=True, text=True).stdout
    paths = re.findall(r"(/\S+)", listed)
    names = [line.split()[0].rsplit("/", 1)[-1] for line in listed.splitlines()]
    return paths, [name for name in names if not BASE.match(name)]


def make(folder, stage):
    paths, strange = libraries()
    check("the binary wants no library that the base has not", not strange, strange)
    source, target = stage["COPY"].split()[-2:]
    check("the image's binary is the release build", source.endswith("/target/release/lychgate"), source)
    for path in paths:
        (folder / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.lstrip("/"))
    (folder / target.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(LYCHGATE, folder / target.lstrip("/"))
    for name in ("proc", "etc/ssl/certs", "tmp", stage["WORKDIR"].lstrip("/")):
        (folder / name).mkdir(parents=True, exist_ok=True)
    certificates = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    if certificates.exists():
        shutil.copy(certificates, folder / "etc/ssl/certs")
    (folder / stage["WORKDIR"].lstrip("/") / "lychgate.yaml").write_text(CONFIG)
    # An engine mounts a config so, and `--read-only` makes the rest so.
    for command in (["--bind", folder, folder], ["--bind", "/proc", folder / "proc"], ["-o", "remount,ro,bind", folder]):
        subprocess.run(["mount", *command], check=True)


def inside(folder, stage, command):
    user, group = stage["USER"].split(":")
    place = [f"--root={folder}", f"--wd={stage['WORKDIR']}", f"--setuid={user}", f"--setgid={group}"]
    return ["unshare", *place, *command]


def healthy(folder, stage):
    check_command = json.loads(stage["HEALTHCHECK"].split(" CMD ")[1])
    return subprocess.run(inside(folder, stage, check_command), capture_output=True, text=True, env={})


class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_):
        pass


def serve(folder, stage):
    before = healthy(folder, stage)
    check("the health check fails while nothing serves", before.returncode == 1, before)
    command = json.loads(stage["ENTRYPOINT"]) + json.loads(stage["CMD"])
    log = open(folder.parent / "log", "w+")
    gate = subprocess.Popen(inside(folder, stage, command), stdout=log, stderr=log, env={})
    ready = until(lambda: healthy(folder, stage).returncode == 0)
    log.seek(0)
    check("the health check holds once it serves", ready, log.read())
    status = pathlib.Path(f"/proc/{gate.pid}/status").read_text()
    users = set(re.search(r"^Uid:\t(.*)$", status, re.MULTILINE)[1].split())
    check("it runs as a user who may nothing", users == {stage["USER"].split(":")[0]} and "CapEff:\t0000000000000000" in status, status)
    answer = urllib.request.urlopen("http://127.0.0.1:8080/orders/7", timeout=10).read()
    check("requests go through", answer == b"/orders/7", answer)
    metrics = urllib.request.urlopen("http://127.0.0.1:9901/metrics", timeout=10).read().decode()
    resident = re.search(r"^process_resident_memory_bytes (\d+)$", metrics, re.MULTILINE)
    check("it can be measured", resident and int(resident[1]) > 1_000_000, resident)
    gate.send_signal(getattr(signal, stage["STOPSIGNAL"]))
    check("it stops in peace when it is told to", gate.wait(timeout=45) == 0, gate.returncode)


with tempfile.TemporaryDirectory() as made:
    folder = pathlib.Path(made) / "root"
    folder.mkdir()
    stage = last_stage()
    make(folder, stage)
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 8081), Echo)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    try:
        serve(folder, stage)
    finally:
        for mounted in (folder / "proc", folder):
            subprocess.run(["umount", "--lazy", mounted], check=False)
sys.exit(1 if failed else 0)
