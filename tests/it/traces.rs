//! Traces: each request as spans at a collector, and the context that goes on to upstreams.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{
    Authority, Connection, Reply, Request, Setup, TestCollector, TestGateway, TestIssuer, TestUpstream, ToldSpan,
    free_ports, until,
};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
policies:
  orders: {directory: orders}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
  away: {endpoints: ["127.0.0.1:1"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - name: orders
    match: {path: "/orders/{id}"}
    access: {groups: {any: [sales]}, policy: orders}
    rate_limit: {by: sub, rate: 1000/s}
    upstream: echo
  - {name: away, match: {path: "/away"}, access: public, upstream: away}
"#;

const POLICY: &str =
    r#"@id("all-but-secret") permit (principal, action, resource) unless { context.path.id == "secret" };"#;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

struct World {
    issuer: TestIssuer,
    upstream: TestUpstream,
    collector: TestCollector,
    gate: TestGateway,
}

fn setup(issuer: &TestIssuer, upstream: &TestUpstream, more: &str) -> Setup {
    let setup = Setup::of(&format!("{CONFIG}{more}")).put("CORP", issuer.trust(""));
    setup.put("UPSTREAM", upstream.address()).file("orders/orders.cedar", POLICY)
}

/// A gate with these settings of `traces`, beside the collector's URL, and more.
fn world_with(collector: TestCollector, traces: &str, more: &str) -> World {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let traces = format!(
        "telemetry: {{decisions: {{log: all, file: decisions.log}}, traces: {{otlp: 'http://{}'{traces}}}}}\n{more}",
        collector.address()
    );
    let gate = setup(&issuer, &upstream, &traces).file("collector-token", "hush-hush\n").start();
    World { issuer, upstream, collector, gate }
}

fn world(traces: &str) -> World {
    world_with(TestCollector::start(), traces, "")
}

impl World {
    fn sales_token(&self) -> String {
        self.issuer.token().sub("alice-in-person").groups(&["sales"]).mint()
    }

    /// Sends a request, and gives the status with the spans that were told of it, the gate's own first.
    fn traced(&self, request: &Request) -> (u16, Vec<ToldSpan>) {
        let answer = self.gate.ask(request);
        (answer.status(), self.collector.told(answer.header("x-request-id").unwrap()))
    }

    fn spans_counted(&self, result: &str) -> f64 {
        self.gate.metric(&format!("lychgate_trace_spans_total{{result=\"{result}\"}}"))
    }
}

fn names(spans: &[ToldSpan]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

fn named<'a>(spans: &'a [ToldSpan], name: &str) -> &'a ToldSpan {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

fn exports_tell_no_secret(world: &World, token: &str) {
    for export in world.collector.exports() {
        assert_eq!((export.method(), export.target()), ("POST", "/v1/traces"));
        assert_eq!(export.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(export.header("authorization"), Some("hush-hush"));
        let told = export.text();
        for secret in [token, token.rsplit('.').next().unwrap(), "in-query", "alice-in-person", "hush-hush"] {
            assert!(!told.contains(secret), "{secret} was told");
        }
    }
}

#[test]
fn a_request_is_told_with_the_steps_of_its_decision() {
    let world = world(
        ", service: edge, attributes: {deployment.environment.name: tests}, headers: {authorization: {file: collector-token}}",
    );
    let token = world.sales_token();
    let ask = || world.traced(&Request::get("/orders/7?access_token=in-query").bearer(&token));
    let (status, spans) = ask();
    assert_eq!(status, 200);
    assert_eq!(
        names(&spans),
        [
            "GET /orders/{id}",
            "route",
            "rate_limit",
            "credential",
            "verify",
            "rate_limit",
            "access",
            "policy",
            "permit",
            "upstream"
        ]
    );
    let whole = &spans[0];
    let port = world.upstream.address().port().to_string();
    for (span, attribute, value) in [
        (whole, "http.request.method", "GET"),
        (whole, "http.route", "/orders/{id}"),
        (whole, "http.response.status_code", "200"),
        (whole, "url.path", "/orders/7"),
        (whole, "url.scheme", "http"),
        (whole, "server.address", "gate.example"),
        (whole, "client.address", "127.0.0.1"),
        (whole, "network.protocol.version", "1.1"),
        (whole, "lychgate.route", "orders"),
        (whole, "lychgate.outcome", "allowed"),
        (whole, "lychgate.code", "2xx"),
        (whole, "lychgate.issuer", "corp"),
        (named(&spans, "verify"), "lychgate.proved_by", "signature"),
        (named(&spans, "policy"), "lychgate.policy.bundle", "orders"),
        (named(&spans, "policy"), "lychgate.policy.decision", "allow"),
        (named(&spans, "policy"), "lychgate.policy.ids", "all-but-secret"),
        (named(&spans, "upstream"), "lychgate.upstream", "echo"),
        (named(&spans, "upstream"), "server.port", &port),
        (named(&spans, "upstream"), "http.response.status_code", "200"),
    ] {
        assert_eq!(span.attribute(attribute), value, "{attribute}: {span:#?}");
    }
    assert!(spans.iter().all(|span| span.trace == whole.trace && !span.is_error), "{spans:#?}");
    // SERVER, CLIENT and INTERNAL
    assert_eq!((whole.kind, named(&spans, "upstream").kind, named(&spans, "verify").kind), (2, 3, 1));
    assert!(
        spans.iter().all(|span| whole.begun <= span.begun && span.begun <= span.ended && span.ended <= whole.ended)
    );
    let now = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap();
    assert!(now - whole.begun < 60_000_000_000, "{whole:?}");
    assert!((whole.parent.as_str(), whole.flags) == ("", 0x101), "{whole:?}");
    for (attribute, value) in [
        ("service.name", "edge"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("deployment.environment.name", "tests"),
    ] {
        assert_eq!(whole.resource[attribute], value);
    }
    assert_eq!(whole.resource["service.instance.id"].len(), 36);
    // Kept from its second sight on, and so known at the third.
    let proofs: Vec<_> = (0..2).map(|_| named(&ask().1, "verify").attribute("lychgate.proved_by").to_owned()).collect();
    assert_eq!(proofs, ["signature", "cache"]);
    exports_tell_no_secret(&world, &token);
    until("the count", || (world.spans_counted("sent") >= 30.0).then_some(()));
}

#[test]
fn a_clients_trace_goes_on_by_the_gate_to_the_upstream() {
    let world = world("");
    let request = Request::get("/public/a").header("traceparent", PARENT);
    let (_, spans) = world.traced(&request.header("tracestate", "vendor=1").header("tracestate", "other=2"));
    let (whole, upstream) = (&spans[0], named(&spans, "upstream"));
    assert_eq!((whole.trace.as_str(), whole.parent.as_str()), (TRACE, "00f067aa0ba902b7"));
    assert_eq!((whole.state.as_str(), whole.flags), ("vendor=1,other=2", 0x301), "{whole:?}");
    assert_eq!(upstream.parent, whole.id);
    let received = world.upstream.last();
    let passed_on = format!("00-{TRACE}-{}-01", upstream.id);
    assert_eq!(received.headers("traceparent"), [passed_on]);
    assert_eq!(received.headers("tracestate"), ["vendor=1", "other=2"]);
    let request_id = received.header("x-request-id").unwrap();
    assert_eq!(world.gate.logged(request_id)["trace_id"], TRACE);
    let decision = until("its line in the decision log", || {
        let text = std::fs::read_to_string(world.gate.path("decisions.log")).unwrap();
        text.lines().find(|line| line.contains(request_id)).map(str::to_owned)
    });
    assert!(decision.contains(&format!("\"trace_id\":\"{TRACE}\"")), "{decision}");
}

#[test]
fn what_is_no_trace_is_replaced_by_a_new_one() {
    let world = world("");
    for parent in [None, Some("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), Some("garbage")] {
        let request = Request::get("/public/a").header("tracestate", "vendor=1");
        let request = parent.into_iter().fold(request, |request, parent| request.header("traceparent", parent));
        let (_, spans) = world.traced(&request);
        let received = world.upstream.last();
        let passed_on = format!("00-{}-{}-01", spans[0].trace, named(&spans, "upstream").id);
        assert_eq!(received.headers("traceparent"), [passed_on]);
        assert!(spans[0].parent.is_empty() && spans[0].state.is_empty(), "{spans:?}");
        assert_eq!(received.headers("tracestate"), [""; 0]);
        assert_eq!(world.gate.logged(received.header("x-request-id").unwrap())["trace_id"], spans[0].trace);
    }
    let twice = Request::get("/public/a").header("traceparent", PARENT).header("traceparent", PARENT);
    assert_ne!(world.traced(&twice).1[0].trace, TRACE);
}

#[test]
fn without_a_collector_what_a_client_says_of_its_trace_goes_on_as_it_is() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let gate = setup(&issuer, &upstream, "").start();
    let request = Request::get("/public/a").header("traceparent", PARENT).header("tracestate", "vendor=1");
    let answer = gate.ask(&request);
    let received = upstream.last();
    assert_eq!((received.header("traceparent"), received.header("tracestate")), (Some(PARENT), Some("vendor=1")));
    assert_eq!(gate.logged(answer.header("x-request-id").unwrap())["trace_id"], TRACE);
    let answer = gate.ask(&Request::get("/public/a").header("traceparent", "not-one"));
    assert_eq!(upstream.last().header("traceparent"), Some("not-one"));
    assert!(gate.logged(answer.header("x-request-id").unwrap()).get("trace_id").is_none());
    gate.ask(&Request::get("/public/a"));
    assert_eq!(upstream.last().header("traceparent"), None);
}

#[test]
fn a_stranger_has_nothing_recorded_and_a_trusted_proxy_does() {
    let ask = |gate: &TestGateway| {
        let answer =
            gate.ask(&Request::get("/public/a").header("traceparent", PARENT).header("X-Forwarded-For", "192.0.2.1"));
        assert_eq!(answer.status(), 200);
        gate.logged(answer.header("x-request-id").unwrap())
    };
    let strangers = world(", sample: 0");
    assert_eq!(ask(&strangers.gate)["trace_id"], TRACE);
    let passed_on = strangers.upstream.last().header("traceparent").unwrap().to_owned();
    assert!(passed_on.starts_with(&format!("00-{TRACE}-")) && passed_on.ends_with("-00"), "{passed_on}");
    assert_ne!(passed_on, PARENT.replace("-01", "-00"), "the parent is the gate");
    let trusted = world_with(TestCollector::start(), ", sample: 0", "trusted_proxies: [127.0.0.1]\n");
    let line = ask(&trusted.gate);
    assert_eq!(trusted.collector.told(line["request_id"].as_str().unwrap())[0].trace, TRACE);
    // The other had as long.
    assert!(strangers.collector.exports().is_empty());
    for result in ["sent", "dropped", "failed"] {
        assert!(strangers.spans_counted(result) < 0.5, "{result}");
    }
}

#[test]
fn a_refusal_is_told_at_the_step_that_refused_and_is_no_error() {
    let world = world("");
    let good = world.sales_token();
    let expired = world.issuer.token().expired().mint();
    let others = world.issuer.token().mint();
    for (request, status, name, last, code) in [
        (Request::get("/orders/7"), 401, "GET /orders/{id}", "credential", "missing-credential"),
        (Request::get("/orders/7").bearer(&expired), 401, "GET /orders/{id}", "verify", "token-expired"),
        (Request::get("/orders/7").bearer(&others), 403, "GET /orders/{id}", "access", "missing-group"),
        (Request::get("/orders/secret").bearer(&good), 403, "GET /orders/{id}", "policy", "denied-by-policy"),
        (Request::get("/nowhere"), 404, "GET", "route", "no-route"),
        (Request::new("PURGE", "/public/a"), 405, "HTTP", "route", "method-not-allowed"),
    ] {
        let (answered, spans) = world.traced(&request);
        assert_eq!((answered, spans[0].name.as_str()), (status, name), "{spans:#?}");
        let refused = spans.last().unwrap();
        assert_eq!((refused.name.as_str(), refused.attribute("lychgate.code")), (last, code), "{spans:#?}");
        assert_eq!((spans[0].attribute("lychgate.outcome"), spans[0].attribute("lychgate.code")), ("denied", code));
        assert_eq!(spans[0].attribute("http.response.status_code"), status.to_string());
        assert!(spans.iter().all(|span| !span.is_error && span.attribute("error.type").is_empty()), "{spans:#?}");
    }
    let (_, spans) = world.traced(&Request::new("PURGE", "/public/a"));
    let method = ["http.request.method", "http.request.method_original"].map(|name| spans[0].attribute(name));
    assert_eq!(method, ["_OTHER", "PURGE"]);
}

#[test]
fn what_fails_behind_the_gate_is_told_as_an_error() {
    let world = world("");
    let (status, spans) = world.traced(&Request::get("/away"));
    let tried = named(&spans, "upstream");
    assert_eq!((status, spans[0].is_error, spans[0].attribute("error.type")), (502, true, "upstream-unreachable"));
    assert_eq!((tried.is_error, tried.attribute("error.type")), (true, "upstream-unreachable"));
    assert!(!named(&spans, "permit").is_error, "the decision was made");
    let (_, spans) = world.traced(&Request::get("/public/a").header("X-Test-Status", "500"));
    assert_eq!((spans[0].is_error, spans[0].attribute("error.type")), (true, "500"));
    let (_, spans) = world.traced(&Request::get("/public/a").header("X-Test-Status", "404"));
    assert!(!spans[0].is_error && named(&spans, "upstream").is_error, "{spans:#?}");
}

#[test]
fn each_try_at_an_upstream_is_a_span_of_its_own() {
    let (upstream, collector) = (TestUpstream::start(), TestCollector::start());
    let config = r#"
telemetry: {traces: {otlp: "http://@COLLECTOR@"}}
upstreams:
  two: {endpoints: ["127.0.0.1:1", "@UPSTREAM@"], retries: {attempts: 1, on: [connect_failure]}}
routes:
  - {name: open, match: {path: "/{*rest}"}, access: public, upstream: two}
"#;
    let gate = Setup::of(config).put("COLLECTOR", collector.address()).put("UPSTREAM", upstream.address()).start();
    // Round robin: at the first or the second, the endpoint that is away comes first.
    let tried = (0..2).find_map(|_| {
        let answer = gate.ask(&Request::get("/a"));
        assert_eq!(answer.status(), 200);
        let spans = collector.told(answer.header("x-request-id").unwrap());
        let tries: Vec<_> = spans.into_iter().filter(|span| span.name == "upstream").collect();
        (tries.len() == 2).then_some(tries)
    });
    let tried = tried.expect("no request was tried twice");
    assert_eq!((tried[0].attribute("server.port"), tried[0].attribute("error.type")), ("1", "upstream-unreachable"));
    assert_eq!((tried[1].attribute("http.request.resend_count"), tried[1].is_error), ("1", false));
    assert!(tried[0].ended <= tried[1].begun);
    let passed_on = format!("00-{}-{}-01", tried[1].trace, tried[1].id);
    assert_eq!(upstream.last().header("traceparent"), Some(passed_on.as_str()));
}

#[test]
fn no_request_waits_for_a_collector_that_is_away_and_neither_does_the_end() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let [nobody] = free_ports();
    let traces = format!("telemetry: {{traces: {{otlp: 'http://127.0.0.1:{nobody}'}}}}\n");
    let mut gate = setup(&issuer, &upstream, &traces).start();
    let begun = Instant::now();
    let mut connection = gate.connect();
    for _ in 0..50 {
        assert_eq!(connection.ask(&Request::get("/public/a")).status(), 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(connection);
    until("the count", || (gate.metric(r#"lychgate_trace_spans_total{result="failed"}"#) >= 200.0).then_some(()));
    until("the word about it", || gate.stderr().contains("the collector of traces does not take them").then_some(()));
    gate.signal("TERM");
    assert_eq!(gate.wait().code(), Some(0));
}

#[test]
fn what_was_recorded_last_is_told_before_the_gate_ends() {
    let mut world = world("");
    let answer = world.gate.ask(&Request::get("/public/last"));
    world.gate.signal("TERM");
    assert_eq!(world.gate.wait().code(), Some(0));
    let spans = world.collector.spans();
    assert!(spans.iter().any(|span| span.attribute("lychgate.request_id") == answer.header("x-request-id").unwrap()));
}

#[test]
fn a_collector_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let asked = AtomicUsize::new(0);
    let busy = TestCollector::answering(None, move |_| {
        let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        if first { Reply::new(503, "").header("Retry-After", "1") } else { Reply::new(200, "") }
    });
    let world = world_with(busy, "", "");
    let _answer = world.gate.ask(&Request::get("/public/a"));
    until("the spans to be taken", || (world.spans_counted("sent") >= 4.0).then_some(()));
    assert!(world.spans_counted("failed") < 0.5);
    assert_eq!(world.collector.exports().len(), 2);
    let world = world_with(TestCollector::answering(None, |_| Reply::new(400, "")), "", "");
    let _answer = world.gate.ask(&Request::get("/public/a"));
    until("the spans to be given up", || (world.spans_counted("failed") >= 4.0).then_some(()));
    assert_eq!(world.collector.exports().len(), 1);
    // `partial_success: {rejected_spans: 3, error_message: "no"}`
    let partial = [0x0a, 6, 0x08, 3, 0x12, 2, b'n', b'o'];
    let world = world_with(TestCollector::answering(None, move |_| Reply::new(200, partial)), "", "");
    let _answer = world.gate.ask(&Request::get("/public/a"));
    until("a part to be given up", || ((world.spans_counted("failed") - 3.0).abs() < 0.5).then_some(()));
    assert!((world.spans_counted("sent") - 1.0).abs() < 0.5);
}

#[test]
fn a_collector_is_asked_by_tls_and_only_one_that_the_authority_vouches_for() {
    for is_right in [true, false] {
        let (authority, stranger) = (Authority::new(), Authority::new());
        let identity = if is_right { authority.identity("localhost") } else { stranger.identity("localhost") };
        let collector = TestCollector::answering(Some(identity.server()), |_| Reply::new(200, ""));
        let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
        let port = collector.address().port();
        let traces = format!("telemetry: {{traces: {{otlp: 'https://localhost:{port}/', ca: ca.pem}}}}\n");
        let gate = setup(&issuer, &upstream, &traces).file("ca.pem", authority.pem()).start();
        let answer = gate.ask(&Request::get("/public/a"));
        if is_right {
            assert_eq!(collector.told(answer.header("x-request-id").unwrap())[0].name, "GET /public/{*rest}");
        } else {
            until("a refusal", || (gate.metric(r#"lychgate_trace_spans_total{result="failed"}"#) >= 4.0).then_some(()));
            assert!(collector.exports().is_empty());
        }
    }
}

#[test]
fn a_decision_at_another_proxys_door_is_told_too() {
    let collector = TestCollector::start();
    let [door] = free_ports();
    let more = format!("ext_authz: {{http: [{{address: '127.0.0.1:{door}', forward_auth: [nginx]}}]}}\n");
    let world = world_with(collector, "", &more);
    let request = Request::get("/forward-auth/nginx").bearer(&world.sales_token()).header("traceparent", PARENT);
    let request =
        request.header("X-Original-Method", "GET").header("X-Original-URL", "https://api.example/orders/7?q=1");
    let request = request.header("X-Real-IP", "192.0.2.7");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], door));
    let answer = until("the door to open", || {
        std::net::TcpStream::connect(address).ok()?;
        Some(Connection::open(address).ask(&request.clone().header("Connection", "close")))
    });
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let spans = until("its spans", || {
        let spans = world.collector.spans();
        let whole = spans.iter().find(|span| span.attribute("lychgate.door") == "nginx")?.clone();
        Some(
            std::iter::once(whole.clone())
                .chain(spans.into_iter().filter(|span| span.parent == whole.id))
                .collect::<Vec<_>>(),
        )
    });
    assert_eq!((spans[0].trace.as_str(), spans[0].parent.as_str()), (TRACE, "00f067aa0ba902b7"));
    assert_eq!((spans[0].name.as_str(), spans[0].attribute("url.scheme")), ("GET /orders/{id}", "https"));
    assert_eq!(named(&spans, "policy").attribute("lychgate.policy.decision"), "allow");
}
