//! A changed config is taken up whole or not at all, and whoever is served meanwhile does not notice.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;

use serde_json::Value;

use crate::support::{Load, Reply, Request, Setup, TestGateway, TestIssuer, TestUpstream, until};

const CONFIG: &str = r#"
admin: {address: "127.0.0.1:@ADMIN@", revocations: {token: {file: secret}}}
trusted_issuers:
  corp: @CORP@
policies:
  own: {directory: policies/own}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
  - {name: ruled, match: {path: "/ruled"}, access: {policy: own}, upstream: echo}
"#;

const ALICE: &str = r#"@id("alice") permit (principal == User::"corp|alice", action, resource);"#;
const NOBODY: &str = r#"@id("bob") permit (principal == User::"corp|bob", action, resource);"#;

struct World {
    corp: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

impl World {
    fn new() -> Self {
        Self::of(CONFIG)
    }

    fn of(config: &str) -> Self {
        let (corp, upstream) = (TestIssuer::start(), TestUpstream::start());
        let setup =
            Setup::of(config).put("CORP", corp.trust("refresh: {every: 1h}")).put("UPSTREAM", upstream.address());
        let gate = setup.file("secret", "correct-horse-battery").file("policies/own/own.cedar", ALICE).start();
        Self { corp, upstream, gate }
    }

    fn asks(&self, path: &str) -> u16 {
        self.gate.ask(&Request::get(path).bearer(&self.corp.token().mint())).status()
    }

    /// Changes the config, and waits until the gate has taken it up.
    fn taken_up(&self, from: &str, to: &str) {
        let before = reloads(&self.gate, "success");
        self.gate.rewrite("lychgate.yaml", from, to);
        until("the changed config", || (reloads(&self.gate, "success") > before).then_some(()));
    }

    /// Changes the config, waits until the gate has refused it, and gives the mistakes.
    fn refused(&self, from: &str, to: &str) -> Vec<Value> {
        let before = reloads(&self.gate, "failure");
        self.gate.rewrite("lychgate.yaml", from, to);
        until("the refusal", || (reloads(&self.gate, "failure") > before).then_some(()));
        last(&self.gate)["mistakes"].as_array().unwrap().clone()
    }
}

fn reloads(gate: &TestGateway, result: &str) -> u64 {
    gate.admin("/status").json()["config"]["reloads"][result].as_u64().unwrap()
}

fn last(gate: &TestGateway) -> Value {
    gate.admin("/status").json()["config"]["last_reload"].clone()
}

#[test]
fn a_changed_file_is_taken_up_without_a_word() {
    let world = World::new();
    assert_eq!((world.asks("/ruled"), world.asks("/new")), (200, 404));
    let before = world.gate.admin("/status").json()["config"]["revision"].clone();
    world.taken_up("path: \"/ruled\"", "path: \"/new\"");
    assert_eq!((world.asks("/ruled"), world.asks("/new")), (404, 200));
    let now = world.gate.admin("/status").json()["config"].clone();
    assert_ne!(now["revision"], before);
    assert_eq!(now["last_reload"]["cause"], "files", "{now}");
    world.gate.counts(r#"lychgate_config_reload_total{result="success"}"#, 1);
}

#[test]
fn a_hangup_takes_it_up_too() {
    let world = World::new();
    world.gate.signal("HUP");
    until("the word about it", || world.gate.stderr().contains("the changed config is in force").then_some(()));
    assert_eq!(last(&world.gate)["cause"], "signal");
    assert_eq!(world.asks("/orders/7"), 200);
}

#[test]
fn policies_and_secrets_are_part_of_the_config() {
    let world = World::new();
    assert_eq!(world.asks("/ruled"), 200);
    fs::write(world.gate.path("policies/own/own.cedar"), NOBODY).unwrap();
    until("the changed policy", || (world.asks("/ruled") == 403).then_some(()));
    let revoke = |secret: &str| {
        let request = Request::new("POST", "/revocations").bearer(secret).header("Connection", "close");
        world.gate.ask_admin(&request.body(b"[]")).status()
    };
    assert_eq!((revoke("correct-horse-battery"), revoke("a-wholly-new-secret")), (204, 401));
    fs::write(world.gate.path("secret"), "a-wholly-new-secret\n").unwrap();
    until("the changed secret", || (revoke("a-wholly-new-secret") == 204).then_some(()));
    assert_eq!(revoke("correct-horse-battery"), 401);
}

#[test]
fn a_bad_file_changes_nothing_and_its_mistakes_are_told_with_their_places() {
    let world = World::new();
    for (from, to, says, place) in [
        ("routes:", "rotues:", "rotues", (9, 1)),
        ("upstream: echo}", "upstream: ecco}", "ecco", (10, 78)),
        ("echo: {end", "echo: {bad, end", "", (0, 0)),
    ] {
        let mistakes = world.refused(from, to);
        let told = mistakes.iter().find(|mistake| mistake["message"].as_str().unwrap().contains(says)).unwrap();
        assert!(told["file"].as_str().unwrap().ends_with("lychgate.yaml"), "{told}");
        if place.0 > 0 {
            assert_eq!((&told["line"], &told["column"]), (&Value::from(place.0), &Value::from(place.1)), "{told}");
        }
        assert_eq!((world.asks("/ruled"), world.asks("/orders/7")), (200, 200), "{to}");
        let before = reloads(&world.gate, "success");
        world.gate.rewrite("lychgate.yaml", to, from);
        until("the good file", || (reloads(&world.gate, "success") > before).then_some(()));
    }
    fs::write(world.gate.path("policies/own/own.cedar"), "permit (principal, action, resource)").unwrap();
    until("the refused policy", || (reloads(&world.gate, "failure") == 4).then_some(()));
    let told = last(&world.gate);
    assert_eq!((&told["mistakes"][0]["bundle"], told["mistakes"][0]["line"].as_u64()), (&Value::from("own"), Some(1)));
    assert_eq!(world.asks("/ruled"), 200);
    world.gate.counts(r#"lychgate_config_reload_total{result="failure"}"#, 4);
    assert!(world.gate.stderr().contains("the changed config was refused"));
}

#[test]
fn what_needs_a_restart_is_named_and_nothing_else_of_the_file_is_taken_up() {
    let world = World::new();
    let text = fs::read_to_string(world.gate.path("lychgate.yaml")).unwrap();
    let mistakes = world.refused("routes:", "threads: 3\ntelemetry: {access_log: off}\nroutes:\n  - {name: more, match: {path: /more}, access: public, upstream: echo}");
    let named: Vec<_> =
        mistakes.iter().map(|mistake| (mistake["code"].as_str().unwrap(), mistake["line"].clone())).collect();
    assert_eq!(named, [("needs-restart", 9.into()), ("needs-restart", 10.into())], "{mistakes:?}");
    assert!(mistakes[0]["message"].as_str().unwrap().contains("`threads`"), "{mistakes:?}");
    assert_eq!(world.asks("/more"), 404);
    fs::write(world.gate.path("lychgate.yaml"), text).unwrap();
    until("the old file", || (reloads(&world.gate, "success") == 1).then_some(()));
}

#[test]
fn keys_of_an_issuer_that_stays_are_kept() {
    let world = World::new();
    let token = world.corp.token().mint();
    let asks = || world.gate.ask(&Request::get("/orders/7").bearer(&token)).status();
    assert_eq!(asks(), 200);
    world.corp.goes_down();
    world.taken_up("name: ruled", "name: rules");
    world.taken_up("audience: [api]", "audience: [api, web]");
    assert_eq!((asks(), world.corp.key_fetches()), (200, 1));
    // Asked in another way from now on, it is asked at once; that it does not answer takes nothing away.
    world.taken_up("refresh: {every: 1h}", "refresh: {every: 2h}");
    assert_eq!(asks(), 200);
    let keys = world.gate.admin("/status").json()["trusted_issuers"]["corp"].clone();
    assert!(keys["available"] == true && keys["last_error"].is_string(), "{keys}");
}

#[test]
fn a_new_issuer_is_believed_from_the_first_request_on_and_one_that_went_from_none() {
    let (world, partner) = (World::new(), TestIssuer::start());
    let ask = |token: &str| world.gate.ask(&Request::get("/orders/7").bearer(token));
    let [ours, theirs] = [&world.corp, &partner].map(|issuer| issuer.token().mint());
    (0..3).for_each(|_| assert_eq!((ask(&ours).status(), ask(&theirs).code()), (200, "unknown-issuer".to_owned())));
    let trusts_both = format!("\n  partner: {}\npolicies:", partner.trust(""));
    world.taken_up("\npolicies:", &trusts_both);
    assert_eq!((ask(&ours).status(), ask(&theirs).status()), (200, 200));
    let corp = format!("\n  corp: {}", world.corp.trust("refresh: {every: 1h}"));
    fs::write(world.gate.path("policies/own/own.cedar"), ALICE.replace("corp|", "partner|")).unwrap();
    world.taken_up(&corp, "");
    assert_eq!((ask(&ours).code(), ask(&theirs).status()), ("unknown-issuer".to_owned(), 200));
    assert_eq!(world.gate.admin("/readyz").status(), 200);
}

#[test]
fn rules_that_changed_hold_for_tokens_that_are_remembered() {
    let world = World::new();
    let token = world.corp.token().mint();
    let ask = || world.gate.ask(&Request::get("/orders/7").bearer(&token));
    (0..3).for_each(|_| assert_eq!(ask().status(), 200));
    assert!(world.gate.metric(r#"lychgate_token_cache_total{result="hit"}"#) > 0.0);
    world.taken_up("audience: [api]", "audience: [web]");
    assert_eq!(ask().code(), "wrong-audience");
    world.taken_up("audience: [web]", "audience: [api]");
    assert_eq!(ask().status(), 200);
}

#[test]
fn what_was_verified_is_remembered_where_nothing_changed_about_it_and_what_was_revoked_stays_so() {
    let world = World::new();
    let [kept, revoked] = ["a", "b"].map(|jti| world.corp.token().claim("jti", jti).mint());
    let ask = |token: &str| world.gate.ask(&Request::get("/orders/7").bearer(token));
    (0..3).for_each(|_| assert_eq!(ask(&kept).status(), 200));
    let body = r#"{"issuer": "corp", "jti": "b"}"#;
    let revoke = Request::new("POST", "/revocations").bearer("correct-horse-battery").header("Connection", "close");
    assert_eq!(world.gate.ask_admin(&revoke.body(body.as_bytes())).status(), 204);
    let misses = world.gate.metric(r#"lychgate_token_cache_total{result="miss"}"#);
    world.taken_up("name: ruled", "name: rules");
    assert_eq!(ask(&kept).status(), 200);
    assert!((world.gate.metric(r#"lychgate_token_cache_total{result="miss"}"#) - misses).abs() < 0.5);
    assert_eq!(ask(&revoked).code(), "token-revoked");
}

#[test]
fn what_was_taken_out_is_shown_no_more() {
    let world = World::new();
    assert_eq!((world.asks("/ruled"), world.asks("/orders/7")), (200, 200));
    let shown = |what: &str| world.gate.admin("/metrics").text().lines().filter(|line| line.contains(what)).count();
    assert!(shown("\"ruled\"") > 0 && shown("\"own\"") > 0 && shown("\"echo\"") > 0);
    let ruled = "\n  - {name: ruled, match: {path: \"/ruled\"}, access: {policy: own}, upstream: echo}";
    let text = fs::read_to_string(world.gate.path("lychgate.yaml")).unwrap();
    let text = text
        .replace(&ruled.replace('"', ""), "")
        .replace(ruled, "")
        .replace("\npolicies:\n  own: {directory: policies/own}", "");
    let text = text.replace("echo", "mirror");
    fs::write(world.gate.path("lychgate.yaml"), text).unwrap();
    until("the changed config", || (reloads(&world.gate, "success") == 1).then_some(()));
    assert_eq!(world.asks("/orders/7"), 200);
    until("the metrics to go", || (shown("\"ruled\"") + shown("\"own\"") + shown("\"echo\"") == 0).then_some(()));
    assert!(shown("\"mirror\"") > 0 && shown("\"orders\"") > 0);
}

#[test]
fn a_request_ends_with_the_config_that_it_began_with() {
    let world = World::new();
    let mut connection = world.gate.connect();
    let slow = Request::get("/public/slow").header("X-Test-Delay", "5000");
    let asked = thread::spawn(move || connection.ask(&slow));
    until("the request to arrive", || (!world.upstream.received().is_empty()).then_some(()));
    world.taken_up("name: open, match: {path: \"/public/{*rest}\"}", "name: closed, match: {path: \"/closed\"}");
    assert_eq!(world.asks("/public/a"), 404);
    assert!(!asked.is_finished());
    assert_eq!(asked.join().unwrap().status(), 200);
    world.gate.counts(r#"lychgate_requests_total{code="2xx",outcome="allowed",route="open"}"#, 0);
}

#[test]
fn kubernetes_swaps_a_link_and_all_files_with_it() {
    let (corp, upstream) = (TestIssuer::start(), TestUpstream::start());
    let setup = Setup::of(CONFIG).put("CORP", corp.trust("")).put("UPSTREAM", upstream.address());
    let mounted = setup.file("secret", "correct-horse-battery").file("policies/own/own.cedar", ALICE).mounted();
    let gate = mounted.start();
    let asks = |path: &str| gate.ask(&Request::get(path).bearer(&corp.token().mint())).status();
    assert_eq!((asks("/ruled"), asks("/new")), (200, 404));
    swap(&gate.path(""), |text| text.replace("\"/ruled\"", "\"/new\""));
    until("the new mount", || (asks("/new") == 200).then_some(()));
    swap(&gate.path(""), |text| text.replace("\"/new\"", "\"/newer\""));
    until("the newer mount", || (asks("/newer") == 200).then_some(()));
    assert_eq!(reloads(&gate, "failure"), 0);
}

/// As kubelet's `AtomicWriter` does: a new folder, a new link, and the link in the place of the old one.
fn swap(mount: &Path, change: impl Fn(&str) -> String) {
    let old = fs::read_link(mount.join("..data")).unwrap();
    let new = format!("{}x", old.display());
    fs::create_dir(mount.join(&new)).unwrap();
    for entry in fs::read_dir(mount.join(&old)).unwrap() {
        let name = entry.unwrap().file_name();
        let text = fs::read_to_string(mount.join(&old).join(&name)).unwrap();
        fs::write(mount.join(&new).join(&name), change(&text)).unwrap();
    }
    symlink(&new, mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    fs::remove_dir_all(mount.join(old)).unwrap();
}

#[test]
fn a_hundred_reloads_under_load_fail_no_request_and_leave_nothing_behind() {
    let world = World::new();
    let token = world.corp.token().mint();
    let requests = ["/orders/7", "/ruled", "/public/a", "/orders/8"].map(|path| Request::get(path).bearer(&token));
    let load = Load::on(world.gate.address(), &requests);
    until("the load", || (load.answered() > 20).then_some(()));
    let reload = |times: u64| {
        for _ in 0..times {
            let before = reloads(&world.gate, "success");
            world.gate.signal("HUP");
            until("the reload", || (reloads(&world.gate, "success") > before).then_some(()));
        }
    };
    let tasks = || world.gate.admin("/status").json()["background_tasks"].as_u64().unwrap();
    reload(20);
    let (memory, files, tasks_before) = (world.gate.resident_bytes(), world.gate.open_files(), tasks());
    reload(80);
    // Connections to the operator's door come and go, each with a task.
    until("tasks as before", || (tasks() <= tasks_before + 1).then_some(()));
    let grown = world.gate.resident_bytes().saturating_sub(memory);
    let (answered, failed) = load.stop();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(answered > 200, "{answered}");
    assert!(grown < 24 << 20, "{grown} bytes more after 80 reloads");
    assert!(world.gate.open_files() <= files + 8, "{} {files}", world.gate.open_files());
    assert_eq!((world.corp.key_fetches(), reloads(&world.gate, "failure")), (1, 0));
}

#[test]
fn an_issuer_that_does_not_answer_does_not_keep_the_rest_from_being_taken_up() {
    let (world, silent) = (World::new(), TestIssuer::start());
    silent.discovery_answers(Reply::new(500, ""));
    world.taken_up("\npolicies:", &format!("\n  silent: {}\npolicies:", silent.trust("")));
    assert_eq!(world.asks("/orders/7"), 200);
    let answer = world.gate.ask(&Request::get("/orders/7").bearer(&silent.token().mint()));
    assert_eq!((answer.status(), answer.code()), (503, "keys-unavailable".to_owned()));
    assert_eq!(world.gate.admin("/readyz").status(), 200, "the gate serves all others");
    silent.answers_well();
    until("its keys", || {
        (world.gate.ask(&Request::get("/orders/7").bearer(&silent.token().mint())).status() == 200).then_some(())
    });
}
