"""Opens WebSockets through a gate with Python's `websockets`, on both sides of it."""

import asyncio
import contextlib
import ssl
import time

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gate import Gate, check, finish, until

told = []


async def echo(socket):
    told.append({name.lower(): value for name, value in socket.request.headers.raw_items()})
    # one that the gate has ended ends without a word
    with contextlib.suppress(ConnectionClosed):
        async for message in socket:
            await socket.send(message)


async def refusal(url, **more):
    try:
        async with connect(url, **more):
            return None
    except InvalidStatus as refused:
        return refused.response.status_code


async def main():
    async with serve(echo, "127.0.0.1", 0, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        gate = Gate(
            {
                "upstreams": {"chat": {"endpoints": [f"127.0.0.1:{port}"]}},
                "routes": [
                    {"name": "chat", "match": {"path": "/chat"}, "upgrade": ["websocket"], "upstream": "chat"},
                    {"name": "kept", "match": {"path": "/kept"}, "upgrade": ["websocket"], "outlive_token": True, "upstream": "chat"},
                    {"name": "plain", "match": {"path": "/plain"}, "upstream": "chat"},
                ],
            },
            {"plain": {}, "tls": {"tls": {"certificate": "tls.crt", "key": "tls.key"}}},
        )
        gate.certificate("gate.example")
        with gate:
            trusted = ssl.create_default_context(cafile=gate.folder / "tls.crt")
            secure = {"ssl": trusted, "server_hostname": "gate.example"}
            for way, base, more in [
                ("in the clear", f"ws://127.0.0.1:{gate.ports['plain']}", {}),
                ("by TLS", f"wss://127.0.0.1:{gate.ports['tls']}", secure),
            ]:
                await talk(gate, way, base, more)
            closed = until(lambda: gate.metric('lychgate_streams_closed_total{reason="token-expired",route="chat"}') == 2)
            check("what was closed was counted", closed)


def bearer(token):
    return {"additional_headers": {"Authorization": f"Bearer {token}", "X-Auth-Sub": "eve"}}


async def talk(gate, way, base, more):
    more = {**more, "proxy": None}
    async with connect(base + "/chat", max_size=None, **bearer(gate.mint()), **more) as socket:
        await socket.send("hello")
        check(f"{way}: what is said comes back", await socket.recv() == "hello")
        big = b"x" * 3_000_000
        await socket.send(big)
        check(f"{way}: so does a large message", await socket.recv() == big)
        pong = await socket.ping()
        await asyncio.wait_for(pong, 10)
        check(f"{way}: and a ping", True)
    proved = told[-1].get("x-auth-sub") == "alice" and "authorization" not in told[-1]
    check(f"{way}: the upstream was told who speaks", proved, told[-1])
    check(f"{way}: a close is agreed on", socket.close_code == 1000, socket.close_code)

    before = len(told)
    check(f"{way}: without a token 401", await refusal(base + "/chat", **more) == 401)
    check(f"{way}: with an expired one 401", await refusal(base + "/chat", **bearer(gate.mint(-10)), **more) == 401)
    status = await refusal(base + "/plain", **bearer(gate.mint()), **more)
    check(f"{way}: a route that allows none opens none", status is not None and status != 101, status)
    check(f"{way}: nobody got through to the upstream", len(told) == before, told[before:])

    begun = time.monotonic()
    async with connect(base + "/chat", **bearer(gate.mint(2)), **more) as socket:
        await socket.send("hello")
        came = await socket.recv()
        try:
            await asyncio.wait_for(socket.recv(), 15)
        except ConnectionClosed as closed:
            close = closed.rcvd
        check(f"{way}: a token that ends closes with 1008", came == "hello" and close.code == 1008 and close.reason == "token-expired", close)
        check(f"{way}: and not before", 0.5 < time.monotonic() - begun < 8, time.monotonic() - begun)
    async with connect(base + "/kept", **bearer(gate.mint(1)), **more) as socket:
        await asyncio.sleep(3)
        await socket.send("still here")
        check(f"{way}: a route may let a stream outlive its token", await socket.recv() == "still here")


asyncio.run(main())
finish()
