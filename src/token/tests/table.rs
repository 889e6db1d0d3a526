//! The verifier's table: the rule of the threat model (or the advisory) that a case stands for, what the token is, the answer.

use std::iter::repeat_n;

use serde_json::{Value, json};

use super::support::{Gate, LONGEST, NOW, Token, key, of};

type Case = (&'static str, &'static str, Token, &'static str);

fn corp() -> Token {
    of("corp")
}

/// Half a second after now.
const NOW_AND: f64 = 1_800_000_000.5;

#[expect(clippy::too_many_lines, reason = "a table is read whole")]
fn cases() -> Vec<Case> {
    vec![
        // Rule 1: the algorithm is the operator's and the key's choice.
        ("1", "ES256 by kid", corp(), "ok"),
        ("1", "EdDSA by kid", corp().by("ed").header("kid", "k2"), "ok"),
        ("1", "EdDSA under its name of RFC 9864", corp().by("ed").header("kid", "k2").header("alg", "Ed25519"), "ok"),
        ("1", "RS256 by kid", corp().by("rsa").header("kid", "k3"), "ok"),
        (
            "1",
            "an algorithm that the issuer may not use",
            of("narrow").by("corp").header("kid", "k1"),
            "unsupported-algorithm",
        ),
        (
            "1",
            "an algorithm of the list, named for another key",
            corp().header("alg", "RS256"),
            "unsupported-algorithm",
        ),
        (
            "1",
            "PS256 named over a PKCS #1 signature",
            corp().by("rsa").header("kid", "k3").header("alg", "PS256"),
            "bad-signature",
        ),
        (
            "1",
            "RS512, which is not in the list",
            corp().by("rsa").header("kid", "k3").header("alg", "RS512"),
            "unsupported-algorithm",
        ),
        ("1", "ES384 named for a P-256 key", corp().header("alg", "ES384"), "unsupported-algorithm"),
        ("51", "none", corp().header("alg", "none"), "unsupported-algorithm"),
        ("51", "nOnE", corp().header("alg", "nOnE"), "unsupported-algorithm"),
        ("51", "an algorithm that nobody knows", corp().header("alg", "XS256"), "unsupported-algorithm"),
        ("51", "a lower-case algorithm", corp().header("alg", "es256"), "unsupported-algorithm"),
        ("51", "an empty algorithm", corp().header("alg", ""), "unsupported-algorithm"),
        ("51", "an algorithm that is null", corp().header("alg", Value::Null), "malformed-token"),
        ("32", "HS256", corp().header("alg", "HS256"), "unsupported-algorithm"),
        // Rule 3: one strict text, one strict JSON.
        ("3", "a claim twice", corp().raw(r#","x":1,"x":1"#), "malformed-token"),
        ("3", "exp twice, good one last", corp().raw(r#","exp":1"#), "malformed-token"),
        ("3", "iss twice, once escaped", corp().raw(r#","\u0069ss":"https://partner.example""#), "malformed-token"),
        ("3", "a member twice, deep inside", corp().raw(r#","x":[{"y":{"z":1,"z":2}}]"#), "malformed-token"),
        ("3", "a header member twice", corp().raw_header(r#","kid":"k1""#), "malformed-token"),
        ("3", "a trailing comma", corp().raw(","), "malformed-token"),
        ("3", "single quotes", corp().raw(",'x':1"), "malformed-token"),
        ("3", "a comment", corp().raw("/**/"), "malformed-token"),
        ("3", "text after the object", corp().raw("}{"), "malformed-token"),
        ("3", "NaN", corp().raw(r#","x":NaN"#), "malformed-token"),
        ("3", "a number beyond any double", corp().raw(r#","x":1e400"#), "malformed-token"),
        ("3", "half a surrogate pair", corp().raw(r#","x":"\ud800""#), "malformed-token"),
        ("3", "sixteen levels", corp().raw(&format!(r#","x":{}{}"#, "[".repeat(15), "]".repeat(15))), "ok"),
        (
            "3",
            "seventeen levels",
            corp().raw(&format!(r#","x":{}{}"#, "[".repeat(16), "]".repeat(16))),
            "malformed-token",
        ),
        (
            "17",
            "five thousand levels",
            corp().raw(&format!(r#","x":{}{}"#, "[".repeat(5000), "]".repeat(5000))),
            "malformed-token",
        ),
        (
            "17",
            "five thousand levels, never closed",
            corp().raw(&format!(r#","x":{}"#, "{\"a\":".repeat(2000))),
            "malformed-token",
        ),
        ("3", "zip", corp().header("zip", "DEF"), "malformed-token"),
        ("3", "b64 false", corp().header("b64", false), "malformed-token"),
        ("41", "longer than the limit", corp().claim("x", "x".repeat(LONGEST)), "token-too-long"),
        // Rule 4: nothing that the token brings, and `crit` means no.
        ("4", "crit", corp().header("crit", json!(["exp"])), "critical-header"),
        ("4", "crit that is empty", corp().header("crit", json!([])), "critical-header"),
        ("4", "crit with b64", corp().header("crit", json!(["b64"])).header("b64", true), "critical-header"),
        ("4", "jwk of the forger", corp().by("evil").header("jwk", key("evil").public_jwk()), "bad-signature"),
        ("4", "jku of the forger", corp().by("evil").header("jku", "http://127.0.0.1:1/jwks"), "bad-signature"),
        (
            "4",
            "x5u and x5c of the forger",
            corp().by("evil").header("x5u", "http://127.0.0.1:1/").header("x5c", json!(["AAAA"])),
            "bad-signature",
        ),
        ("4", "jwk beside a good signature", corp().header("jwk", key("evil").public_jwk()), "ok"),
        ("4", "kid that is a number", corp().header("kid", 1), "malformed-token"),
        ("4", "kid that is a path", corp().header("kid", "../../dev/null"), "unknown-key"),
        ("4", "kid that is a query", corp().header("kid", "k1' OR '1'='1"), "unknown-key"),
        ("4", "kid of nobody", corp().header("kid", "k9"), "unknown-key"),
        ("4", "kid in another case", corp().header("kid", "K1"), "unknown-key"),
        ("4", "kid of a key for another algorithm", corp().header("kid", "k2"), "unsupported-algorithm"),
        ("4", "no kid, one key that fits", corp().no_kid(), "ok"),
        ("4", "no kid, one key without kid that fits", of("lone").no_kid(), "ok"),
        ("4", "a kid, and only a key without kid", of("lone"), "unknown-key"),
        ("4", "no kid, two keys that fit", of("twins").no_kid(), "unknown-key"),
        ("4", "no kid, no key that fits", of("twins").no_kid().by("ed"), "unknown-key"),
        ("4", "the right one of two", of("twins").header("kid", "a"), "ok"),
        ("4", "the wrong one of two", of("twins").header("kid", "b"), "bad-signature"),
        ("48", "two issuers, one kid, the first's key", corp(), "ok"),
        ("48", "two issuers, one kid, the second's key", of("partner"), "ok"),
        ("48", "the other issuer's key for this iss", corp().by("partner"), "bad-signature"),
        ("48", "this issuer's key for the other iss", of("partner").by("corp"), "bad-signature"),
        ("20", "keys that never came", of("dark"), "keys-unavailable"),
        ("20", "keys that never came, signed by a forger", of("dark").by("evil").no_kid(), "keys-unavailable"),
        ("5", "a forger's key under a good kid", corp().by("evil"), "bad-signature"),
        // Rule 6: whom from, whom for, and when.
        ("1, 6", "an issuer whom nobody trusts", of("stranger"), "unknown-issuer"),
        ("49", "shared keys, own iss and audience", of("shared"), "ok"),
        ("49", "shared keys, the other's audience", of("shared").claim("aud", "orders-api"), "wrong-audience"),
        ("6", "no iss", corp().without("iss"), "unknown-issuer"),
        ("6", "iss that is an array", corp().claim("iss", json!(["https://idp.example"])), "unknown-issuer"),
        ("6", "iss that is null", corp().claim("iss", Value::Null), "unknown-issuer"),
        ("6", "iss with a slash more", corp().claim("iss", "https://idp.example/"), "unknown-issuer"),
        ("6", "iss in another case", corp().claim("iss", "https://IDP.example"), "unknown-issuer"),
        ("6", "iss with a blank", corp().claim("iss", "https://idp.example "), "unknown-issuer"),
        ("6", "iss that goes on", corp().claim("iss", "https://idp.example.evil"), "unknown-issuer"),
        ("37", "another audience", corp().claim("aud", "billing-api"), "wrong-audience"),
        ("6", "the second audience", corp().claim("aud", "orders-web"), "ok"),
        ("6", "one of several audiences", corp().claim("aud", json!(["x", "orders-api"])), "ok"),
        ("6", "none of several audiences", corp().claim("aud", json!(["x", "y"])), "wrong-audience"),
        ("6", "no audience at all", corp().without("aud"), "missing-claim"),
        ("6", "aud that is empty", corp().claim("aud", json!([])), "wrong-audience"),
        ("6", "aud that is an empty text", corp().claim("aud", ""), "wrong-audience"),
        ("6", "aud that is null", corp().claim("aud", Value::Null), "claim-type"),
        ("6", "aud that is a number", corp().claim("aud", 7), "claim-type"),
        ("6", "aud that is an object", corp().claim("aud", json!({"orders-api": true})), "claim-type"),
        ("6", "aud with a number beside ours", corp().claim("aud", json!(["orders-api", 1])), "claim-type"),
        ("6", "aud nested", corp().claim("aud", json!([["orders-api"]])), "claim-type"),
        ("6", "aud with a slash more", corp().claim("aud", "orders-api/"), "wrong-audience"),
        ("6", "aud that starts like ours", corp().claim("aud", "orders-api-2"), "wrong-audience"),
        ("6", "aud that ours starts with", corp().claim("aud", "orders"), "wrong-audience"),
        ("6", "aud in another case", corp().claim("aud", "Orders-API"), "wrong-audience"),
        ("6", "two audiences in one text", corp().claim("aud", "orders-api orders-web"), "wrong-audience"),
        ("6", "a known client, no aud", of("cognito"), "ok"),
        ("6", "a known client, any aud", of("cognito").claim("aud", "whatever"), "ok"),
        ("6", "a known client, aud of a wrong type", of("cognito").claim("aud", 1), "claim-type"),
        ("6", "another client", of("cognito").claim("client_id", "mobile"), "wrong-client"),
        ("6", "no client", of("cognito").without("client_id"), "missing-claim"),
        ("6", "a client as azp", of("cognito").without("client_id").claim("azp", "cli"), "ok"),
        ("6", "another client as azp", of("cognito").without("client_id").claim("azp", "mobile"), "wrong-client"),
        ("6", "a known client_id, another azp", of("cognito").claim("azp", "mobile"), "wrong-client"),
        (
            "6",
            "another client_id, a known azp",
            of("cognito").claim("client_id", "mobile").claim("azp", "web"),
            "wrong-client",
        ),
        ("6", "client_id of a wrong type", of("cognito").claim("client_id", json!(["web"])), "claim-type"),
        ("6", "azp of a wrong type", of("cognito").claim("azp", Value::Null), "claim-type"),
        ("6", "client and audience", of("both"), "ok"),
        ("6", "client, and no aud where clients are named", of("both").without("aud"), "ok"),
        ("6", "client, and another aud", of("both").claim("aud", "billing-api"), "wrong-audience"),
        ("6", "audience, and another client", of("both").claim("client_id", "mobile"), "wrong-client"),
        ("6", "audience, and no client", of("both").without("client_id"), "missing-claim"),
        ("6", "no exp", corp().without("exp"), "missing-claim"),
        ("6", "exp in the last second of the leeway", corp().claim("exp", NOW - 29), "ok"),
        ("6", "exp at the end of the leeway", corp().claim("exp", NOW - 30), "token-expired"),
        ("6", "exp with a fraction of the last second", corp().claim("exp", NOW_AND + -30.0), "token-expired"),
        ("6", "exp now, no leeway", of("strict").claim("exp", NOW), "token-expired"),
        ("6", "exp in a second, no leeway", of("strict").claim("exp", NOW + 1), "ok"),
        ("6", "exp of zero", corp().claim("exp", 0), "token-expired"),
        ("6", "exp of less than nothing that is zero", corp().without("exp").raw(r#","exp":-0"#), "token-expired"),
        ("6", "exp with an exponent", corp().without("exp").raw(r#","exp":1.9E+9"#), "ok"),
        ("6", "exp with a fraction", corp().without("exp").raw(r#","exp":1900000000.5"#), "ok"),
        (
            "6",
            "exp of thirty digits",
            corp().without("exp").raw(&format!(r#","exp":{}"#, "9".repeat(30))),
            "claim-type",
        ),
        ("6", "exp beyond any double", corp().without("exp").raw(r#","exp":1e400"#), "malformed-token"),
        ("6", "exp that is infinite", corp().without("exp").raw(r#","exp":Infinity"#), "malformed-token"),
        ("6", "exp that is no number", corp().without("exp").raw(r#","exp":NaN"#), "malformed-token"),
        ("6", "exp with a zero before it", corp().without("exp").raw(r#","exp":01900000000"#), "malformed-token"),
        ("6", "exp at the end of the year 9999", corp().claim("exp", 253_402_300_799_u64), "ok"),
        ("6", "exp after the year 9999", corp().claim("exp", 253_402_300_800_u64), "claim-type"),
        ("6", "exp of 64 bits", corp().claim("exp", u64::MAX), "claim-type"),
        ("6", "exp beyond 64 bits", corp().claim("exp", 1e300), "claim-type"),
        ("6", "exp below zero", corp().claim("exp", -1), "claim-type"),
        ("6", "exp as text", corp().claim("exp", "1900000000"), "claim-type"),
        ("6", "exp that is null", corp().claim("exp", Value::Null), "claim-type"),
        ("6", "exp that is true", corp().claim("exp", true), "claim-type"),
        ("6", "exp in an array", corp().claim("exp", json!([NOW + 9])), "claim-type"),
        ("50", "nbf in the future", corp().claim("nbf", NOW + 31), "token-not-yet-valid"),
        ("50", "nbf at the end of the leeway", corp().claim("nbf", NOW + 30), "ok"),
        ("50", "nbf a fraction after the leeway", corp().claim("nbf", NOW_AND + 30.0), "token-not-yet-valid"),
        ("50", "nbf in a second, no leeway", of("strict").claim("nbf", NOW + 1), "token-not-yet-valid"),
        ("50", "nbf as text", corp().claim("nbf", "0"), "claim-type"),
        ("50", "nbf that is null", corp().claim("nbf", Value::Null), "claim-type"),
        ("50", "nbf below zero", corp().claim("nbf", -5), "claim-type"),
        ("6", "iat in the future", corp().claim("iat", NOW + 31), "token-issued-in-the-future"),
        ("6", "iat at the end of the leeway", corp().claim("iat", NOW + 30), "ok"),
        ("6", "no iat", corp().without("iat"), "ok"),
        ("6", "iat as text", corp().claim("iat", "1"), "claim-type"),
        ("6", "iat that is an object", corp().claim("iat", json!({})), "claim-type"),
        ("6", "the oldest iat", of("strict").claim("iat", NOW - 3600), "ok"),
        ("6", "an iat too old", of("strict").claim("iat", NOW - 3601), "token-too-old"),
        ("6", "no iat where an age is asked for", of("strict").without("iat"), "missing-claim"),
        ("6", "an old iat where none is asked for", corp().claim("iat", 1), "ok"),
        // The kind of token (RFC 8725 section 3.11).
        ("6", "typ JWT", corp().typ("JWT"), "ok"),
        ("6", "typ at+jwt", corp().typ("at+jwt"), "ok"),
        ("6", "typ in another case", corp().typ("AT+JWT"), "ok"),
        ("6", "typ as a whole media type", corp().typ("application/at+jwt"), "ok"),
        ("6", "typ as a whole media type in another case", corp().typ("Application/AT+jwt"), "ok"),
        ("6", "typ with the prefix twice", corp().typ("application/application/jwt"), "wrong-token-type"),
        ("6", "typ of a DPoP proof", corp().typ("dpop+jwt"), "wrong-token-type"),
        ("6", "typ of a logout token", corp().typ("logout+jwt"), "wrong-token-type"),
        ("6", "typ of a security event", corp().typ("secevent+jwt"), "wrong-token-type"),
        ("6", "typ of a request object", corp().typ("oauth-authz-req+jwt"), "wrong-token-type"),
        ("6", "an empty typ", corp().typ(""), "wrong-token-type"),
        ("6", "typ with a blank", corp().typ("JWT "), "wrong-token-type"),
        ("6", "typ of a wrong type", corp().header("typ", 1), "malformed-token"),
        ("6", "at+jwt where it is asked for", of("strict"), "ok"),
        ("6", "application/at+jwt where at+jwt is asked for", of("strict").typ("application/at+jwt"), "ok"),
        ("6", "JWT where at+jwt is asked for", of("strict").typ("JWT"), "wrong-token-type"),
        ("34", "a required claim with another value", of("cognito").claim("token_use", "id"), "required-claim"),
        ("34", "a required claim in another case", of("cognito").claim("token_use", "Access"), "required-claim"),
        ("34", "a required claim in an array", of("cognito").claim("token_use", json!(["access"])), "required-claim"),
        ("34", "no required claim", of("cognito").without("token_use"), "missing-claim"),
        ("34", "a required number as text", of("strict").claim("level", "3"), "required-claim"),
        ("34", "a required number as a double", of("strict").claim("level", 3.0), "required-claim"),
        ("34", "a required true as text", of("strict").claim("ok", "true"), "required-claim"),
        ("34", "a required true as one", of("strict").claim("ok", 1), "required-claim"),
        ("34", "a required list in another order", of("strict").claim("tags", json!(["b", "a"])), "required-claim"),
        ("34", "a required list with more", of("strict").claim("tags", json!(["a", "b", "c"])), "required-claim"),
        // Rule 7: names that reach upstreams.
        ("7", "no sub", corp().without("sub"), "missing-claim"),
        ("7", "an empty sub", corp().claim("sub", ""), "invalid-subject"),
        ("7", "sub that is a number", corp().claim("sub", 7), "claim-type"),
        ("7", "sub that is null", corp().claim("sub", Value::Null), "claim-type"),
        ("7", "sub in an array", corp().claim("sub", json!(["alice"])), "claim-type"),
        ("7", "a blank before sub", corp().claim("sub", " alice"), "invalid-subject"),
        ("7", "a blank after sub", corp().claim("sub", "alice "), "invalid-subject"),
        ("7", "a blank inside sub", corp().claim("sub", "alice b"), "ok"),
        ("7", "a sub of blanks", corp().claim("sub", "  "), "invalid-subject"),
        ("7", "a wide blank after sub", corp().claim("sub", "alice\u{3000}"), "invalid-subject"),
        ("7", "a blank without break before sub", corp().claim("sub", "\u{a0}alice"), "invalid-subject"),
        ("7", "a blank without width in sub", corp().claim("sub", "ali\u{200b}ce"), "invalid-subject"),
        ("7", "a hyphen that is not seen in sub", corp().claim("sub", "ali\u{ad}ce"), "invalid-subject"),
        ("7", "tags that are not seen in sub", corp().claim("sub", "alice\u{e0041}"), "invalid-subject"),
        ("7", "a byte order mark before sub", corp().claim("sub", "\u{feff}alice"), "invalid-subject"),
        ("7", "text turned round in sub", corp().claim("sub", "\u{202e}ecila"), "invalid-subject"),
        ("7", "a line separator in sub", corp().claim("sub", "alice\u{2028}b"), "invalid-subject"),
        ("7", "a line break in sub", corp().claim("sub", "alice\r\nx-admin: 1"), "invalid-subject"),
        ("7", "NUL in sub", corp().claim("sub", "alice\0"), "invalid-subject"),
        ("7", "DEL in sub", corp().claim("sub", "al\u{7f}ice"), "invalid-subject"),
        ("7", "a control character of the second set in sub", corp().claim("sub", "al\u{85}ice"), "invalid-subject"),
        ("7", "letters of any script in sub", corp().claim("sub", "Zoë|大山"), "ok"),
        ("7", "punctuation in sub", corp().claim("sub", "auth0|a,b;c=\"d\""), "ok"),
        ("7", "jti of a wrong type", corp().claim("jti", 7), "claim-type"),
        ("7", "origin_jti of a wrong type", corp().claim("origin_jti", json!([])), "claim-type"),
        ("7", "email of a wrong type", corp().claim("email", json!(["a@b"])), "claim-type"),
        ("7", "email_verified as text", corp().claim("email_verified", "true"), "ok"),
        ("7", "email_verified as another text", corp().claim("email_verified", "yes"), "claim-type"),
        ("7", "email_verified as a number", corp().claim("email_verified", 1), "claim-type"),
        ("7", "username of a wrong type", corp().claim("username", json!({})), "claim-type"),
        (
            "7",
            "a second user name of a wrong type",
            corp().claim("username", "a").claim("preferred_username", 1),
            "claim-type",
        ),
        ("7", "scope that is a number", corp().claim("scope", 1), "claim-type"),
        ("7", "scope that is null", corp().claim("scope", Value::Null), "claim-type"),
        ("7", "scopes with a number", corp().claim("scp", json!(["a", 1])), "claim-type"),
        ("7", "groups that are an object", corp().claim("groups", json!({"admin": true})), "claim-type"),
        ("7", "groups that are null", corp().claim("groups", Value::Null), "claim-type"),
        ("7", "groups with null", corp().claim("groups", json!(["a", null])), "claim-type"),
        ("7", "groups nested", corp().claim("groups", json!([["admin"]])), "claim-type"),
        ("7", "groups inside what is no object", corp().claim("realm", "text"), "claim-type"),
        ("7", "groups inside, of a wrong type", corp().claim("realm", json!({"roles": 1})), "claim-type"),
        ("7", "nothing inside", corp().claim("realm", json!({})), "ok"),
        ("7", "a text attribute that is a number", corp().claim("custom:tenant", 1), "claim-type"),
        ("7", "a text attribute that is null", corp().claim("custom:tenant", Value::Null), "claim-type"),
        ("7", "a long attribute as text", corp().claim("level", "3"), "claim-type"),
        ("7", "a long attribute with a fraction", corp().claim("level", 3.5), "claim-type"),
        ("7", "a long attribute as a whole double", corp().claim("level", 3.0), "claim-type"),
        ("7", "the greatest long", corp().claim("level", i64::MAX), "ok"),
        ("7", "the least long", corp().claim("level", i64::MIN), "ok"),
        ("7", "a long out of range", corp().claim("level", i64::MAX as u64 + 1), "claim-type"),
        ("7", "a long that is null", corp().claim("level", Value::Null), "claim-type"),
        ("7", "a bool attribute as text", corp().claim("staff", "true"), "claim-type"),
        ("7", "a bool attribute as one", corp().claim("staff", 1), "claim-type"),
        ("7", "a set attribute that is a text", corp().claim("place", json!({"regions": "eu"})), "claim-type"),
        ("7", "a set attribute with a number", corp().claim("place", json!({"regions": ["eu", 1]})), "claim-type"),
        ("7", "a set attribute inside what is no object", corp().claim("place", 1), "claim-type"),
        // Sender constraint (RFC 7800): what cannot be checked is refused.
        ("10", "cnf with a thumbprint", corp().claim("cnf", json!({"jkt": "x"})), "sender-constraint"),
        ("10", "cnf that is empty", corp().claim("cnf", json!({})), "sender-constraint"),
        ("10", "cnf that is null", corp().claim("cnf", Value::Null), "sender-constraint"),
    ]
}

#[test]
fn every_case_of_the_table_is_answered_with_its_code() {
    let gate = Gate::new();
    let wrong: Vec<_> = cases()
        .into_iter()
        .map(|(rule, what, token, expected)| (rule, what, expected, gate.code(&token.sign())))
        .filter(|(_, _, expected, code)| expected != code)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is wrong with a token is told to its issuer's holders only: a forger learns that the signature is wrong, nothing else.
#[test]
fn claims_are_judged_after_the_signature() {
    let gate = Gate::new();
    let after =
        ["claim-type", "missing-claim", "wrong-audience", "token-expired", "invalid-subject", "sender-constraint"];
    for (_, what, token, expected) in cases().into_iter().filter(|(.., expected)| after.contains(expected)) {
        assert_eq!(gate.code(&token.by("evil").signed_as(&[7; 64])), "bad-signature", "{what} {expected}");
    }
}

#[test]
fn a_token_as_long_as_the_limit_is_read_and_one_byte_more_is_not() {
    let gate = Gate::new();
    let of_length = |length: usize| {
        let filled = |count| corp().claim("x", repeat_n('x', count).collect::<String>());
        (0..LONGEST).rev().map(|count| filled(count).sign()).find(|token| token.len() <= length).unwrap()
    };
    let longest = of_length(LONGEST);
    assert!(longest.len() > LONGEST - 2, "{}", longest.len());
    assert_eq!(gate.code(&longest), "ok");
    assert_eq!(gate.code(&format!("{longest}{}", "A".repeat(LONGEST + 1 - longest.len()))), "token-too-long");
}

#[test]
fn texts_that_are_no_compact_jws_are_refused() {
    let gate = Gate::new();
    let good = corp().sign();
    let [header, payload, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let refused = [
        String::new(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!(".{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{good}="),
        format!("{good}\n"),
        format!(" {good}"),
        format!("\u{feff}{good}"),
        json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}).to_string(),
    ];
    for text in refused {
        assert_eq!(gate.code(&text), "malformed-token", "{text}");
    }
    assert_eq!(gate.code(&format!("{good}.{signature}.{signature}")), "encrypted-token");
    assert_eq!(gate.code("...."), "encrypted-token");
}
