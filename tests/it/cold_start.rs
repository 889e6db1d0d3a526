//! Gates that start while an issuer is down, or is not on the open internet.

use std::fs;

use crate::support::{
    Authority, Message, Reply, Request, Setup, TestGateway, TestIssuer, TestUpstream, Written, lychgate, until,
};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
"#;

fn setup(corp: &str, upstream: &TestUpstream) -> Setup {
    Setup::of(CONFIG).put("CORP", corp).put("UPSTREAM", upstream.address())
}

fn order(gate: &TestGateway, token: &str) -> Message {
    gate.ask(&Request::get("/orders/7").bearer(token))
}

fn source(gate: &TestGateway) -> String {
    gate.admin("/status").json()["trusted_issuers"]["corp"]["source"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn a_gate_that_restarts_during_an_outage_serves_with_the_keys_it_had() {
    let (corp, upstream, folder) = (TestIssuer::start(), TestUpstream::start(), tempfile::tempdir().unwrap());
    let cache = folder.path().join("keys");
    let trust = corp.trust(&format!("cache_directory: {cache:?}, refresh: {{every: 1s, timeout: 1s}}"));
    let gate = setup(&trust, &upstream).start();
    let token = corp.token().mint();
    assert_eq!((order(&gate, &token).status(), source(&gate)), (200, "network".to_owned()));
    drop(gate);

    corp.goes_down();
    let gate = setup(&trust, &upstream).start();
    assert_eq!((order(&gate, &token).status(), source(&gate)), (200, "disk".to_owned()));
    assert_eq!(order(&gate, &corp.token().header("kid", "unknown").mint()).status(), 401);
    corp.answers_well();
    until("the keys to be fetched", || (source(&gate) == "network").then_some(()));
    assert_eq!(order(&gate, &token).status(), 200);
    drop(gate);

    corp.goes_down();
    for file in fs::read_dir(&cache).unwrap() {
        fs::write(file.unwrap().path(), "{}\n").unwrap();
    }
    let gate = setup(&trust, &upstream).start_unready();
    until("a fetch that fails", || {
        (gate.metric(r#"lychgate_keys_fetch_total{issuer="corp",result="failure"}"#) > 0.0).then_some(())
    });
    let refused = order(&gate, &token);
    assert_eq!((refused.status(), refused.code()), (503, "keys-unavailable".to_owned()));
    until("a warning", || gate.stderr().contains("the key set in `cache_directory` was not used").then_some(()));
    assert_eq!(source(&gate), "none");
}

#[test]
fn an_issuer_behind_a_private_authority_and_a_proxy_is_asked_as_the_config_says() {
    let upstream = TestUpstream::start();
    let corp = TestIssuer::start();
    let authority = Authority::new();
    // The proxy answers for a host that is nowhere.
    let set = serde_json::json!({"keys": [corp.key().jwk()]}).to_string();
    let proxy = TestUpstream::answering(move |_| Reply::new(200, set.clone()));
    let trust = format!(
        "{{issuer: \"https://idp.test\", audience: [api], keys: {{jwks_uri: \"http://idp.test/keys\"}}, \
         allow_insecure: true, fetch: {{ca: ca.pem, proxy: \"http://{}\"}}}}",
        proxy.address()
    );
    let gate = setup(&trust, &upstream).file("ca.pem", authority.pem()).start();
    assert_eq!(order(&gate, &corp.token().claim("iss", "https://idp.test").mint()).status(), 200);
    assert_eq!(proxy.last().target(), "http://idp.test/keys");
}

#[test]
fn a_file_without_certificates_stops_the_start() {
    let trust = "{issuer: \"https://idp.test\", audience: [api], fetch: {ca: ca.pem}}";
    let written: Written = setup(trust, &TestUpstream::start()).file("ca.pem", "nothing").write();
    let finished = lychgate(&["check", "--config", written.config().to_str().unwrap()]);
    assert_ne!(finished.code, Some(0));
    assert!(finished.stderr.contains("ca.pem") && finished.stderr.contains("corp"), "{finished:?}");
}
