//! Introspection that could not be asked, or would show tokens to others.

use super::support::{assert_mistakes, load};

fn introspecting(endpoint: &str, client: &str, more: &str) -> String {
    format!("keys: {{introspection: {{endpoint: {endpoint}, {client}{more}}}}}")
}

const URL: &str = "'https://i.example'";
const CLIENT: &str = "client_id: a, client_secret: b";

#[test]
fn an_endpoint_that_cannot_be_asked_safely_is_refused() {
    for (rest, fragment) in [
        (introspecting("▸'http://i.example'", CLIENT, ""), "must be https"),
        (introspecting("▸'https://u:p@i.example'", CLIENT, ""), "must not carry a user name"),
        (introspecting(URL, "client_id: ▸'', client_secret: b", ""), "must not be empty"),
        (introspecting(URL, "client_id: a, client_secret: ▸''", ""), "must not be empty"),
        (introspecting(URL, CLIENT, ", cache: ▸2h"), "at most `1h`"),
        (introspecting(URL, CLIENT, ", timeout: ▸0s"), "from `1ms` to `30s`"),
        (format!("▸algorithms: [RS256], {}", introspecting(URL, CLIENT, "")), "neither algorithm nor type"),
        (format!("▸types: [JWT], {}", introspecting(URL, CLIENT, "")), "neither algorithm nor type"),
        (format!("shadow: {{▸types: [JWT]}}, {}", introspecting(URL, CLIENT, "")), "neither algorithm nor type"),
        (format!("▸cache_directory: c, {}", introspecting(URL, CLIENT, "")), "these keys are not fetched"),
    ] {
        assert_mistakes(
            &format!("trusted_issuers: {{corp: {{issuer: a, audience: [a], {rest}}}}}"),
            "wrong-value",
            &[fragment],
        );
    }
    let many = format!(
        "issuer: 'https://i.example/{{t}}', parameters: {{t: [x]}}, audience: [a], ▸{}",
        introspecting(URL, CLIENT, "")
    );
    assert_mistakes(&format!("trusted_issuers: {{corp: {{{many}}}}}"), "wrong-value", &["come from `discovery`"]);
    let without = "trusted_issuers: {corp: {issuer: a, audience: [a], keys: {▸introspection: {endpoint: 'https://i.example', client_id: a}}}}";
    assert_mistakes(without, "missing-key", &["`client_secret`"]);
}

#[test]
fn a_route_is_reached_by_one_issuer_of_opaque_tokens_at_most() {
    let opaque = |name: &str| format!("{name}: {{issuer: {name}, audience: [a], {}}}", introspecting(URL, CLIENT, ""));
    let jwt = "jwt: {issuer: 'https://idp.example', audience: [a]}";
    let with = |access: &str| {
        format!(
            "trusted_issuers: {{{}, {}, {jwt}}}\nroutes: [{{name: r, match: {{path: /}}, upstream: app{access}}}]",
            opaque("one"),
            opaque("two")
        )
    };
    for access in [
        ", access: {issuers: [one]}",
        ", access: {issuers: [two, jwt]}",
        ", access: {issuers: [jwt]}",
        ", access: public",
    ] {
        assert!(load(&with(access)).is_ok(), "{access}");
    }
    let named = with(", access: {▸issuers: [one, jwt, two]}");
    assert_mistakes(&named, "contradiction", &["`one` and `two`", "name one in `issuers`"]);
    let all = with("").replace("routes: [{name", "routes: [▸{name");
    assert_mistakes(&all, "contradiction", &["`one` and `two`"]);
}

#[test]
fn the_clients_secret_is_never_shown() {
    let secret = "client_id: a, client_secret: hunter2";
    let good = format!("trusted_issuers: {{corp: {{issuer: a, audience: [a], {}}}}}", introspecting(URL, secret, ""));
    assert!(!format!("{:?}", load(&good).unwrap().config).contains("hunter2"));
}
