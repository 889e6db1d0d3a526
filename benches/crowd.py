#!/usr/bin/env python3
"""A crowd before the gate: idle connections, and clients that never come to the end of their request. How do others fare?

Run by hand: `LYCHGATE=target/release/lychgate benches/crowd.py [--idle 10000] [--slow 200] [--seconds 60]`. It wants as many
file descriptors as connections (it raises its own limit as far as it may), and prints latencies and resident memory of the
gate, alone and in the crowd. Ports: each client address has 28,000; more idle connections come from 127.0.0.2 and so on.
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


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


async def upstream(reader, writer):
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()


async def ask(reader, writer):
    writer.write(HEAD + b"\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    await reader.readexactly(1024)


class Crowd:
    def __init__(self, port, wanted):
        self.port, self.wanted = port, wanted
        self.idle, self.slow, self.timed_out = [], 0, 0

    async def connect(self, number=0):
        address = f"127.0.0.{2 + number // 20_000}"
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))

    async def gather(self):
        """Idle connections, each of which has had one answer."""
        room = asyncio.Semaphore(100)

        async def one(number):
            async with room:
                reader, writer = await self.connect(number)
                await ask(reader, writer)
                self.idle.append((reader, writer))

        await asyncio.gather(*(one(number) for number in range(self.wanted.idle)))

    async def dawdle(self):
        """A request whose header section comes line by line and never ends; refused, it begins anew."""
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await self.connect()
                writer.write(HEAD)
                self.slow += 1
                while not reader.at_eof():
                    writer.write(b"X-More: and more\r\n")
                    try:
                        answer = await asyncio.wait_for(reader.read(1000), 1)
                    except TimeoutError:
                        continue
                    self.timed_out += answer.startswith(b"HTTP/1.1 408 ")
                    break
                self.slow -= 1
                writer.close()

    async def watch(self, seconds):
        """Latencies in milliseconds of ordinary requests, half of them on new connections."""
        kept = await asyncio.open_connection("127.0.0.1", self.port)
        times, end = {"kept": [], "new": []}, time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.monotonic()
            await ask(*kept)
            times["kept"].append(1000 * (time.monotonic() - begun))
            begun = time.monotonic()
            fresh = await asyncio.open_connection("127.0.0.1", self.port)
            await ask(*fresh)
            times["new"].append(1000 * (time.monotonic() - begun))
            fresh[1].close()
            await asyncio.sleep(0.02)
        return times


def resident(process):
    lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS:"))


def show(name, times, process):
    for way, taken in times.items():
        taken.sort()
        p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        print(f"{name}, {way} connection: {len(taken)} requests, p50 {p50:.2f} ms, p99 {p99:.2f} ms, longest {taken[-1]:.2f} ms")
    print(f"{name}: resident memory {resident(process)} MiB", flush=True)


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
    try:
        crowd = Crowd(port, wanted)
        for _ in range(200):
            with contextlib.suppress(OSError):
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            await asyncio.sleep(0.1)
        show("alone", await crowd.watch(10), process)
        begun = time.monotonic()
        await crowd.gather()
        print(f"{len(crowd.idle)} idle connections after {time.monotonic() - begun:.1f} s, resident memory {resident(process)} MiB")
        slow = [asyncio.ensure_future(crowd.dawdle()) for _ in range(wanted.slow)]
        # what rests for a minute is closed: counted before that
        for half in ("first half", "second half"):
            show(f"in the crowd, {half}", await crowd.watch(wanted.seconds / 2), process)
            left = sum(not reader.at_eof() for reader, _ in crowd.idle)
            print(f"then {left} idle connections, {crowd.slow} slow ones, {crowd.timed_out} slow requests refused with 408 so far")
        for task in slow:
            task.cancel()
        for _, writer in crowd.idle:
            writer.close()
        await asyncio.sleep(2)
        show("afterwards", await crowd.watch(5), process)
    finally:
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in [("idle", 10_000), ("slow", 200), ("seconds", 60)]:
        parser.add_argument(f"--{name}", type=int, default=usual)
    wanted = parser.parse_args()
    needed = wanted.idle + wanted.slow + 500
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < needed:
        sys.exit(f"{needed} file descriptors are needed, and no more than {most} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if most == resource.RLIM_INFINITY else most, most))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(wanted, pathlib.Path(folder)))


main()
