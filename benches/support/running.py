"""Processes under measure: started on a CPU of their own, watched, and ended."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processes_of(root):
    """The process and all that it has started."""
    children = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def cpu_seconds(root):
    total = 0
    for process in processes_of(root):
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident_mib(root):
    pages = sum(int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in processes_of(root))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Running:
    """A process on one CPU (on any, where that is None), until the end of the `with` block."""

    def __init__(self, command, cpu, log, port, patience=30, environment=None):
        self.log = open(log, "ab")
        pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
        self.process = subprocess.Popen([*pinned, *command], stdout=self.log, stderr=self.log, env=environment)
        self.port, self.patience = port, patience

    def __enter__(self):
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        sys.exit(f"{self.process.args} did not start; see {self.log.name}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
