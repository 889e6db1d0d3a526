//! What is tried out, and the log of decisions: values that cannot be, and what makes no sense together.

use super::support::assert_mistakes;

#[test]
fn rules_for_tokens_that_could_not_count_are_not_tried_either() {
    for (rules, fragment) in [
        ("algorithms: [▸none]", "nobody signed"),
        ("algorithms: [▸HS256]", "never accepted"),
        ("▸algorithms: []", "an empty list"),
        ("▸types: []", "an empty list"),
        ("audience: [▸'']", "must not be empty"),
        ("client_ids: [▸' ']", "must not be empty"),
        ("leeway: ▸61s", "at most `60s`"),
        ("max_age: ▸0s", "at least `1s`"),
        ("require_claims: {▸'': x}", "a claim needs a name"),
    ] {
        let marked =
            format!("trusted_issuers: {{a: {{issuer: 'https://i.example', audience: [a], shadow: {{{rules}}}}}}}");
        assert_mistakes(&marked, "wrong-value", &[fragment]);
    }
    let nothing = "trusted_issuers: {a: {issuer: 'https://i.example', audience: [a], ▸shadow: {}}}";
    assert_mistakes(nothing, "wrong-value", &["tries nothing"]);
    let unknown = "trusted_issuers: {a: {issuer: 'https://i.example', audience: [a], shadow: {▸algorithm: [ES256]}}}";
    assert_mistakes(unknown, "unknown-key", &["`algorithms`"]);
}

#[test]
fn a_candidate_stands_beside_a_bundle_that_decides() {
    let shadow =
        "policies: {orders: {directory: policies/orders, mode: shadow, ▸candidate: {directory: policies/orders}}}";
    assert_mistakes(shadow, "contradiction", &["leave `mode` out"]);
    let missing = "policies: {orders: {directory: policies/orders, candidate: {directory: ▸policies/next}}}";
    assert_mistakes(missing, "missing-file", &["there is no folder"]);
}

#[test]
fn a_decision_log_that_logs_otherwise_than_it_says_is_refused() {
    for (decisions, code, fragment) in [
        ("log: all, sample: ▸1.5", "wrong-value", "from 0 to 1"),
        ("log: all, sample: ▸-0.1", "wrong-value", "from 0 to 1"),
        ("log: denied, ▸sample: 0.5", "contradiction", "only `log: all`"),
        ("▸file: a.log", "contradiction", "nothing is logged"),
        ("log: ▸everything", "unknown-word", "`all`"),
    ] {
        assert_mistakes(&format!("telemetry: {{decisions: {{{decisions}}}}}"), code, &[fragment]);
    }
}
