//! What must hold for any input, tried with many.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::super::jws::Parts;
use super::super::{CompactJws, KeySet, json};
use super::support::encode;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((".{0,6}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((".{0,6}", any_json()), 0..5).prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        let _judged = CompactJws::parse(&text, 16);
    }

    #[test]
    fn what_looks_like_a_token_does_not_either(text in "[A-Za-z0-9_=.-]{0,80}") {
        let _judged = CompactJws::parse(&text, 16);
    }

    #[test]
    fn no_bytes_make_the_key_set_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _judged = KeySet::parse(&bytes);
    }

    #[test]
    fn no_jwk_makes_the_key_reader_panic(
        members in prop::collection::btree_map("kty|crv|alg|use|kid|key_ops|n|e|x|y", prop_oneof![
            "RSA|EC|OKP|P-256|P-521|Ed25519|sig|ES256|RS256|AQAB|[A-Za-z0-9_-]{0,90}".prop_map(Value::from),
            any_json(),
        ], 0..8),
    ) {
        let document = serde_json::json!({"keys": [members]}).to_string();
        let _judged = KeySet::parse(document.as_bytes());
    }

    /// A token has one text: what is accepted is what its parts encode to.
    #[test]
    fn an_accepted_token_is_its_own_encoding(
        header in any_object(), claims in any_object(), signature in prop::collection::vec(any::<u8>(), 1..80),
        noise in "[A-Za-z0-9_=+/. -]{0,2}", place in any::<prop::sample::Index>(),
    ) {
        let mut header = header;
        header.insert("alg".to_owned(), "RS256".into());
        let mut text = format!(
            "{}.{}.{}", encode(serde_json::to_vec(&header).unwrap()), encode(serde_json::to_vec(&claims).unwrap()),
            encode(&signature),
        );
        text.insert_str(place.index(text.len()), &noise);
        if let Ok(parts) = Parts::read(&text, 16) {
            let (input, _) = text.rsplit_once('.').unwrap();
            let decoded: Vec<_> = input.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
            prop_assert_eq!(decoded.len(), 2);
            let again = format!("{}.{}.{}", encode(&decoded[0]), encode(&decoded[1]), encode(&parts.signature));
            prop_assert_eq!(again, text);
        }
    }

    /// Where nothing is strange, strictness changes nothing.
    #[test]
    fn strict_reading_agrees_with_serde_json(members in any_object()) {
        let text = serde_json::to_vec(&members).unwrap();
        let plain: Map<String, Value> = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(json::strict_object(&text, 64).unwrap(), plain);
    }

    #[test]
    fn what_serde_json_refuses_is_refused(text in "[\\[\\]{}\":, a1.e-]{0,24}") {
        if serde_json::from_str::<Map<String, Value>>(&text).is_err() {
            prop_assert!(json::strict_object(text.as_bytes(), 64).is_err());
        }
    }

    #[test]
    fn a_member_that_stands_twice_is_refused(name in "[a-z]{1,4}", one in any_json(), two in any_json(), inside in any::<bool>()) {
        let object = format!("{{\"{name}\":{one},\"{name}\":{two}}}");
        let text = if inside { format!("{{\"x\":[{object}]}}") } else { object };
        prop_assert!(json::strict_object(text.as_bytes(), 64).is_err());
    }
}
