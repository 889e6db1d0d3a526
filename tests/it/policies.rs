//! Policies at the gate: allow, deny, forbid with a message, errors, anonymous callers, and shadow mode.

use crate::support::{Message, Request, Setup, TestGateway, TestIssuer, TestUpstream, lychgate};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
  partner: @PARTNER@
policies:
  orders: {directory: policies/orders, mode: @MODE@}
upstreams:
  orders: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: order, match: {path: "/{tenant}/orders/{id}"}, access: {policy: orders}, upstream: orders}
  - {name: reports, match: {path: "/reports/{*rest}"}, access: {policy: orders, optional: true}, upstream: orders}
"#;

const POLICIES: &str = r#"
@id("clerk-reads-own-tenant")
permit (principal in Group::"corp|sales", action in Action::"read", resource == Service::"orders")
when { principal has tenant && context.path has tenant && context.path.tenant == principal.tenant };

@id("clerk-writes-orders")
permit (principal in Group::"corp|sales", action == Action::"PUT /{tenant}/orders/{id}", resource)
when { principal has tenant && context.path.tenant == principal.tenant && principal.scopes.contains("orders/write") };

@id("frozen")
@message("orders are \"frozen\" today")
forbid (principal, action in Action::"order", resource)
when { context.path has id && context.path.id == "frozen" };

@id("level-overflows")
forbid (principal, action, resource)
when { principal has level && principal.level + 1 == 0 };

@id("reports-are-open")
permit (principal, action in Action::"reports", resource)
when { context.path.rest == "open" };

@id("reports-for-users")
permit (principal is User, action in Action::"reports", resource)
when { context.path.rest == "closed" };
"#;

struct World {
    corp: TestIssuer,
    partner: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

fn world(mode: &str) -> World {
    world_with(mode, |setup| setup)
}

fn world_with(mode: &str, change: impl FnOnce(Setup) -> Setup) -> World {
    let (corp, partner, upstream) = (TestIssuer::start(), TestIssuer::start(), TestUpstream::start());
    let attributes =
        "attributes: {tenant: {claim: \"custom:tenant\", type: string}, level: {claim: level, type: long}}";
    let setup = Setup::of(CONFIG).put("CORP", corp.trust(attributes)).put("PARTNER", partner.trust(attributes));
    let setup = setup.put("MODE", mode).put("UPSTREAM", upstream.address());
    let gate = change(setup.file("policies/orders/orders.cedar", POLICIES)).start();
    World { corp, partner, upstream, gate }
}

/// A clerk of the tenant `acme`.
fn clerk(issuer: &TestIssuer) -> crate::support::Token {
    issuer.token().groups(&["sales"]).claim("custom:tenant", "acme")
}

fn told(answer: &Message) -> (u16, String) {
    (answer.status(), answer.code())
}

#[test]
fn what_a_policy_permits_passes_and_nothing_else() {
    let World { corp, partner, upstream, gate } = world("enforce");
    let writes = || clerk(&corp).scopes("orders/read orders/write");
    let table = [
        ("GET", "/acme/orders/7", clerk(&corp), 200, ""),
        ("HEAD", "/acme/orders/7", clerk(&corp), 200, ""),
        ("GET", "/globex/orders/7", clerk(&corp), 403, "denied-by-policy"),
        ("GET", "/acme/orders/7", corp.token().groups(&["sales"]), 403, "denied-by-policy"),
        ("GET", "/acme/orders/7", corp.token().claim("custom:tenant", "acme"), 403, "denied-by-policy"),
        ("GET", "/acme/orders/7", clerk(&corp).groups(&["Sales"]), 403, "denied-by-policy"),
        ("GET", "/acme/orders/7", clerk(&partner), 403, "denied-by-policy"),
        ("GET", "/%61cme/orders/7", clerk(&corp), 200, ""),
        ("PUT", "/acme/orders/7", clerk(&corp), 403, "denied-by-policy"),
        ("PUT", "/acme/orders/7", writes(), 200, ""),
        ("DELETE", "/acme/orders/7", writes(), 403, "denied-by-policy"),
        ("GET", "/acme/orders/frozen", clerk(&corp), 403, "denied-by-policy"),
        ("GET", "/acme/orders/7", clerk(&corp).claim("level", 3), 200, ""),
        // An attribute of another type refuses the token; it never counts as absent.
        ("GET", "/acme/orders/7", clerk(&corp).claim("level", "3"), 401, "claim-type"),
        ("GET", "/acme/orders/7", clerk(&corp).claim("custom:tenant", 7), 401, "claim-type"),
        // A forbid that errs is a deny, although a permit holds.
        ("GET", "/acme/orders/7", clerk(&corp).claim("level", i64::MAX), 403, "policy-error"),
    ];
    let passed = table.iter().filter(|(.., status, _)| *status == 200).count();
    for (method, target, token, status, code) in table {
        let answer = gate.ask(&Request::new(method, target).bearer(&token.mint()));
        let code = if method == "HEAD" { String::new() } else { code.to_owned() };
        assert_eq!(told(&answer), (status, code), "{method} {target}");
    }
    assert_eq!(upstream.received().len(), passed);
    for (decision, count) in [("allow", 5), ("deny", 9)] {
        let labels = format!(r#"bundle="orders",decision="{decision}",mode="enforce""#);
        gate.counts(&format!("lychgate_policy_decisions_total{{{labels}}}"), count);
    }
    gate.counts(r#"lychgate_policy_errors_total{bundle="orders"}"#, 1);
    gate.counts(r#"lychgate_policy_faults_total{bundle="orders",policy="level-overflows"}"#, 1);
}

#[test]
fn a_forbid_tells_its_message_and_nothing_of_the_policy() {
    let World { corp, gate, .. } = world("enforce");
    let answer = gate.ask(&Request::get("/acme/orders/frozen").bearer(&clerk(&corp).mint()));
    assert_eq!(told(&answer), (403, "denied-by-policy".to_owned()));
    assert_eq!(answer.json()["detail"], "orders are 'frozen' today");
    let answer = gate.ask(&Request::get("/globex/orders/7").bearer(&clerk(&corp).mint()));
    assert_eq!(answer.json()["detail"], "the caller may not do this");
    for secret in ["clerk", "tenant", "globex"] {
        assert!(!answer.text().contains(secret), "{}", answer.text());
    }
    let line = gate.logged(answer.header("x-request-id").unwrap());
    assert_eq!(line["code"], "denied-by-policy");
}

#[test]
fn nobody_is_a_principal_of_his_own() {
    let World { corp, upstream, gate, .. } = world("enforce");
    assert_eq!(gate.ask(&Request::get("/reports/open")).status(), 200);
    assert_eq!(told(&gate.ask(&Request::get("/reports/closed"))), (403, "denied-by-policy".to_owned()));
    assert_eq!(gate.ask(&Request::get("/reports/closed").bearer(&corp.token().mint())).status(), 200);
    assert_eq!(gate.ask(&Request::get("/reports/open").bearer(&corp.token().expired().mint())).status(), 401);
    assert_eq!(upstream.received().len(), 2);
    let answer = gate.ask(&Request::get("/reports/closed").bearer(&corp.token().mint()));
    let line = gate.logged(answer.header("x-request-id").unwrap());
    assert_eq!(line["policies"].as_array().map(Vec::len), Some(1), "{line}");
    assert!(line["policies"][0].as_str().unwrap().contains("reports-for-users"), "{line}");
}

#[test]
fn in_shadow_everything_passes_and_is_counted() {
    let World { corp, upstream, gate, .. } = world("shadow");
    let ask = |target: &str, token: &str| gate.ask(&Request::get(target).bearer(token)).status();
    assert_eq!(ask("/acme/orders/7", &clerk(&corp).mint()), 200);
    assert_eq!(ask("/globex/orders/7", &clerk(&corp).mint()), 200);
    assert_eq!(ask("/acme/orders/frozen", &clerk(&corp).mint()), 200);
    assert_eq!(ask("/acme/orders/7", &clerk(&corp).claim("level", i64::MAX).mint()), 200);
    // Shadow is for policies alone.
    assert_eq!(ask("/acme/orders/7", &clerk(&corp).expired().mint()), 401);
    assert_eq!(gate.ask(&Request::get("/acme/orders/7")).status(), 401);
    assert_eq!(upstream.received().len(), 4);
    for (decision, count) in [("allow", 1), ("deny", 3)] {
        let labels = format!(r#"bundle="orders",decision="{decision}",mode="shadow""#);
        gate.counts(&format!("lychgate_policy_decisions_total{{{labels}}}"), count);
    }
}

const TRUST: &str = r#"{issuer: "https://idp.example", audience: [api], attributes: {tenant: {claim: tenant, type: string}, level: {claim: level, type: long}}}"#;

/// Files by name, with what must be said of them.
type WrongFolder = (&'static [(&'static str, &'static [u8])], [&'static str; 2]);

/// Files of a folder that cannot be right, with what must be said of it: what is wrong, and what to do.
pub(crate) const WRONG_FOLDERS: [WrongFolder; 11] = [
    (
        &[("a.cedar", b"permit (principal is User, action, resource) when { principal.tennant == \"a\" };")],
        ["a.cedar:1", "`tenant`"],
    ),
    (
        &[("a.cedar", b"permit (principal in Group::\"corp|sales\" action, resource);")],
        ["a.cedar:1:42", "policy-syntax"],
    ),
    (&[("a.cedar", b"permit (principal, action in Action::\"reads\", resource);")], ["reads", "read"]),
    (&[("a.cedar", b"permit (principal, action, resource == Service::\"payments\");")], ["payments", "orders"]),
    (
        &[("a.cedar", b"permit (principal in Group::\"crop|sales\", action, resource);")],
        ["names no trusted issuer", "`corp`"],
    ),
    (&[("a.cedar", b"permit (principal is Usr, action, resource);")], ["Usr", "User"]),
    (
        &[(
            "a.cedar",
            b"permit (principal is User, action, resource) when { principal has level && principal.level == \"3\" };",
        )],
        ["a.cedar:1", "wrong-type"],
    ),
    (
        &[
            ("a.cedar", b"@id(\"x\") permit (principal, action, resource);"),
            ("b.cedar", b"@id(\"x\") forbid (principal, action, resource);"),
        ],
        ["`x` is already taken", "of its own"],
    ),
    (&[("readme.txt", b"soon")], ["has no `*.cedar` file", "put at least one policy there"]),
    (&[("a.cedar", b"")], ["hold no policy", "every request would be denied"]),
    (&[("a.cedar", b"// \xff\xfe")], ["not text in UTF-8", "save it as UTF-8"]),
];

#[test]
fn a_bundle_that_cannot_be_right_is_refused_when_loaded() {
    for (files, said) in WRONG_FOLDERS {
        let setup = Setup::of(CONFIG).put("CORP", TRUST).put("PARTNER", TRUST.replace("idp", "partner"));
        let mut setup = setup.put("MODE", "enforce").put("UPSTREAM", "127.0.0.1:9");
        for (name, content) in files {
            setup = setup.file(&format!("policies/orders/{name}"), *content);
        }
        let written = setup.write();
        let config = written.config();
        let shown = files.iter().map(|(_, text)| String::from_utf8_lossy(text)).collect::<String>();
        let checked = lychgate(&["check", "--config", config.to_str().unwrap()]);
        assert_eq!(checked.code, Some(1), "{shown}: {checked:?}");
        let told = checked.stderr.split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
        for said in said {
            assert!(told.contains(said), "{said}: {shown}: {}", checked.stderr);
        }
        let served = lychgate(&["serve", "--config", config.to_str().unwrap()]);
        assert_eq!(served.code, Some(3), "{shown}: {served:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_and_told() {
    let setup = Setup::of(CONFIG).put("CORP", TRUST).put("PARTNER", TRUST.replace("idp", "partner"));
    let setup = setup.put("MODE", "enforce").put("UPSTREAM", "127.0.0.1:9");
    let written = setup.file("policies/orders/a.cedar", POLICIES).file("policies/orders/b.cedar/inside", "").write();
    let checked = lychgate(&["check", "--config", written.config().to_str().unwrap()]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stderr.contains("cannot be read") && checked.stderr.contains("b.cedar"), "{checked:?}");
}

#[test]
fn a_policy_that_errs_is_named_in_the_log() {
    let World { corp, gate, upstream: _upstream, .. } = world("enforce");
    let answer = gate.ask(&Request::get("/acme/orders/7").bearer(&clerk(&corp).claim("level", i64::MAX).mint()));
    assert_eq!(told(&answer), (403, "policy-error".to_owned()));
    let id = answer.header("x-request-id").unwrap().to_owned();
    let line = crate::support::until("a line about the policy", || {
        gate.stderr()
            .lines()
            .find(|line| line.contains(&id) && line.contains("could not be evaluated"))
            .map(str::to_owned)
    });
    assert!(line.contains("level-overflows") && line.contains("integer-overflow"), "{line}");
}

/// Policies of other groups, which can matter for nobody here.
fn of_others(count: usize) -> String {
    let policy = |number| {
        format!("@id(\"other-{number}\") permit (principal in Group::\"corp|other-{number}\", action, resource);\n")
    };
    (0..count).map(policy).collect()
}

#[test]
fn a_gate_that_evaluates_every_policy_decides_the_same_and_pays_for_it() {
    const REQUESTS: u32 = 20;
    let others = of_others(2000);
    let answers = |flag: Option<&str>| {
        let crowded = |setup: Setup| {
            let setup = setup.file("policies/orders/others.cedar", others.as_str());
            flag.into_iter().fold(setup, Setup::flag)
        };
        let World { corp, gate, upstream: _upstream, .. } = world_with("enforce", crowded);
        let ask = |method: &str, target: &str, token: &str| {
            let answer = gate.ask(&Request::new(method, target).bearer(token));
            let line = gate.logged(answer.header("x-request-id").unwrap());
            (told(&answer), line["policies"].clone())
        };
        let table = [
            ("GET", "/acme/orders/7", clerk(&corp)),
            ("PUT", "/acme/orders/7", clerk(&corp)),
            ("GET", "/globex/orders/7", clerk(&corp)),
            ("GET", "/acme/orders/frozen", clerk(&corp)),
            ("GET", "/acme/orders/7", clerk(&corp).groups(&["other-7"])),
            ("GET", "/acme/orders/7", clerk(&corp).claim("level", i64::MAX)),
            ("GET", "/reports/closed", corp.token()),
        ];
        let told = table.map(|(method, target, token)| ask(method, target, &token.mint()));
        let token = clerk(&corp).mint();
        let spent = || gate.metric(r#"lychgate_decision_duration_seconds_sum{route="order"}"#);
        let before = spent();
        for _ in 0..REQUESTS {
            assert_eq!(gate.ask(&Request::get("/acme/orders/7").bearer(&token)).status(), 200);
        }
        gate.counts(r#"lychgate_decision_duration_seconds_count{route="order"}"#, REQUESTS + 6);
        (told, spent() - before)
    };
    let (selected, cheap) = answers(None);
    let (all, dear) = answers(Some("--evaluate-all"));
    assert_eq!(selected, all);
    assert!(dear > 3.0 * cheap, "every policy: {dear} s, those that can matter: {cheap} s");
}
