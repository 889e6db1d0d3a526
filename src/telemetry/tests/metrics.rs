//! A scrape, parsed: every promised metric is there, under its name and labels, and counts what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::telemetry::metrics::{Metrics, UNROUTED};
use crate::telemetry::outcome::{CacheLookup, ConnectionEnd, Outcome, ReloadResult};

/// The public contract: each metric's name, kind and labels.
const PROMISED: &[(&str, &str, &[&str])] = &[
    ("lychgate_requests_total", "counter", &["code", "outcome", "route"]),
    ("lychgate_request_duration_seconds", "histogram", &["route"]),
    ("lychgate_decision_duration_seconds", "histogram", &["route"]),
    ("lychgate_upstream_duration_seconds", "histogram", &["upstream"]),
    ("lychgate_upstream_healthy", "gauge", &["endpoint", "upstream"]),
    ("lychgate_upstream_retries_total", "counter", &["result", "upstream"]),
    ("lychgate_upstream_ejections_total", "counter", &["upstream"]),
    ("lychgate_upstream_resolutions_total", "counter", &["result", "upstream"]),
    ("lychgate_token_cache_total", "counter", &["result"]),
    ("lychgate_token_cache_entries", "gauge", &[]),
    ("lychgate_revocations", "gauge", &[]),
    ("lychgate_keys", "gauge", &["issuer"]),
    ("lychgate_keys_age_seconds", "gauge", &["issuer"]),
    ("lychgate_keys_fetch_total", "counter", &["issuer", "result"]),
    ("lychgate_introspections_total", "counter", &["issuer", "result"]),
    ("lychgate_tenants", "gauge", &["issuer"]),
    ("lychgate_tenants_refused_total", "counter", &["issuer"]),
    ("lychgate_policy_decisions_total", "counter", &["bundle", "decision", "mode"]),
    ("lychgate_policy_errors_total", "counter", &["bundle"]),
    ("lychgate_policy_faults_total", "counter", &["bundle", "policy"]),
    ("lychgate_policy_shadow_total", "counter", &["bundle", "difference"]),
    ("lychgate_policy_bundle_info", "gauge", &["bundle", "revision"]),
    ("lychgate_token_shadow_total", "counter", &["difference", "issuer"]),
    ("lychgate_rate_limit_decisions_total", "counter", &["counted", "outcome", "route"]),
    ("lychgate_rate_limit_shared", "gauge", &[]),
    ("lychgate_decision_log_dropped_total", "counter", &[]),
    ("lychgate_config_reload_total", "counter", &["result"]),
    ("lychgate_connections", "gauge", &[]),
    ("lychgate_connections_refused_total", "counter", &[]),
    ("lychgate_connections_ended_total", "counter", &["reason"]),
    ("lychgate_streams_closed_total", "counter", &["reason", "route"]),
    ("lychgate_checks_total", "counter", &["door", "outcome"]),
    ("lychgate_trace_spans_total", "counter", &["result"]),
    ("lychgate_build_info", "gauge", &["version"]),
    ("lychgate_access_log_dropped_total", "counter", &[]),
    ("lychgate_audit_log_dropped_total", "counter", &[]),
    ("lychgate_sign_ups_total", "counter", &["outcome"]),
    ("lychgate_sign_ins_total", "counter", &["outcome"]),
    ("lychgate_sign_in_challenges_total", "counter", &["challenge"]),
    ("lychgate_lockouts_total", "counter", &[]),
    ("lychgate_tokens_issued_total", "counter", &["by"]),
    ("lychgate_messages_total", "counter", &["medium", "outcome"]),
    ("lychgate_active_users", "gauge", &["pool", "window"]),
    ("process_cpu_seconds_total", "counter", &[]),
    ("process_resident_memory_bytes", "gauge", &[]),
    ("process_virtual_memory_bytes", "gauge", &[]),
    ("process_open_fds", "gauge", &[]),
    ("process_max_fds", "gauge", &[]),
    ("process_threads", "gauge", &[]),
    ("process_start_time_seconds", "gauge", &[]),
];

/// A scrape, read as Prometheus reads it.
#[derive(Default)]
struct Scrape {
    help: BTreeMap<String, String>,
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, String>,
}

impl Scrape {
    fn of(metrics: &Metrics) -> Self {
        let mut scrape = Self::default();
        metrics.encode().lines().for_each(|line| scrape.read(line));
        scrape
    }

    fn read(&mut self, line: &str) {
        let (comments, rest) = match line.split_once(' ').unwrap() {
            ("#", rest) if rest.starts_with("HELP ") => (&mut self.help, &rest[5..]),
            ("#", rest) if rest.starts_with("TYPE ") => (&mut self.kinds, &rest[5..]),
            ("#", _) => panic!("{line}"),
            _ => {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let before = self.samples.insert(series.to_owned(), value.to_owned());
                return assert_eq!(before, None, "twice: {series}");
            }
        };
        let (name, text) = rest.split_once(' ').unwrap();
        assert_eq!(comments.insert(name.to_owned(), text.to_owned()), None, "twice: {name}");
    }

    fn labels_of(&self, name: &str) -> BTreeSet<&str> {
        let series = self.samples.keys().filter_map(|series| series.strip_prefix(name)?.strip_prefix('{'));
        let labels = series.flat_map(|rest| rest.trim_end_matches('}').split(','));
        labels.map(|label| label.split_once('=').unwrap().0).collect()
    }
}

fn all_counted_once() -> Metrics {
    let metrics = Metrics::new().unwrap();
    metrics.route("orders").request(Outcome::Denied, "token-expired", Duration::from_millis(3));
    metrics.route("orders").decision(Duration::from_micros(30));
    metrics.route("orders").stream_closed("token-expired");
    metrics.connections().ended(ConnectionEnd::Flood);
    metrics.checks().checked("nginx", Outcome::Denied);
    let upstream = metrics.upstream("orders").unwrap();
    upstream.took(Duration::from_millis(2));
    upstream.healthy("10.0.0.1:8080", true);
    metrics.token_cache().lookup(CacheLookup::Hit);
    metrics.token_cache().entries(7);
    let issuer = metrics.issuer("corp");
    issuer.keys(2);
    issuer.keys_age(Duration::from_secs(90));
    issuer.fetched("success");
    metrics.introspections("corp").asked("active");
    issuer.tenants(3);
    issuer.tenant_refused();
    metrics.bundle("orders", "enforce").decided(false);
    metrics.bundle("orders", "enforce").failed();
    metrics.bundle("orders", "enforce").erred("no-strangers");
    metrics.bundle("orders", "enforce").tried("would-deny");
    metrics.token_shadow("corp").tried("none");
    metrics.bundle_revisions([("orders", "0123456789abcdef")]);
    metrics.rate_limit("orders").counted(true, false);
    metrics.rate_limit_shared().connected(true);
    metrics.reloaded(ReloadResult::Failure);
    let identity = metrics.identity();
    identity.sign_up("success");
    identity.sign_in("locked");
    identity.challenge("SMS_MFA");
    identity.lockout();
    identity.tokens("refresh");
    identity.message("email", "delivered");
    identity.active_users("demo", "1d", 3);
    metrics
}

#[test]
fn what_is_shown_is_what_is_promised() {
    let scrape = Scrape::of(&all_counted_once());
    let shown: BTreeSet<&str> = scrape.kinds.keys().map(String::as_str).collect();
    assert_eq!(shown, PROMISED.iter().map(|(name, ..)| *name).collect());
    for (name, kind, labels) in PROMISED {
        assert_eq!(scrape.kinds[*name], *kind, "{name}");
        assert!(scrape.help[*name].ends_with('.'), "{name}");
        let name = if *kind == "histogram" { format!("{name}_count") } else { (*name).to_owned() };
        assert_eq!(scrape.labels_of(&name), labels.iter().copied().collect(), "{name}");
    }
}

#[test]
fn each_measure_lands_in_its_own_series() {
    let scrape = Scrape::of(&all_counted_once());
    for (series, value) in [
        (r#"lychgate_requests_total{code="token-expired",outcome="denied",route="orders"}"#, "1"),
        (r#"lychgate_request_duration_seconds_sum{route="orders"}"#, "0.003"),
        (r#"lychgate_decision_duration_seconds_bucket{route="orders",le="0.00005"}"#, "1"),
        (r#"lychgate_decision_duration_seconds_bucket{route="orders",le="0.000025"}"#, "0"),
        (r#"lychgate_upstream_duration_seconds_count{upstream="orders"}"#, "1"),
        (r#"lychgate_upstream_healthy{endpoint="10.0.0.1:8080",upstream="orders"}"#, "1"),
        (r#"lychgate_token_cache_total{result="hit"}"#, "1"),
        (r#"lychgate_token_cache_total{result="miss"}"#, "0"),
        ("lychgate_token_cache_entries", "7"),
        (r#"lychgate_keys{issuer="corp"}"#, "2"),
        (r#"lychgate_keys_age_seconds{issuer="corp"}"#, "90"),
        (r#"lychgate_keys_fetch_total{issuer="corp",result="success"}"#, "1"),
        (r#"lychgate_tenants{issuer="corp"}"#, "3"),
        (r#"lychgate_tenants_refused_total{issuer="corp"}"#, "1"),
        (r#"lychgate_policy_decisions_total{bundle="orders",decision="deny",mode="enforce"}"#, "1"),
        (r#"lychgate_policy_decisions_total{bundle="orders",decision="allow",mode="enforce"}"#, "0"),
        (r#"lychgate_policy_errors_total{bundle="orders"}"#, "1"),
        (r#"lychgate_policy_faults_total{bundle="orders",policy="no-strangers"}"#, "1"),
        (r#"lychgate_rate_limit_decisions_total{counted="shared",outcome="limited",route="orders"}"#, "1"),
        (r#"lychgate_rate_limit_decisions_total{counted="local",outcome="limited",route="orders"}"#, "0"),
        ("lychgate_rate_limit_shared", "1"),
        (r#"lychgate_config_reload_total{result="failure"}"#, "1"),
        (r#"lychgate_checks_total{door="nginx",outcome="denied"}"#, "1"),
    ] {
        assert_eq!(scrape.samples.get(series).map(String::as_str), Some(value), "{series}");
    }
}

#[test]
fn the_process_is_measured_at_each_scrape() {
    let metrics = Metrics::new().unwrap();
    metrics.started(1_800_000_000);
    let value = |name: &str| Scrape::of(&metrics).samples[name].parse::<f64>().unwrap();
    assert!((value("process_start_time_seconds") - 1_800_000_000.0).abs() < f64::EPSILON);
    for name in ["process_resident_memory_bytes", "process_virtual_memory_bytes"] {
        assert!(value(name) > 1_000_000.0, "{name}: {}", value(name));
    }
    let (threads, files, cpu) =
        (value("process_threads"), value("process_open_fds"), value("process_cpu_seconds_total"));
    assert!(threads >= 1.0 && files >= 3.0 && value("process_max_fds") >= files, "{threads} {files}");
    let opened: Vec<_> = (0..100).map(|_| std::fs::File::open("/proc/self/stat").unwrap()).collect();
    // other tests open and close files meanwhile
    assert!(value("process_open_fds") >= files + 50.0, "{files}, then {} more", opened.len());
    let mut spent = 0_u64;
    while value("process_cpu_seconds_total") < cpu + 0.02 {
        spent = (0..1_000_000_u64).fold(spent, |sum, number| std::hint::black_box(sum ^ number));
    }
}

#[test]
fn counting_again_finds_the_same_counter() {
    let metrics = Metrics::new().unwrap();
    let (one, other) = (metrics.route(UNROUTED), metrics.route(UNROUTED));
    for handle in [&one, &one, &other, &one.clone()] {
        handle.request(Outcome::Denied, "no-route", Duration::ZERO);
    }
    one.request(Outcome::Failed, "no-route", Duration::ZERO);
    let scrape = Scrape::of(&metrics);
    assert_eq!(scrape.samples[r#"lychgate_requests_total{code="no-route",outcome="denied",route="-"}"#], "4");
    assert_eq!(scrape.samples[r#"lychgate_requests_total{code="no-route",outcome="failed",route="-"}"#], "1");
}

#[test]
fn threads_that_count_for_the_first_time_at_once_lose_nothing() {
    let metrics = Metrics::new().unwrap();
    let route = metrics.route("orders");
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| (0..1000).for_each(|_| route.request(Outcome::Allowed, "2xx", Duration::ZERO)));
        }
    });
    assert_eq!(route.used.load().len(), 1);
    let series = r#"lychgate_requests_total{code="2xx",outcome="allowed",route="orders"}"#;
    assert_eq!(Scrape::of(&metrics).samples[series], "4000");
}

#[test]
fn endpoints_of_different_upstreams_never_meet() {
    let metrics = Metrics::new().unwrap();
    metrics.upstream("web").unwrap().healthy("11.0.0.1:80", true);
    metrics.upstream("web1").unwrap().healthy("1.0.0.1:80", false);
    let scrape = Scrape::of(&metrics);
    assert_eq!(scrape.samples[r#"lychgate_upstream_healthy{endpoint="11.0.0.1:80",upstream="web"}"#], "1");
    assert_eq!(scrape.samples[r#"lychgate_upstream_healthy{endpoint="1.0.0.1:80",upstream="web1"}"#], "0");
}

#[test]
fn what_a_reload_took_out_is_shown_no_more() {
    let metrics = all_counted_once();
    for kept in ["corp2", "orders2"] {
        metrics.issuer(kept).keys(1);
        metrics.route(kept).request(Outcome::Allowed, "2xx", Duration::ZERO);
        metrics.upstream(kept).unwrap().healthy("10.0.0.1:8080", true);
        metrics.bundle(kept, "enforce").decided(true);
    }
    metrics.forget_issuer("corp");
    metrics.forget_route("orders");
    metrics.forget_upstream("orders");
    metrics.forget_bundle("orders");
    metrics.bundle_revisions([("orders2", "0123456789abcdef")]);
    let scrape = Scrape::of(&metrics);
    for gone in ["\"corp\"", "\"orders\""] {
        assert!(!scrape.samples.keys().any(|series| series.contains(gone)), "{:?}", scrape.samples);
    }
    for (series, value) in [
        (r#"lychgate_keys{issuer="corp2"}"#, "1"),
        (r#"lychgate_requests_total{code="2xx",outcome="allowed",route="orders2"}"#, "1"),
        (r#"lychgate_upstream_healthy{endpoint="10.0.0.1:8080",upstream="orders2"}"#, "1"),
        (r#"lychgate_policy_decisions_total{bundle="orders2",decision="allow",mode="enforce"}"#, "1"),
    ] {
        assert_eq!(scrape.samples.get(series).map(String::as_str), Some(value), "{series}");
    }
}

#[test]
fn what_was_taken_back_and_comes_again_begins_anew() {
    let metrics = all_counted_once();
    metrics.forget_route("orders");
    metrics.forget_upstream("orders");
    metrics.route("orders").request(Outcome::Denied, "token-expired", Duration::ZERO);
    metrics.upstream("orders").unwrap().healthy("10.0.0.1:8080", false);
    let scrape = Scrape::of(&metrics);
    let series = r#"lychgate_requests_total{code="token-expired",outcome="denied",route="orders"}"#;
    assert_eq!(scrape.samples[series], "1");
    assert_eq!(scrape.samples[r#"lychgate_upstream_healthy{endpoint="10.0.0.1:8080",upstream="orders"}"#], "0");
}

#[test]
fn a_hook_brings_gauges_up_to_date_before_each_scrape() {
    let metrics = Metrics::new().unwrap();
    metrics.before_scrape(|metrics| metrics.token_cache().entries(42));
    assert_eq!(Scrape::of(&metrics).samples["lychgate_token_cache_entries"], "42");
}

#[test]
fn a_name_with_quotes_or_line_ends_stays_inside_its_label() {
    let metrics = Metrics::new().unwrap();
    metrics.issuer("a\"\n\\b").keys(1);
    assert_eq!(Scrape::of(&metrics).samples[r#"lychgate_keys{issuer="a\"\n\\b"}"#], "1");
}

#[test]
fn policies_that_erred_are_shown_until_their_bundle_has_another_revision() {
    let metrics = Metrics::new().unwrap();
    let shown = || {
        let scrape = Scrape::of(&metrics);
        let faults = scrape.samples.into_iter().filter(|(series, _)| series.starts_with("lychgate_policy_faults"));
        faults.map(|(_, count)| count).collect::<Vec<_>>()
    };
    metrics.bundle_revisions([("orders", "0000000000000000"), ("reports", "1111111111111111")]);
    metrics.bundle("orders", "enforce").erred("orders.cedar:7");
    metrics.bundle("reports", "enforce").erred("quota");
    metrics.bundle_revisions([("orders", "0000000000000000"), ("reports", "1111111111111111")]);
    metrics.bundle("reports", "enforce").erred("quota");
    assert_eq!(shown(), ["1", "2"]);
    metrics.bundle_revisions([("orders", "2222222222222222"), ("reports", "1111111111111111")]);
    assert_eq!(shown(), ["2"]);
}

#[test]
fn a_bundle_has_one_revision_at_a_time_and_none_once_it_is_gone() {
    let metrics = Metrics::new().unwrap();
    let shown = || {
        let scrape = Scrape::of(&metrics);
        scrape.samples.keys().filter(|series| series.starts_with("lychgate_policy_bundle_info")).count()
    };
    metrics.bundle_revisions([("orders", "0000000000000000"), ("reports", "1111111111111111")]);
    assert_eq!(shown(), 2);
    metrics.bundle_revisions([("orders", "2222222222222222"), ("reports", "1111111111111111")]);
    assert_eq!(shown(), 2);
    metrics.bundle_revisions([("orders", "2222222222222222")]);
    assert_eq!(shown(), 1);
    assert!(metrics.encode().contains(r#"lychgate_policy_bundle_info{bundle="orders",revision="2222222222222222"} 1"#));
}
