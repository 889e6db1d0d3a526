#!/usr/bin/env python3
"""A crowd before the gate: idle connections, and clients that never come to the end of their request. How do others fare?

Run by hand: `LYCHGATE=target/release/lychgate benches/crowd.py [--idle 10000] [--slow 200] [--seconds 60]`. It prints latencies and
resident memory of the gate, alone, in the crowd and afterwards, and ends with 1 where a bound is broken: every ordinary request is
answered, none waits longer than --longest seconds, an idle connection costs less than --bytes, slow requests are refused with 408
and idle connections are closed after their minute, and the gate takes no more memory in the second half than in the first. It ends in any
case, two minutes after its time at the latest. It wants as many file descriptors as connections, for itself and for the gate, and raises its
own limit as far as it may. Ports: each client address has 28,000; more idle connections come from 127.0.0.3 and so on.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import time

HEAD = b"GET /a HTTP/1.1\r\nHost: gate.example\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 1024\r\n\r\n" + b"x" * 1024
ALONE = 10  # seconds that the others are watched before the crowd comes
AFTERWARDS = 5
REST = 60  # seconds after which the gate closes a connection at rest
SLACK = 120  # seconds for everything beside the time that is asked for
NEWER = 32  # MiB that the second half may take more than the first


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


async def upstream(reader, writer):
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
    writer.close()


async def ask(reader, writer):
    writer.write(HEAD + b"\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    await reader.readexactly(1024)


class Crowd:
    def __init__(self, port, wanted):
        self.port, self.wanted = port, wanted
        self.idle, self.slow, self.begun, self.refused, self.failed = [], 0, 0, 0, []

    async def connect(self, number=0):
        address = f"127.0.0.{2 + number // 20_000}"
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))

    async def gather(self):
        """Idle connections, each of which has had one answer."""
        room = asyncio.Semaphore(100)

        async def one(number):
            async with room:
                reader, writer = await self.connect(number)
                self.idle.append((reader, writer))
                await ask(reader, writer)

        async with asyncio.timeout(SLACK / 2):
            await asyncio.gather(*(one(number) for number in range(self.wanted.idle)))

    def close(self):
        for _, writer in self.idle:
            writer.close()
        self.idle.clear()

    async def dawdle(self):
        """A request whose header section comes line by line and never ends; refused, it begins anew."""
        while True:
            reader, writer = await self.connect()
            self.slow += 1
            self.begun += 1
            try:
                writer.write(HEAD)
                while not reader.at_eof():
                    writer.write(b"X-More: and more\r\n")
                    with contextlib.suppress(TimeoutError):
                        answer = await asyncio.wait_for(reader.read(1000), 1)
                        self.refused += answer.startswith(b"HTTP/1.1 408 ")
                        break
            except OSError:
                pass  # closed between two lines
            finally:
                self.slow -= 1
                writer.close()

    async def watch(self, seconds):
        """Latencies in milliseconds of ordinary requests, half of them on new connections."""
        times, end = {"kept": [], "new": []}, time.monotonic() + seconds
        kept = await asyncio.open_connection("127.0.0.1", self.port)
        while time.monotonic() < end:
            begun = time.monotonic()
            await self.ask_in_time("kept", *kept)
            times["kept"].append(1000 * (time.monotonic() - begun))
            begun = time.monotonic()
            fresh = await asyncio.open_connection("127.0.0.1", self.port)
            await self.ask_in_time("new", *fresh)
            times["new"].append(1000 * (time.monotonic() - begun))
            fresh[1].close()
            await asyncio.sleep(0.02)
        kept[1].close()
        return times

    async def ask_in_time(self, way, reader, writer):
        try:
            async with asyncio.timeout(self.wanted.longest):
                await ask(reader, writer)
        except (OSError, AssertionError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.failed.append(f"{way} connection: {error!r}")
            raise


def resident(process):
    lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def show(name, times, process):
    for way, taken in times.items():
        taken.sort()
        p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        print(f"{name}, {way} connection: {len(taken)} requests, p50 {p50:.2f} ms, p99 {p99:.2f} ms, longest {taken[-1]:.2f} ms")
    print(f"{name}: resident memory {resident(process):.0f} MiB", flush=True)


async def opened(port):
    for _ in range(200):
        with contextlib.suppress(OSError):
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
            return
        await asyncio.sleep(0.1)
    sys.exit("the gate does not open")


async def measure(crowd, process, wanted):
    """Says what it sees, and gives the bounds that were broken."""
    broken = []
    await opened(crowd.port)
    show("alone", await crowd.watch(ALONE), process)
    before, begun = resident(process), time.monotonic()
    await crowd.gather()
    each = (resident(process) - before) * 1024 * 1024 / wanted.idle
    print(f"{len(crowd.idle)} idle connections after {time.monotonic() - begun:.1f} s, resident memory {resident(process):.0f} MiB, {each:.0f} bytes each")
    if each > wanted.bytes:
        broken.append(f"an idle connection costs {each:.0f} bytes, more than {wanted.bytes}")
    slow = [asyncio.ensure_future(crowd.dawdle()) for _ in range(wanted.slow)]
    held = []
    for half in ("first half", "second half"):
        show(f"in the crowd, {half}", await crowd.watch(wanted.seconds / 2), process)
        left = sum(not reader.at_eof() for reader, _ in crowd.idle)
        print(f"then {left} idle connections, {crowd.slow} slow ones, {crowd.refused} of {crowd.begun} slow requests refused with 408 so far")
        held.append(resident(process))
    if held[1] > held[0] + NEWER:
        broken.append(f"memory grows on in the crowd, from {held[0]:.0f} to {held[1]:.0f} MiB")
    # what was begun last may still have its time, as may what rests
    if crowd.begun - crowd.refused > wanted.slow + crowd.begun // 20:
        broken.append(f"{crowd.begun} slow requests, of which {crowd.refused} were refused with 408")
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    if wanted.seconds > REST + 5 and left > 0:
        broken.append(f"{left} idle connections are open after {wanted.seconds} s")
    crowd.close()
    await asyncio.sleep(2)
    show("afterwards", await crowd.watch(AFTERWARDS), process)
    return broken


async def run(wanted, folder):
    server = await asyncio.start_server(upstream, "127.0.0.1", 0, backlog=1000)
    behind, port, admin = server.sockets[0].getsockname()[1], free_port(), free_port()
    config = {
        "listeners": [{"address": f"127.0.0.1:{port}"}],
        "admin": {"address": f"127.0.0.1:{admin}"},
        "trusted_issuers": {},
        "upstreams": {"u": {"endpoints": [f"127.0.0.1:{behind}"]}},
        "routes": [{"name": "r", "match": {"path": "/{*rest}"}, "access": "public", "upstream": "u"}],
        "limits": {"connections_per_ip": 100_000},
        "telemetry": {"log": "error", "access_log": "off"},
    }
    (folder / "lychgate.yaml").write_text(json.dumps(config))
    process = subprocess.Popen([os.environ["LYCHGATE"], "serve", "--config", folder / "lychgate.yaml"])
    crowd = Crowd(port, wanted)
    try:
        async with asyncio.timeout(ALONE + wanted.seconds + AFTERWARDS + SLACK):
            broken = await measure(crowd, process, wanted)
    except (OSError, AssertionError, asyncio.IncompleteReadError, TimeoutError) as error:
        broken = crowd.failed or [f"it did not come to its end: {error!r}"]
    finally:
        crowd.close()
        process.kill()
        process.wait()
    for bound in broken:
        print(f"broken: {bound}", file=sys.stderr)
    return 1 if broken else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in [("idle", 10_000), ("slow", 200), ("seconds", 60), ("longest", 5), ("bytes", 64 * 1024)]:
        parser.add_argument(f"--{name}", type=int, default=usual)
    wanted = parser.parse_args()
    if "LYCHGATE" not in os.environ:
        sys.exit("LYCHGATE names no binary: LYCHGATE=target/release/lychgate benches/crowd.py")
    needed = wanted.idle + wanted.slow + 500
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < needed:
        sys.exit(f"{needed} file descriptors are needed, and no more than {most} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if most == resource.RLIM_INFINITY else most, most))
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(asyncio.run(run(wanted, pathlib.Path(folder))))


main()
