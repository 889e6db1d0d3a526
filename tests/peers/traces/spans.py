"""One trace through three services: a client with OpenTelemetry's SDK, the gate, and an upstream with the SDK."""

import contextlib
import gzip
import http.server
import importlib
import pathlib
import pkgutil
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

import rotel
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry import semconv
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gate import Gate, check, finish, free_port, until

PROPAGATOR = TraceContextTextMapPropagator()
exports, reached = [], []


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body=b"", kind="text/plain"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Upstream(Server):
    def do_GET(self):
        reached.append(PROPAGATOR.extract({name.lower(): value for name, value in self.headers.items()}))
        self.answer()


class Collector(Server):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        exports.append((self.path, self.headers, body))
        self.answer(ExportTraceServiceResponse().SerializeToString(), "application/x-protobuf")


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def unknown(message):
    """Fields that OpenTelemetry's own messages do not have, anywhere below."""
    found = [f"{message.DESCRIPTOR.name}: {field.field_number}" for field in UnknownFieldSet(message)]
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for one in value if field.is_repeated else [value]:
                found += unknown(one)
    return found


def messages():
    return [ExportTraceServiceRequest.FromString(body) for _, _, body in exports]


def spans():
    return [span for one in messages() for resource in one.resource_spans for scope in resource.scope_spans for span in scope.spans]


def value(one):
    kind = one.WhichOneof("value")
    return [value(member) for member in one.array_value.values] if kind == "array_value" else getattr(one, kind)


def attributes(span):
    return {pair.key: value(pair.value) for pair in span.attributes}


def conventions():
    """Every attribute that the semantic conventions name."""
    names = set()
    for module in pkgutil.walk_packages(semconv.__path__, "opentelemetry.semconv."):
        if "attributes" in module.name and not module.ispkg:
            names |= {text for text in vars(importlib.import_module(module.name)).values() if type(text) is str}
    return names


def ask(gate, path, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{gate.ports['plain']}{path}", headers=headers)
    try:
        return urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code


def told(path):
    """The gate's own span of the request for this path, and those below it."""
    whole = until(lambda: next((span for span in spans() if attributes(span).get("url.path") == path), None))
    return whole, [span for span in spans() if span.parent_span_id == whole.span_id]


def check_chain(gate):
    tracer = TracerProvider().get_tracer("client")
    with tracer.start_as_current_span("call") as call:
        headers = {}
        PROPAGATOR.inject(headers, set_span_in_context(call))
        token = gate.mint(sub="alice-in-person")
        status = ask(gate, "/orders/7?access_token=in-query", Authorization=f"Bearer {token}", **headers)
    context = call.get_span_context()
    whole, steps = told("/orders/7")
    upstream = next(span for span in steps if span.kind == Span.SPAN_KIND_CLIENT)
    check("the request goes through", status == 200, status)
    is_same = all(span.trace_id == context.trace_id.to_bytes(16, "big") for span in [whole, *steps])
    check("the gate's spans are of the client's trace", is_same, [span.trace_id.hex() for span in steps])
    check("the client's span is the parent of the gate's", whole.parent_span_id == context.span_id.to_bytes(8, "big"), whole)
    server = TracerProvider().get_tracer("upstream").start_span("serve", reached[-1])
    is_below = server.get_span_context().trace_id == context.trace_id and server.parent.span_id.to_bytes(8, "big") == upstream.span_id
    check("the upstream goes on below the gate's try", is_below and server.parent.is_remote, server.parent)
    check("the upstream hears that it is recorded", server.parent.trace_flags.sampled, server.parent)
    named = [span.name for span in steps]
    check("each step of the decision is told", named == ["route", "credential", "verify", "access", "permit", "upstream"], named)
    in_time = all(whole.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= whole.end_time_unix_nano for span in steps)
    check("each step lies within the request", in_time, steps)
    return token


def check_form(token):
    odd = [field for message in messages() for field in unknown(message)]
    check("every field is one of OpenTelemetry's messages", not odd, odd)
    wrong = [span.name for span in spans() if (len(span.trace_id), len(span.span_id)) != (16, 8) or not span.name or not span.kind]
    check("every span has ids, a name and a kind", not wrong, wrong)
    known = conventions()
    names = {name for span in spans() for name in attributes(span) if not name.startswith("lychgate.")}
    check(f"every attribute is lychgate's or of the semantic conventions ({len(names)})", len(known) > 100 and names <= known, names - known)
    # https://opentelemetry.io/docs/specs/semconv/http/http-spans: required, and recommended where the gate knows it
    wanted = {"http.request.method", "url.path", "url.scheme", "http.route", "http.response.status_code", "server.address", "client.address"}
    whole = attributes(told("/orders/7")[0])
    check("what the conventions ask of a server's span is there", wanted <= whole.keys(), wanted - whole.keys())
    client = {"http.request.method", "server.address", "server.port", "url.full"}
    tried = attributes(next(span for span in spans() if span.kind == Span.SPAN_KIND_CLIENT))
    check("what the conventions ask of a client's span is there", client <= tried.keys(), client - tried.keys())
    resource = {pair.key: value(pair.value) for pair in messages()[0].resource_spans[0].resource.attributes}
    check("it is told whose traces they are", resource.get("service.name") == "lychgate" and {"service.version", "service.instance.id"} <= resource.keys(), resource)
    path, headers, _ = exports[0]
    check("it is OTLP over HTTP", (path, headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf"), (path, headers))
    leaked = [secret for secret in (token, token.rsplit(".", 1)[1], "alice-in-person", "in-query") if any(secret.encode() in body for _, _, body in exports)]
    check("no token, subject or query is told", not leaked, len(leaked))


def check_ends(gate):
    ask(gate, "/orders/8")
    whole, steps = told("/orders/8")
    check("a refusal is no error", whole.status.code == Status.STATUS_CODE_UNSET and attributes(steps[-1]).get("lychgate.code") == "missing-credential", whole)
    ask(gate, "/away")
    whole, _ = told("/away")
    check("a failure is one", whole.status.code == Status.STATUS_CODE_ERROR and attributes(whole)["error.type"] == "upstream-unreachable", whole)


@contextlib.contextmanager
def rotel_before(exporter):
    """Rotel, a collector: takes OTLP over HTTP and hands it on, in its own encoding."""
    agent = pathlib.Path(rotel.__file__).parent / "rotel-agent"
    receiver = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "otlp-http-endpoint": receiver,
            "otlp-grpc-endpoint": f"127.0.0.1:{free_port()}",
            "otlp-exporter-endpoint": exporter,
            "otlp-exporter-protocol": "http",
            "otlp-exporter-compression": "none",
            "batch-timeout": "100ms",
            "pid-file": f"{folder}/pid",
            "log-file": f"{folder}/log",
        }
        command = [agent, "start", *(f"--{name}={value}" for name, value in options.items())]
        log = open(f"{folder}/said", "w+")
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            host, port = receiver.split(":")
            is_open = until(lambda: socket.create_connection((host, int(port)), 5).close() is None)
            check("rotel opens its receiver", is_open, (pathlib.Path(folder) / "said").read_text()[-2000:])
            yield f"http://{receiver}"
        finally:
            process.kill()
            process.wait()


def check_through_another_collector(config):
    """What another collector has understood of it, it can say again."""
    exports.clear()
    with rotel_before(f"http://127.0.0.1:{serve(Collector)}") as receiver:
        config = {**config, "telemetry": {"access_log": "off", "traces": {"otlp": receiver}}}
        with Gate(config, {"plain": {}}) as gate:
            ask(gate, "/orders/9", Authorization=f"Bearer {gate.mint()}")
            whole, steps = told("/orders/9")
            counted = until(lambda: gate.metric('lychgate_trace_spans_total{result="sent"}') == 1 + len(steps))
    named = [span.name for span in steps]
    check("rotel hands on each step", named == ["route", "credential", "verify", "access", "permit", "upstream"], named)
    check("rotel hands on what was told of the request", attributes(whole)["http.route"] == "/orders/{id}", whole)
    check("the gate counts what rotel took", counted, named)


def main():
    config = {
        "upstreams": {"orders": {"endpoints": [f"127.0.0.1:{serve(Upstream)}"]}, "away": {"endpoints": ["127.0.0.1:1"]}},
        "routes": [
            {"name": "orders", "match": {"path": "/orders/{id}"}, "upstream": "orders"},
            {"name": "away", "match": {"path": "/away"}, "access": "public", "upstream": "away"},
        ],
        "telemetry": {"access_log": "off", "traces": {"otlp": f"http://127.0.0.1:{serve(Collector)}"}},
    }
    with Gate(config, {"plain": {}}) as gate:
        token = check_chain(gate)
        check_ends(gate)
        check_form(token)
    check_through_another_collector(config)


main()
finish()
