"""Calls a gRPC server through a gate: no stubs, messages are bytes."""

import time
from concurrent import futures

import grpc

from gate import Gate, check, finish, until

MESSAGE = 2_000_000  # bytes


class Service(grpc.GenericRpcHandler):
    def service(self, call):
        handlers = {
            "/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "/test.Echo/Feed": grpc.unary_stream_rpc_method_handler(self.feed),
            "/test.Echo/Talk": grpc.stream_stream_rpc_method_handler(self.talk),
            "/test.Echo/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
        }
        return handlers.get(call.method)

    def unary(self, request, context):
        told = dict(context.invocation_metadata())
        context.set_trailing_metadata((("told", told.get("x-auth-sub", "nobody")), ("claimed", str("authorization" in told))))
        return request

    def feed(self, request, context):
        for number in range(int(request)):
            yield str(number).encode()
        # silent from now on, for as long as the caller stays
        while request.startswith(b"0") and context.is_active():
            time.sleep(0.1)

    def talk(self, requests, context):
        for request in requests:
            yield request

    def fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: 50%")


server = grpc.server(futures.ThreadPoolExecutor(20), options=[("grpc.max_receive_message_length", 2 * MESSAGE)])
server.add_generic_rpc_handlers([Service()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()

gate = Gate(
    {
        "upstreams": {"calls": {"endpoints": [f"127.0.0.1:{port}"], "http2": True}},
        "routes": [
            {"name": "echo", "match": {"path": "/test.Echo/{method}"}, "upstream": "calls"},
            {"name": "admin", "match": {"path": "/test.Admin/{method}"}, "access": {"scopes": {"any": ["admin"]}}, "upstream": "calls"},
        ],
    },
    {"clear": {"h2c": True}, "tls": {"tls": {"certificate": "tls.crt", "key": "tls.key"}}},
)
gate.certificate("gate.example")


def channels():
    options = [("grpc.max_receive_message_length", 2 * MESSAGE)]
    yield "in the clear", grpc.insecure_channel(f"127.0.0.1:{gate.ports['clear']}", options)
    trusted = grpc.ssl_channel_credentials((gate.folder / "tls.crt").read_bytes())
    named = ("grpc.ssl_target_name_override", "gate.example")
    yield "by TLS", grpc.secure_channel(f"127.0.0.1:{gate.ports['tls']}", trusted, [*options, named])


def bearer(token):
    return {"metadata": (("authorization", f"Bearer {token}"),), "timeout": 20}


def refusal(call, *arguments, **more):
    try:
        call(*arguments, **more)
    except grpc.RpcError as error:
        return error
    return None


def says(error, code, named):
    if error is None or error.code() != code:
        return False
    told = [*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())]
    return dict(told).get("lychgate-code") == named


with gate:
    token = gate.mint()
    for way, channel in channels():
        unary = channel.unary_unary("/test.Echo/Unary")
        answer, call = unary.with_call(b"hello", **bearer(token))
        told = dict(call.trailing_metadata())
        check(f"{way}: a call is answered", answer == b"hello")
        check(f"{way}: trailers say who called, and the token stayed here", told == {"told": "alice", "claimed": "False"}, told)
        check(f"{way}: a message of 2 MB passes", unary(b"x" * MESSAGE, **bearer(token)) == b"x" * MESSAGE)
        feed = channel.unary_stream("/test.Echo/Feed")
        check(f"{way}: a server streams", [*feed(b"100", **bearer(token))] == [str(n).encode() for n in range(100)])
        talk = channel.stream_stream("/test.Echo/Talk")
        check(f"{way}: both stream", [*talk(iter([b"a", b"b", b"c"]), **bearer(token))] == [b"a", b"b", b"c"])
        error = refusal(channel.unary_unary("/test.Echo/Fail"), b"", **bearer(token))
        check(f"{way}: the server's own status arrives", error.code() == grpc.StatusCode.FAILED_PRECONDITION and error.details() == "not now: 50%", error)
        many = [unary.future(b"x", **bearer(token)) for _ in range(150)]
        check(f"{way}: 150 calls at once", all(call.result() == b"x" for call in many))

        error = refusal(unary, b"hello", timeout=20)
        check(f"{way}: without a token UNAUTHENTICATED", says(error, grpc.StatusCode.UNAUTHENTICATED, "missing-credential"), error)
        error = refusal(unary, b"hello", **bearer(gate.mint(-10)))
        check(f"{way}: with an expired one too", says(error, grpc.StatusCode.UNAUTHENTICATED, "token-expired"), error)
        error = refusal(channel.unary_unary("/test.Admin/Stop"), b"", **bearer(token))
        check(f"{way}: without the scope PERMISSION_DENIED", says(error, grpc.StatusCode.PERMISSION_DENIED, "insufficient-scope"), error)
        error = refusal(channel.unary_unary("/test.Nowhere/Go"), b"", **bearer(token))
        check(f"{way}: where nothing is UNIMPLEMENTED", says(error, grpc.StatusCode.UNIMPLEMENTED, "no-route"), error)

        begun, came = time.monotonic(), []
        try:
            for message in feed(b"03", **bearer(gate.mint(3))):
                came.append(message)
        except grpc.RpcError as stopped:
            error = stopped
        check(f"{way}: a token that ends within a call ends it", says(error, grpc.StatusCode.UNAUTHENTICATED, "token-expired") and len(came) == 3, error)
        check(f"{way}: and not before", 1 < time.monotonic() - begun < 10, time.monotonic() - begun)
        channel.close()
    closed = until(lambda: gate.metric('lychgate_streams_closed_total{reason="token-expired",route="echo"}') == 2)
    check("what was closed was counted", closed)

server.stop(0)
finish()
