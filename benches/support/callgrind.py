"""Counts the instructions of a running gate with callgrind: by the difference of two counts, so that what is not of a request falls out."""

import os
import re
import shutil
import subprocess
import time

from client import Client
from running import Running

STARTING = 900  # seconds that a gate may take to open under valgrind


class Counted:
    """A gate under callgrind, which counts once it is open, until the end of the `with` block. Its config says `threads: 1`."""

    def __init__(self, config, port, folder):
        self.port, self.folder, self.dumps = port, folder, 0
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # nothing is counted, and so less is slow, before a request comes
        options = ["--instr-atstart=no", "--separate-threads=yes", f"--callgrind-out-file={folder / 'callgrind.out'}"]
        command = ["valgrind", "--tool=callgrind", *options, os.environ["LYCHGATE"], "serve", "--config", str(config)]
        # else a large copy is one instruction to the processor, `rep movsb`, and one a byte to callgrind
        environment = {**os.environ, "GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=0x10000000"}
        self.running = Running(command, None, folder / "valgrind.log", port, STARTING, environment)

    def __enter__(self):
        self.running.__enter__()
        self.control("--instr=on")
        return self

    def __exit__(self, *_):
        self.running.__exit__()

    def control(self, word):
        subprocess.run(["callgrind_control", word, str(self.running.process.pid)], check=True, capture_output=True, timeout=120)

    def counted(self):
        """What the thread that serves requests has taken since the last time, and the file that says for what.

        The others are left out: their clocks tick by the second, and under valgrind a request takes many more of those.
        """
        time.sleep(0.2)  # what follows an answer belongs to its request
        self.control("--dump")
        self.dumps += 1
        files = self.folder.glob(f"callgrind.out.{self.dumps}-*")
        return max((int(re.search(r"^totals: (\d+)", file.read_text(), re.MULTILINE)[1]), file) for file in files)

    def a_request(self, requests, wanted, count, profile=None):
        """Instructions that the gate takes for one request more. `requests` makes as many as it is asked for, which must all be
        answered with the status that is wanted; `profile` is a file for callgrind_annotate."""
        client = Client(self.port)

        def send(count):
            for request in requests(count):
                if (status := client.ask(request)) != wanted:
                    raise RuntimeError(f"the gate answered {status} and not {wanted}")

        send(count // 2)
        self.counted()
        send(count)
        less, _ = self.counted()
        send(2 * count)
        more, file = self.counted()
        client.close()
        if profile:
            shutil.copy(file, profile)
        return (more - less) / count
