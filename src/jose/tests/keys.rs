//! One JWK: each reason why it is left out, and what does no harm.

use serde_json::{Map, Value, json};

use super::super::weak_key::faulty_modulus;
use super::super::{Algorithm, KeyRejection, PublicKey};
use super::support::{decode, encode, jwk, public_key, signing_key};

fn with(mut jwk: Map<String, Value>, members: &Value) -> Map<String, Value> {
    for (name, value) in members.as_object().unwrap() {
        jwk.insert(name.clone(), value.clone());
    }
    jwk
}

fn without(mut jwk: Map<String, Value>, name: &str) -> Map<String, Value> {
    jwk.remove(name).unwrap();
    jwk
}

fn rejection(jwk: &Map<String, Value>) -> Option<KeyRejection> {
    PublicKey::from_jwk(jwk).err()
}

#[track_caller]
fn refused(key: &Map<String, Value>, changes: &[Value], reason: KeyRejection) {
    for change in changes {
        assert_eq!(rejection(&with(key.clone(), change)), Some(reason), "{change}");
    }
}

#[test]
fn a_key_of_every_kind_is_taken_and_fits_its_own_algorithms_only() {
    for algorithm in Algorithm::ALL {
        let key = signing_key(algorithm);
        let public = public_key(&key);
        assert_eq!(public.kid(), Some(key.kid()));
        for other in Algorithm::ALL {
            assert_eq!(public.fits(other), other == algorithm, "{algorithm} {other}");
        }
    }
    let any_rsa = PublicKey::from_jwk(&without(jwk(Algorithm::Rs256), "alg")).unwrap();
    assert!(Algorithm::ALL.into_iter().all(|algorithm| any_rsa.fits(algorithm) == (algorithm <= Algorithm::Ps512)));
    let p384 = PublicKey::from_jwk(&without(jwk(Algorithm::Es384), "alg")).unwrap();
    assert!(Algorithm::ALL.into_iter().all(|algorithm| p384.fits(algorithm) == (algorithm == Algorithm::Es384)));
    let named = with(jwk(Algorithm::EdDsa), &json!({"alg": "Ed25519"}));
    assert!(PublicKey::from_jwk(&named).unwrap().fits(Algorithm::EdDsa), "the name of RFC 9864");
}

#[test]
fn what_a_key_says_beside_its_numbers_does_no_harm() {
    let harmless = [
        json!({"x5c": "no array"}),
        json!({"x5c": ["AAAA"], "x5t": 1, "x5u": "https://evil.example/"}),
        json!({"use": "sig", "key_ops": ["verify"]}),
        json!({"key_ops": ["sign", "verify"]}),
        json!({"nbf": 1, "iss": {}, "ext": true}),
        json!({"kid": ""}),
    ];
    for change in harmless {
        assert_eq!(rejection(&with(jwk(Algorithm::Es256), &change)), None, "{change}");
    }
    assert_eq!(PublicKey::from_jwk(&without(jwk(Algorithm::Es256), "kid")).unwrap().kid(), None);
}

#[test]
fn only_asymmetric_keys_are_taken() {
    let key = jwk(Algorithm::Rs256);
    let kinds = ["oct", "", "rsa", "RSA ", "AKP", "none"].map(|kty| json!({"kty": kty}));
    refused(&key, &kinds, KeyRejection::KeyType);
    refused(&key, &[json!({"kty": null}), json!({"kty": 1}), json!({"kty": ["RSA"]})], KeyRejection::Member("kty"));
    assert_eq!(rejection(&without(key, "kty")), Some(KeyRejection::Member("kty")));
    let symmetric = json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "k"});
    assert_eq!(rejection(symmetric.as_object().unwrap()), Some(KeyRejection::Algorithm));
    let unnamed = json!({"kty": "oct", "k": "c2VjcmV0"});
    assert_eq!(rejection(unnamed.as_object().unwrap()), Some(KeyRejection::KeyType));
}

#[test]
fn a_key_of_one_type_never_passes_as_another() {
    let [rsa, p256, ed25519] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa].map(jwk);
    let bare = |key: Map<String, Value>| without(key, "alg");
    refused(&bare(rsa.clone()), &[json!({"kty": "EC"}), json!({"kty": "OKP"})], KeyRejection::Member("crv"));
    refused(&bare(p256.clone()), &[json!({"kty": "RSA"})], KeyRejection::Member("n"));
    refused(&bare(ed25519.clone()), &[json!({"kty": "EC"})], KeyRejection::Curve);
    refused(&bare(p256.clone()), &[json!({"kty": "OKP"})], KeyRejection::Curve);
    // all members of two types: `kty` decides, and `alg` must agree
    let both = with(rsa, &json!({"crv": "P-256", "x": p256["x"], "y": p256["y"]}));
    assert_eq!(rejection(&both), None);
    assert_eq!(rejection(&with(both.clone(), &json!({"kty": "EC"}))), Some(KeyRejection::Algorithm));
    assert_eq!(rejection(&with(both, &json!({"alg": "ES256"}))), Some(KeyRejection::Algorithm));
}

#[test]
fn alg_must_be_a_signature_of_this_key() {
    let unfit = ["RS256", "PS256", "ES384", "EdDSA", "HS256", "none", "es256", "ES256K", "ECDH-ES", "ES521", ""];
    refused(&jwk(Algorithm::Es256), &unfit.map(|alg| json!({"alg": alg})), KeyRejection::Algorithm);
    let unfit = ["ES256", "RSA-OAEP", "RSA1_5", "HS256", "EdDSA"].map(|alg| json!({"alg": alg}));
    refused(&jwk(Algorithm::Rs256), &unfit, KeyRejection::Algorithm);
    refused(&jwk(Algorithm::EdDsa), &["ES256", "Ed448"].map(|alg| json!({"alg": alg})), KeyRejection::Algorithm);
    refused(&jwk(Algorithm::Es256), &[json!({"alg": null}), json!({"alg": 1})], KeyRejection::Member("alg"));
}

#[test]
fn use_and_key_ops_must_allow_verifying() {
    let key = jwk(Algorithm::Es256);
    refused(&key, &["enc", "", "SIG", "sig "].map(|purpose| json!({"use": purpose})), KeyRejection::Use);
    refused(&key, &[json!({"use": null}), json!({"use": ["sig"]})], KeyRejection::Member("use"));
    let unfit =
        [json!([]), json!(["sign"]), json!(["encrypt", "wrapKey"]), json!(["VERIFY"]), json!(["verify", "verify"])];
    refused(&key, &unfit.map(|operations| json!({"key_ops": operations})), KeyRejection::KeyOps);
    let odd = [json!("verify"), json!(null), json!({"verify": true}), json!(["verify", 1])];
    refused(&key, &odd.map(|operations| json!({"key_ops": operations})), KeyRejection::Member("key_ops"));
}

#[test]
fn kid_is_a_string_or_absent() {
    refused(
        &jwk(Algorithm::Es256),
        &[json!({"kid": 1}), json!({"kid": null}), json!({"kid": ["k"]}), json!({"kid": {}})],
        KeyRejection::Member("kid"),
    );
}

/// CVE-2026-31837: a set that ships private keys lets everyone sign.
#[test]
fn a_key_whose_private_half_is_published_is_left_out() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth"];
        refused(&jwk(algorithm), &private.map(|name| json!({name: "AAAA"})), KeyRejection::Private);
        refused(&jwk(algorithm), &[json!({"d": null}), json!({"d": ""})], KeyRejection::Private);
    }
}

#[test]
fn rsa_moduli_and_exponents_are_bounded() {
    let key = jwk(Algorithm::Rs256);
    let modulus = decode(key["n"].as_str().unwrap());
    let of_length = |length: usize, first: u8| {
        let mut number = modulus.iter().copied().cycle().take(length).collect::<Vec<_>>();
        (number[0], number[length - 1]) = (first, 1);
        json!({"n": encode(number)})
    };
    let mut even = modulus.clone();
    even[255] &= 0xfe;
    let weak = [of_length(128, 0xff), of_length(255, 0xff), of_length(256, 0x7f), of_length(1025, 0x80)];
    refused(&key, &weak, KeyRejection::RsaParameters);
    refused(&key, &[json!({"n": encode(even)})], KeyRejection::RsaParameters);
    refused(&key, &[json!({"n": encode(faulty_modulus())})], KeyRejection::Roca);
    let exponents: [&[u8]; 7] =
        [&[1], &[0, 0, 1], &[2], &[1, 0, 0], &[0xff, 0xff, 0xff, 0xfe], &[1, 0, 0, 0, 1], &[0x7f; 64]];
    for exponent in exponents {
        refused(&key, &[json!({"e": encode(exponent)})], KeyRejection::RsaParameters);
    }
    refused(&key, &[json!({"e": modulus})], KeyRejection::Member("e"));
    refused(&key, &[json!({"e": encode(&modulus)})], KeyRejection::RsaParameters);
}

#[test]
fn rsa_numbers_are_base64url_and_may_have_leading_zeros() {
    let key = jwk(Algorithm::Rs256);
    let padded = |name: &str| json!({name: encode([&[0, 0][..], &decode(key[name].as_str().unwrap())].concat())});
    assert_eq!(rejection(&with(key.clone(), &padded("n"))), None);
    assert_eq!(rejection(&with(key.clone(), &padded("e"))), None);
    assert_eq!(rejection(&with(key.clone(), &json!({"e": "Aw"}))), None, "3 is small and sound");
    for name in ["n", "e"] {
        let text = key[name].as_str().unwrap();
        let odd = [json!(""), json!("AA"), json!("AAAA"), json!(3), json!(null), json!([text])];
        refused(&key, &odd.map(|value| json!({name: value})), KeyRejection::Member(name));
        let spelt = [format!("{text}="), format!("{text} "), format!("+{text}"), format!("\n{text}"), "Aa".to_owned()];
        refused(&key, &spelt.map(|value| json!({name: value})), KeyRejection::Member(name));
        assert_eq!(rejection(&without(key.clone(), name)), Some(KeyRejection::Member(name)));
    }
}

#[test]
fn points_lie_on_their_curve_at_full_length() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512] {
        let key = jwk(algorithm);
        let length = decode(key["x"].as_str().unwrap()).len();
        for name in ["x", "y"] {
            let coordinate = decode(key[name].as_str().unwrap());
            let mut off = coordinate.clone();
            off[length - 1] ^= 1;
            let wrong = [
                off,
                vec![0; length],
                vec![0xff; length],
                coordinate[1..].to_vec(),
                [&[0], &coordinate[..]].concat(),
                [&coordinate[..], &[0]].concat(),
                Vec::new(),
            ];
            refused(&key, &wrong.map(|bytes| json!({name: encode(bytes)})), KeyRejection::Point);
            refused(&key, &[json!({name: 1}), json!({name: "*"})], KeyRejection::Member(name));
            assert_eq!(rejection(&without(key.clone(), name)), Some(KeyRejection::Member(name)));
        }
        refused(&key, &[json!({"x": encode(vec![0; length]), "y": encode(vec![0; length])})], KeyRejection::Point);
        // the same point, cut in another place
        let [x, y] = ["x", "y"].map(|name| decode(key[name].as_str().unwrap()));
        let odd_lengths = json!({"x": encode(&x[..length - 1]), "y": encode([&x[length - 1..], &y].concat())});
        refused(&key, &[odd_lengths], KeyRejection::Point);
    }
}

#[test]
fn a_point_of_one_curve_is_none_of_another() {
    let key = without(jwk(Algorithm::Es256), "alg");
    refused(&key, &[json!({"crv": "P-384"}), json!({"crv": "P-521"})], KeyRejection::Point);
    let curves = ["secp256k1", "p-256", "P-256 ", "Ed25519", "X25519", ""].map(|crv| json!({"crv": crv}));
    refused(&key, &curves, KeyRejection::Curve);
    refused(&key, &[json!({"crv": null})], KeyRejection::Member("crv"));
    let key = without(jwk(Algorithm::EdDsa), "alg");
    refused(&key, &["X25519", "Ed448", "P-256", "ed25519"].map(|crv| json!({"crv": crv})), KeyRejection::Curve);
}

/// RFC 8032 section 5.1.7 lets a key of low order verify one signature for every message.
#[test]
fn ed25519_keys_of_low_order_or_another_spelling_are_left_out() {
    let key = jwk(Algorithm::EdDsa);
    let order_eight = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let hexadecimal = |text: &str| -> Vec<u8> {
        (0..32).map(|place| u8::from_str_radix(&text[2 * place..2 * place + 2], 16).unwrap()).collect()
    };
    let filled = |first: u8, middle: u8, last: u8| {
        let mut point = vec![middle; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    let mut points = vec![hexadecimal(order_eight), filled(0, 0, 0), filled(1, 0, 0), filled(0xec, 0xff, 0x7f)];
    points.extend([filled(0xed, 0xff, 0x7f), filled(0xee, 0xff, 0x7f), filled(0xff, 0xff, 0x7f)]);
    for mut point in points {
        refused(&key, &[json!({"x": encode(&point)})], KeyRejection::Point);
        point[31] |= 0x80;
        refused(&key, &[json!({"x": encode(&point)})], KeyRejection::Point);
    }
    let x = decode(key["x"].as_str().unwrap());
    refused(&key, &[json!({"x": encode(&x[1..])}), json!({"x": encode([&x[..], &[0]].concat())})], KeyRejection::Point);
}

#[test]
fn the_thumbprint_of_the_rfcs_example_is_the_rfcs() {
    // RFC 8037 appendix A.3, and a key's own `kid`, which is its thumbprint.
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "use": "sig"});
    let expected = Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".to_owned());
    assert_eq!(crate::jose::thumbprint(jwk.as_object().unwrap()), expected);
    for algorithm in [crate::jose::Algorithm::Es256, crate::jose::Algorithm::EdDsa] {
        let key = crate::jose::SigningKey::generate_for(algorithm).unwrap();
        let jwk = key.public_jwk();
        assert_eq!(crate::jose::thumbprint(jwk.as_object().unwrap()).as_deref(), Some(key.kid()));
    }
    assert_eq!(crate::jose::thumbprint(json!({"kty": "oct", "k": "x"}).as_object().unwrap()), None);
}
