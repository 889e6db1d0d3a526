//! `import api-gateway`: documents as API Gateway exports them, and what a gate with the config that was made of them does.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{Finished, Request, Setup, TestGateway, TestIssuer, TestUpstream, lychgate};

const REST: &str = include_str!("import/rest.json");
const HTTP: &str = include_str!("import/http.yaml");

struct World {
    issuer: TestIssuer,
    upstream: TestUpstream,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { issuer: TestIssuer::start(), upstream: TestUpstream::start(), folder: tempfile::tempdir().unwrap() }
    }

    /// Imports a document, with the upstream and the issuer put in; the config becomes `imported.yaml`.
    fn import(&self, document: &str, more: &[&str]) -> (Finished, String) {
        let document = document
            .replace("@UPSTREAM@", &self.upstream.address().to_string())
            .replace("@ISSUER@", &self.issuer.url());
        let (file, output) = (self.folder.path().join("document"), self.folder.path().join("imported.yaml"));
        fs::write(&file, document).unwrap();
        let asked = ["import", "api-gateway", file.to_str().unwrap(), "--output", output.to_str().unwrap()];
        let made = lychgate(&[&asked, more].concat());
        (made, fs::read_to_string(output).unwrap_or_default())
    }
}

/// A gate with a config that was made, at a free port.
fn start(config: &str) -> TestGateway {
    let (head, rest) = config.split_once("listeners:\n").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    Setup::of(&format!("{head}{rest}")).start()
}

/// Code and place of each finding.
fn findings(made: &Finished) -> BTreeSet<String> {
    let report: serde_json::Value =
        serde_json::from_str(&made.stderr).unwrap_or_else(|error| panic!("{error}: {made:?}"));
    let each = report["findings"].as_array().unwrap().iter();
    each.map(|one| {
        format!("{} {} {}", one["effect"].as_str().unwrap(), one["code"].as_str().unwrap(), one["at"].as_str().unwrap())
    })
    .collect()
}

fn good(world: &World) -> String {
    let config = world.folder.path().join("imported.yaml");
    let checked = lychgate(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{checked:?}");
    checked.stdout
}

#[test]
fn a_rest_apis_export_becomes_a_config_and_a_list_of_what_is_missing() {
    let world = World::new();
    let (made, config) = world.import(REST, &["--client-id", "1example23456789", "--json"]);
    assert_eq!((made.code, made.stdout.as_str()), (Some(0), ""), "{made:?}");
    assert!(good(&world).starts_with("good: "), "{config}");
    let expected = [
        "left-out api-key /paths/~1orders/post",
        "left-out iam /paths/~1reports/get",
        "left-out lambda-authorizer /paths/~1catalogue~1drafts/get",
        "left-out lambda-authorizer /paths/~1orders~1{order-id}/delete",
        "lost bare-token /securityDefinitions/shop-users",
        "lost base-path ",
        "lost gateway-responses /x-amazon-apigateway-gateway-responses",
        "lost request-validator /paths/~1orders/get/x-amazon-apigateway-request-validator",
        "lost token-not-forwarded ",
        "to-do any-host ",
    ];
    assert_eq!(findings(&made), expected.map(str::to_owned).into(), "{config}");
    for line in [
        "    issuer: \"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123\"",
        "    client_ids: [\"1example23456789\"]",
        "    match: {path: \"/orders/{order_id}\", methods: [GET]}",
        "    identity: {headers: {x-customer: sub}}",
        "    access: {issuers: [shop-users], scopes: {any: [orders/admin, orders/read]}}",
    ] {
        assert!(config.lines().any(|own| own == line), "{line}\n{config}");
    }
    // What is written once is not written over.
    let (again, _) = world.import(REST, &[]);
    assert_eq!(again.code, Some(3), "{again:?}");
    assert!(again.stderr.contains("imported.yaml"), "{again:?}");
}

#[test]
fn without_a_file_for_it_the_config_goes_to_standard_output_and_the_report_does_not() {
    let world = World::new();
    let document = world.folder.path().join("document.json");
    fs::write(&document, REST.replace("@UPSTREAM@", "127.0.0.1:8081")).unwrap();
    let made = lychgate(&["import", "api-gateway", document.to_str().unwrap(), "--listen", "127.0.0.1:9999"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.contains("listeners:\n  - {address: \"127.0.0.1:9999\"}\n"), "{}", made.stdout);
    for line in [
        "left out, and refused by the gate:",
        "  /paths/~1reports/get",
        "left to do:",
        "  /securityDefinitions/shop-users",
    ] {
        assert!(made.stderr.lines().any(|own| own == line), "{line}\n{}", made.stderr);
    }
}

#[test]
fn a_gate_with_an_imported_config_lets_through_what_api_gateway_did_and_nothing_else() {
    let world = World::new();
    let (made, config) = world.import(HTTP, &["--json"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    good(&world);
    assert_eq!(
        findings(&made),
        [
            "left-out lambda-authorizer /paths/~1search/get",
            "lost bare-token /components/securitySchemes/staff",
            "lost token-not-forwarded ",
            "to-do any-host ",
        ]
        .map(str::to_owned)
        .into()
    );
    let gate = start(&config);
    let token = |scopes: &str| world.issuer.token().scopes(scopes).mint();
    let (reads, writes, none) = (token("tickets.read"), token("tickets.admin other"), token(""));
    for (method, path, bearer, status) in [
        ("GET", "/tickets", Some(&reads), 200),
        ("GET", "/tickets", Some(&writes), 403),
        ("GET", "/tickets", None, 401),
        ("POST", "/tickets", Some(&writes), 200),
        ("POST", "/tickets", Some(&reads), 403),
        ("DELETE", "/tickets", Some(&writes), 405),
        ("DELETE", "/tickets/7", Some(&none), 200),
        ("DELETE", "/tickets/7", None, 401),
        ("GET", "/tickets/7/attachments/a/b.pdf", Some(&none), 200),
        ("GET", "/tickets/7/attachments/a", None, 401),
        // No vaguer path takes them: the tail of the source is never empty, but a public path takes all that is GET.
        ("PUT", "/tickets/7/attachments/", Some(&none), 405),
        ("GET", "/health", None, 200),
        ("POST", "/health", None, 405),
        ("GET", "/search", None, 401),
        ("GET", "/search", Some(&reads), 401),
        ("GET", "/about/us", None, 200),
        ("POST", "/about/us", None, 405),
        ("GET", "/", None, 404),
    ] {
        let request = Request::new(method, path);
        let answer = gate.ask(&bearer.map_or(request.clone(), |token| request.bearer(token)));
        assert_eq!(answer.status(), status, "{method} {path}: {}\n{config}", answer.text());
    }
    let answer = gate.ask(&Request::get("/tickets/7").bearer(&none).header("X-Caller", "root"));
    assert_eq!(answer.status(), 200);
    assert_eq!(world.upstream.last().headers("x-caller"), ["alice"]);
    assert_eq!(world.upstream.last().header("authorization"), None);
    let preflight = Request::new("OPTIONS", "/tickets").header("Origin", "https://tickets.example");
    let preflight = preflight
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization");
    let answer = gate.ask(&preflight);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://tickets.example"), "{answer:?}");
}

#[test]
fn what_is_no_document_or_carries_nothing_makes_no_config() {
    let world = World::new();
    for (document, says) in [
        ("openapi: [", "not YAML"),
        ("{\"paths\": {}}", "neither OpenAPI 3 nor Swagger 2"),
        ("{\"openapi\": \"3.0.1\", \"paths\": {}}", "not one operation"),
        ("{\"openapi\": \"3.0.1\", \"paths\": {\"/a\": {\"get\": {}}}}", "no-integration"),
    ] {
        let (made, config) = world.import(document, &[]);
        assert_eq!((made.code, config.as_str(), made.stdout.as_str()), (Some(1), "", ""), "{document}: {made:?}");
        assert!(made.stderr.contains(says), "{document}: {made:?}");
    }
    let nowhere = lychgate(&["import", "api-gateway", "/nowhere/api.json"]);
    assert_eq!(nowhere.code, Some(3), "{nowhere:?}");
    let usage = lychgate(&["import", "api-gateway"]);
    assert_eq!(usage.code, Some(2), "{usage:?}");
}
