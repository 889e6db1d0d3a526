//! Which route a request takes: the most specific one, in whatever order the file has them.

use crate::support::{Request, Setup, TestGateway, TestUpstream, lychgate};

const ROUTES: [&str; 13] = [
    r#"{name: root, match: {path: "/"}, access: public, upstream: echo}"#,
    r#"{name: order, match: {path: "/orders/{id}", methods: [GET, HEAD]}, access: public, upstream: echo}"#,
    r#"{name: write-order, match: {path: "/orders/{id}", methods: [PUT, DELETE]}, access: public, upstream: echo}"#,
    r#"{name: orders-special, match: {path: "/orders/special", methods: [GET]}, access: public, upstream: echo}"#,
    r#"{name: order-items, match: {path: "/orders/{id}/items"}, access: public, upstream: echo}"#,
    r#"{name: orders-rest, match: {path: "/orders/{*rest}"}, access: public, upstream: echo}"#,
    r#"{name: files, match: {path: "/files/{*rest}"}, access: public, upstream: echo}"#,
    r#"{name: files-list, match: {path: "/files/list"}, access: public, upstream: echo}"#,
    r#"{name: purge, match: {path: "/cache", methods: [PURGE]}, access: public, upstream: echo}"#,
    r#"{name: api, match: {hosts: [api.example.com], path: "/{*rest}"}, access: public, upstream: echo}"#,
    r#"{name: wild, match: {hosts: ["*.example.org"], path: "/{*rest}"}, access: public, upstream: echo}"#,
    r#"{name: wilder, match: {hosts: ["*.eu.example.org"], path: "/{*rest}"}, access: public, upstream: echo}"#,
    r#"{name: address, match: {hosts: ["[::1]", "127.0.0.1"], path: "/here"}, access: public, upstream: echo}"#,
];

/// Method, host, target, and the route that is taken: its name, or `404`, or `405` with what is allowed.
const TABLE: [(&str, &str, &str, &str); 60] = [
    ("GET", "any.example", "/", "root"),
    ("GET", "any.example", "/?a=/orders/7", "root"),
    ("GET", "any.example", "/orders/7", "order"),
    ("HEAD", "any.example", "/orders/7", "order"),
    ("PUT", "any.example", "/orders/7", "write-order"),
    ("DELETE", "any.example", "/orders/7", "write-order"),
    ("POST", "any.example", "/orders/7", "405 DELETE, GET, HEAD, PUT"),
    ("get", "any.example", "/orders/7", "405 DELETE, GET, HEAD, PUT"),
    ("OPTIONS", "any.example", "/orders/7", "405 DELETE, GET, HEAD, PUT"),
    ("TRACE", "any.example", "/orders/7", "405 "),
    ("TRACE", "any.example", "/nowhere", "405 "),
    ("GET", "any.example", "/orders/special", "orders-special"),
    ("GET", "any.example", "/orders/%73pecial", "orders-special"),
    ("GET", "any.example", "/orders/Special", "order"),
    // The most specific path decides, also where it does not take the method.
    ("PUT", "any.example", "/orders/special", "405 GET"),
    ("GET", "any.example", "/orders/7/items", "order-items"),
    ("GET", "any.example", "/orders/special/items", "order-items"),
    ("GET", "any.example", "/orders/7/", "orders-rest"),
    ("GET", "any.example", "/orders/7/items/", "orders-rest"),
    ("GET", "any.example", "/orders/7/items/1", "orders-rest"),
    ("GET", "any.example", "/orders/", "orders-rest"),
    ("GET", "any.example", "/orders", "404"),
    ("GET", "any.example", "/Orders/7", "404"),
    ("GET", "any.example", "/orders7", "404"),
    ("GET", "any.example", "/files/", "files"),
    ("GET", "any.example", "/files", "404"),
    ("GET", "any.example", "/filesystem", "404"),
    ("GET", "any.example", "/files/a/b/c", "files"),
    ("GET", "any.example", "/files/list", "files-list"),
    ("GET", "any.example", "/files/list/", "files"),
    ("GET", "any.example", "/files/lists", "files"),
    ("GET", "any.example", "/files/list?x", "files-list"),
    ("POST", "any.example", "/files/a", "files"),
    ("PATCH", "any.example", "/files/a", "files"),
    ("OPTIONS", "any.example", "/files/a", "files"),
    ("PURGE", "any.example", "/files/a", "405 DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    ("PURGE", "any.example", "/cache", "purge"),
    ("GET", "any.example", "/cache", "405 PURGE"),
    ("GET", "any.example", "/nowhere", "404"),
    ("GET", "api.example.com", "/", "api"),
    ("GET", "api.example.com", "/nowhere", "api"),
    // A host of its own comes before any path under every host.
    ("GET", "api.example.com", "/orders/special", "api"),
    ("GET", "API.Example.COM", "/x", "api"),
    ("GET", "api.example.com:8080", "/x", "api"),
    ("GET", "api.example.com.", "/x", "api"),
    ("GET", "Api.Example.com.:443", "/x", "api"),
    ("GET", "xapi.example.com", "/x", "404"),
    ("GET", "api.example.com.evil.example", "/x", "404"),
    ("GET", "example.com", "/x", "404"),
    ("GET", "a.example.org", "/x", "wild"),
    ("GET", "A.EXAMPLE.ORG:99", "/x", "wild"),
    ("GET", "a.b.example.org", "/x", "wild"),
    ("GET", "example.org", "/x", "404"),
    ("GET", ".example.org", "/x", "400"),
    ("GET", "aexample.org", "/x", "404"),
    ("GET", "a.eu.example.org", "/x", "wilder"),
    ("GET", "eu.example.org", "/x", "wild"),
    ("GET", "[::1]:8080", "/here", "address"),
    ("GET", "127.0.0.1", "/here", "address"),
    ("GET", "any.example", "/here", "404"),
];

fn start(routes: &[&str], upstream: &TestUpstream) -> TestGateway {
    let listed: Vec<_> = routes.iter().map(|route| format!("  - {route}\n")).collect();
    let config =
        format!("upstreams: {{echo: {{endpoints: [\"{}\"]}}}}\nroutes:\n{}", upstream.address(), listed.concat());
    Setup::of(&config).start()
}

/// What became of a request, in the words of the table; the route's name comes from the access log.
fn taken(gate: &TestGateway, row: usize, method: &str, host: &str, target: &str) -> String {
    // So that the log line can be told from those of other rows.
    let marked = if target.contains('?') { target.to_owned() } else { format!("{target}?{row}") };
    let answer = gate.ask(&Request::new(method, &marked).host(host));
    match answer.status() {
        200 => {
            let id = answer.header("x-request-id").unwrap().to_owned();
            gate.logged(&id)["route"].as_str().unwrap_or_default().to_owned()
        }
        405 => format!("405 {}", answer.header("allow").unwrap()),
        status => status.to_string(),
    }
}

fn holds(routes: &[&str]) {
    let upstream = TestUpstream::start();
    let gate = start(routes, &upstream);
    let wrong: Vec<String> = TABLE
        .iter()
        .enumerate()
        .filter_map(|(row, (method, host, target, expected))| {
            let taken = taken(&gate, row, method, host, target);
            (taken != *expected).then(|| format!("{method} {host} {target}: {taken}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    let passed = TABLE.iter().filter(|(.., expected)| !expected.starts_with('4')).count();
    assert_eq!(upstream.received().len(), passed, "what is refused never reaches the upstream");
}

#[test]
fn the_most_specific_route_is_taken() {
    holds(&ROUTES);
}

#[test]
fn the_order_in_the_file_means_nothing() {
    let mut backwards = ROUTES;
    backwards.reverse();
    holds(&backwards);
    let mut shuffled = ROUTES;
    fastrand::Rng::with_seed(7).shuffle(&mut shuffled);
    holds(&shuffled);
}

#[test]
fn routes_that_take_the_same_requests_are_refused_when_loaded() {
    let conflicts = [
        [r#"{path: "/a"}"#, r#"{path: "/a"}"#],
        [r#"{path: "/a", methods: [GET]}"#, r#"{path: "/a", methods: [GET, POST]}"#],
        [r#"{path: "/a"}"#, r#"{path: "/a", methods: [OPTIONS]}"#],
        [r#"{path: "/a/{x}"}"#, r#"{path: "/a/{y}"}"#],
        [r#"{path: "/a/{*x}"}"#, r#"{path: "/a/{*y}"}"#],
        [r#"{hosts: [a.example, b.example], path: "/a"}"#, r#"{hosts: [b.example], path: "/a"}"#],
        [r#"{hosts: ["*.example"], path: "/a"}"#, r#"{hosts: ["*.example"], path: "/a"}"#],
        [r#"{path: "/a/b"}"#, r#"{path: "/a/%62"}"#],
    ];
    for matches in conflicts {
        let checked = check(&matches);
        assert_eq!(checked.0, Some(1), "{matches:?}: {}", checked.1);
        assert!(checked.1.contains("route-conflict") || checked.1.contains("wrong-value"), "{}", checked.1);
    }
    let apart = [
        [r#"{path: "/a"}"#, r#"{path: "/a/"}"#],
        [r#"{path: "/a", methods: [GET]}"#, r#"{path: "/a", methods: [POST]}"#],
        [r#"{path: "/a/{x}"}"#, r#"{path: "/a/{*x}"}"#],
        [r#"{hosts: [a.example], path: "/a"}"#, r#"{path: "/a"}"#],
        [r#"{hosts: ["*.example"], path: "/a"}"#, r#"{hosts: [a.example], path: "/a"}"#],
    ];
    for matches in apart {
        let checked = check(&matches);
        assert_eq!(checked.0, Some(0), "{matches:?}: {}", checked.1);
    }
}

fn check(matches: &[&str; 2]) -> (Option<i32>, String) {
    let [first, second] = matches;
    let config = format!(
        "upstreams: {{echo: {{endpoints: [\"127.0.0.1:9\"]}}}}\nroutes:\n  \
         - {{name: first, match: {first}, access: public, upstream: echo}}\n  \
         - {{name: second, match: {second}, access: public, upstream: echo}}\n"
    );
    let written = Setup::of(&config).write();
    let checked = lychgate(&["check", "--config", written.config().to_str().unwrap()]);
    (checked.code, format!("{}{}", checked.stdout, checked.stderr))
}
