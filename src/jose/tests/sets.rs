//! A JWK Set: each key judged alone, and which one a token means.

use serde_json::{Value, json};

use super::super::{Algorithm, KeyRejection, KeySet};
use super::support::{jwk, signing_key, verify_with};

fn parse(keys: &[Value]) -> (KeySet, Vec<(usize, Option<String>, KeyRejection)>) {
    let (set, skipped) = KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap();
    (set, skipped.into_iter().map(|key| (key.position, key.kid, key.reason)).collect())
}

fn named(algorithm: Algorithm, kid: Option<&str>) -> Value {
    let mut key = jwk(algorithm);
    match kid {
        Some(kid) => key.insert("kid".to_owned(), kid.into()),
        None => key.remove("kid"),
    };
    Value::Object(key)
}

#[test]
fn what_is_no_key_set_is_refused_whole() {
    let refused = [
        "",
        "null",
        "[]",
        "\"keys\"",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":null}",
        "{\"keys\":\"\"}",
        "<html></html>",
        "{\"keys\":[]}{}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[],\"k\\u0065ys\":[]}",
        "{\"keys\":[],\"x\":1,\"x\":1}",
        "{\"x\":{\"y\":1,\"y\":1},\"keys\":[]}",
        "{\"x\":[[[[[[[[]]]]]]]],\"keys\":[]}",
        "{\"keys\":[{\"kid\":]}",
        "{\"keys\":[,]}",
        "{\"keys\":[1 2]}",
        "\u{feff}{\"keys\":[]}",
        "{\"KEYS\":[]}",
    ];
    for document in refused {
        let refusal = KeySet::parse(document.as_bytes()).unwrap_err();
        assert_eq!(refusal.code(), "malformed-key-set", "{document}");
    }
    let (empty, skipped) = parse(&[]);
    assert!(empty.is_empty() && skipped.is_empty());
}

#[test]
fn a_bad_key_is_named_and_never_spoils_the_set() {
    let good = named(Algorithm::Es256, Some("good"));
    let bad = [
        (json!("no object"), None, KeyRejection::Json),
        (json!([]), None, KeyRejection::Json),
        (json!(null), None, KeyRejection::Json),
        (json!({"kid": "empty"}), Some("empty"), KeyRejection::Member("kty")),
        (json!({"kid": 7, "kty": "EC"}), None, KeyRejection::Member("kid")),
        (json!({"kid": "secret", "kty": "oct", "k": "c2VjcmV0"}), Some("secret"), KeyRejection::KeyType),
        (json!({"kid": "enc", "kty": "RSA", "use": "enc"}), Some("enc"), KeyRejection::Use),
    ];
    for (key, kid, reason) in bad {
        let (set, skipped) = parse(&[key, good.clone()]);
        assert_eq!(skipped, [(0, kid.map(str::to_owned), reason)]);
        assert_eq!(set.kids().collect::<Vec<_>>(), ["good"]);
    }
}

/// What only a strict reader refuses is refused in its own key alone.
#[test]
fn a_key_that_is_no_strict_json_is_named_and_never_spoils_the_set() {
    let good = named(Algorithm::Es256, Some("good")).to_string();
    let deep = |levels: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    for bad in [
        r#"{"kid":"a","kid":"b","kty":"EC"}"#,
        r#"{"kid":"a","x":{"y":1,"y":1}}"#,
        r#"{"kid":"a","x":1e400}"#,
        r#"{"kid":"a","x":"\ud800"}"#,
        &deep(8),
        &deep(100_000),
    ] {
        let (set, skipped) = KeySet::parse(format!(r#"{{"keys":[{bad},{good}]}}"#).as_bytes()).unwrap();
        assert_eq!(set.kids().collect::<Vec<_>>(), ["good"]);
        let skipped: Vec<_> = skipped.into_iter().map(|key| (key.position, key.kid, key.reason)).collect();
        assert_eq!(skipped, [(0, None, KeyRejection::Json)], "{bad:.40}");
    }
    let (_, skipped) = KeySet::parse(format!(r#"{{"keys":[{}]}}"#, deep(7)).as_bytes()).unwrap();
    assert_eq!(skipped[0].reason, KeyRejection::Member("kty"), "deep, and not too deep");
}

#[test]
fn a_set_is_read_to_its_hundredth_key() {
    let numbered = |number: usize| named(Algorithm::EdDsa, Some(&number.to_string()));
    let (set, skipped) = parse(&(0..103).map(numbered).collect::<Vec<_>>());
    assert_eq!((set.len(), skipped.len()), (100, 0));
    assert!(set.knows("99") && !set.knows("100"));
}

/// Wycheproof would refuse the whole set; here the first key keeps serving and the second is named.
#[test]
fn a_second_key_with_the_same_kid_and_algorithm_is_left_out() {
    let [first, second] = [Algorithm::Es256, Algorithm::Es256].map(signing_key);
    let [mut one, mut two] = [first.public_jwk(), second.public_jwk()];
    (one["kid"], two["kid"]) = ("k".into(), "k".into());
    let (set, skipped) = parse(&[one.clone(), two.clone()]);
    assert_eq!(skipped, [(1, Some("k".to_owned()), KeyRejection::DuplicateKid)]);
    let token = |key: &super::super::SigningKey| {
        let input = format!("{}.e30", super::support::encode(r#"{"alg":"ES256","kid":"k"}"#));
        format!("{input}.{}", super::support::encode(key.sign_bytes(input.as_bytes())))
    };
    assert_eq!(verify_with(&set, &token(&first)), Ok(()));
    assert!(verify_with(&set, &token(&second)).is_err());
    // keys of other algorithms may share the kid, and keys without a kid share nothing
    let (set, skipped) = parse(&[one, named(Algorithm::Es384, Some("k")), named(Algorithm::EdDsa, Some("k"))]);
    assert_eq!((set.len(), skipped.len()), (3, 0));
    let (set, skipped) = parse(&[named(Algorithm::Es256, None), named(Algorithm::Es256, None)]);
    assert_eq!((set.len(), skipped.len()), (2, 0));
}

#[test]
fn rsa_keys_of_one_kid_may_not_overlap_in_their_algorithms() {
    let any = |mut key: Value| {
        key.as_object_mut().unwrap().remove("alg");
        key
    };
    let keys = [named(Algorithm::Rs256, Some("k")), named(Algorithm::Ps256, Some("k"))];
    assert_eq!(parse(&keys).1, []);
    let keys = [any(named(Algorithm::Rs256, Some("k"))), named(Algorithm::Ps256, Some("k"))];
    assert_eq!(parse(&keys).1, [(1, Some("k".to_owned()), KeyRejection::DuplicateKid)]);
}

#[test]
fn a_kid_means_one_key_and_no_kid_means_the_only_one_that_fits() {
    let (set, _) = parse(&[
        named(Algorithm::Es256, Some("a")),
        named(Algorithm::Es256, Some("b")),
        named(Algorithm::EdDsa, Some("c")),
        named(Algorithm::Es384, None),
    ]);
    let kid = |kid: Option<&str>, algorithm| set.find(kid, algorithm).map(|key| key.kid().map(str::to_owned));
    assert_eq!(kid(Some("b"), Algorithm::Es256), Some(Some("b".to_owned())));
    assert_eq!(kid(Some("b"), Algorithm::EdDsa), None, "another key's algorithm");
    assert_eq!(kid(Some("d"), Algorithm::EdDsa), None, "unknown kid, one fitting key");
    assert_eq!(kid(Some("B"), Algorithm::Es256), None, "kids are compared with case");
    assert_eq!(kid(Some(""), Algorithm::Es384), None, "an empty kid is a kid");
    assert_eq!(kid(None, Algorithm::Es256), None, "two keys fit");
    assert_eq!(kid(None, Algorithm::EdDsa), Some(Some("c".to_owned())));
    assert_eq!(kid(None, Algorithm::Es384), Some(None));
    assert_eq!(kid(None, Algorithm::Rs256), None);
    assert!(set.knows("c") && !set.knows("d") && !set.knows(""));
}

#[test]
fn each_key_verifies_its_own_signature_and_nobody_elses() {
    let keys = Algorithm::ALL.map(signing_key);
    let sets = keys.each_ref().map(|key| parse(&[key.public_jwk()]).0);
    for (signer, key) in keys.iter().enumerate() {
        let token = key.sign(&json!({"sub": "alice"})).unwrap();
        for (holder, set) in sets.iter().enumerate() {
            // The RSA algorithms share a key and so a kid; the algorithm still keeps them apart.
            assert_eq!(verify_with(set, &token).is_ok(), signer == holder, "{signer} {holder}");
        }
        let other = signing_key_of_another(key.algorithm());
        let forged = other.sign(&json!({"sub": "alice"})).unwrap();
        assert!(verify_with(&sets[signer], &forged).is_err(), "another key, its own kid");
    }
}

fn signing_key_of_another(algorithm: Algorithm) -> super::super::SigningKey {
    if algorithm == Algorithm::Rs256 || algorithm > Algorithm::Ps512 {
        super::super::SigningKey::generate_for(algorithm).unwrap()
    } else {
        signing_key(Algorithm::Es256)
    }
}

#[test]
fn the_fingerprint_changes_with_the_document() {
    let key = named(Algorithm::EdDsa, Some("a"));
    let set = |times: usize| parse(&vec![key.clone(); times]).0;
    let (one, two, three) = (set(1), set(1), set(2));
    assert_eq!(one.fingerprint(), two.fingerprint());
    assert_ne!(one.fingerprint(), three.fingerprint());
}
