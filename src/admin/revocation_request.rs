//! What `POST /revocations` is sent, read strictly: one object or an array of them, no member twice, none that is not known.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Revocations in one request.
const MOST: usize = 1000;
/// The last second of the year 9999; as in tokens, what lies beyond is no date.
const LAST_SECOND: u64 = 253_402_300_799;

/// One revocation, as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RevocationRequest {
    /// The name of a trusted issuer, or its `iss`.
    pub(super) issuer: String,
    pub(super) what: Revoked,
    /// Unix seconds.
    pub(super) exp: Option<u64>,
}

/// What is revoked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Revoked {
    /// The token with this `jti`.
    Token(String),
    /// Every token with this `origin_jti`.
    Family(String),
}

/// Reads the body of a request.
///
/// # Errors
/// What is wrong, for the sender: the member by name, never a value.
pub(super) fn read(body: &[u8]) -> Result<Vec<RevocationRequest>, String> {
    let many: OneOrMany = serde_json::from_slice(body)
        .map_err(|error| format!("the body is no JSON object, nor an array of objects (line {})", error.line()))?;
    if many.0.len() > MOST {
        return Err(format!("there are more than {MOST} revocations"));
    }
    let place = |index: usize| if many.is_one() { String::new() } else { format!("[{index}]: ") };
    let read = many.0.iter().enumerate();
    read.map(|(index, members)| one(members).map_err(|wrong| format!("{}{wrong}", place(index)))).collect()
}

fn one(members: &Members) -> Result<RevocationRequest, String> {
    let (mut issuer, mut jti, mut origin_jti, mut exp) = (None, None, None, None);
    for (name, value) in &members.0 {
        let again = match name.as_str() {
            "issuer" => issuer.replace(text(name, value)?).is_some(),
            "jti" => jti.replace(text(name, value)?).is_some(),
            "origin_jti" => origin_jti.replace(text(name, value)?).is_some(),
            "exp" => exp.replace(seconds(value)?).is_some(),
            _ => return Err(format!("unknown member `{}`", name.escape_default())),
        };
        if again {
            return Err(format!("`{name}` is there twice"));
        }
    }
    let what = match (jti, origin_jti) {
        (Some(jti), None) => Revoked::Token(jti),
        (None, Some(origin_jti)) => Revoked::Family(origin_jti),
        _ => return Err("there must be either `jti` or `origin_jti`".to_owned()),
    };
    Ok(RevocationRequest { issuer: issuer.ok_or("`issuer` is missing")?, what, exp })
}

fn text(name: &str, value: &Value) -> Result<String, String> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| format!("`{name}` must be a string that is not empty"))
}

fn seconds(value: &Value) -> Result<u64, String> {
    let seconds = value.as_u64().filter(|seconds| *seconds <= LAST_SECOND);
    seconds.ok_or_else(|| "`exp` must be a whole number of Unix seconds".to_owned())
}

/// The members of an object in their order, doubled ones too: a map would keep one of them and say nothing.
struct Members(Vec<(String, Value)>);

/// An object, or an array of objects.
struct OneOrMany(Vec<Members>, bool);

impl OneOrMany {
    fn is_one(&self) -> bool {
        self.1
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or an array of objects")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<OneOrMany, M::Error> {
        Ok(OneOrMany(vec![ObjectVisitor.visit_map(map)?], true))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<OneOrMany, S::Error> {
        let mut all = Vec::new();
        while let Some(members) = elements.next_element()? {
            all.push(members);
        }
        Ok(OneOrMany(all, false))
    }
}

#[cfg(test)]
mod tests {
    use super::{Revoked, read};

    #[test]
    fn a_token_or_a_family_is_named_alone_or_in_an_array() {
        let one = read(br#"{"issuer": "corp", "jti": "a", "exp": 2000000000}"#).unwrap();
        assert_eq!(
            (one[0].issuer.as_str(), &one[0].what, one[0].exp),
            ("corp", &Revoked::Token("a".into()), Some(2_000_000_000))
        );
        let two =
            read(br#"[{"origin_jti": "f", "issuer": "https://idp.example"}, {"issuer": "corp", "jti": "b"}]"#).unwrap();
        assert_eq!((&two[0].what, two[0].exp, two.len()), (&Revoked::Family("f".into()), None, 2));
        assert!(read(b"[]").unwrap().is_empty());
    }

    #[test]
    fn anything_else_is_refused_and_the_member_is_named() {
        for (body, says) in [
            ("", "no JSON object"),
            ("1", "no JSON object"),
            ("[1]", "no JSON object"),
            ("[[]]", "no JSON object"),
            ("null", "no JSON object"),
            (r#"{"issuer": "c", "jti": "a"} x"#, "no JSON object"),
            (r#"{"issuer": "c", "jti": "a",}"#, "no JSON object"),
            ("{'issuer': 'c'}", "no JSON object"),
            ("{}", "`jti` or `origin_jti`"),
            (r#"{"jti": "a"}"#, "`issuer` is missing"),
            (r#"{"issuer": "c"}"#, "`jti` or `origin_jti`"),
            (r#"{"issuer": "c", "jti": "a", "origin_jti": "f"}"#, "`jti` or `origin_jti`"),
            (r#"{"issuer": "c", "jti": "a", "jti": "b"}"#, "`jti` is there twice"),
            (r#"{"issuer": "c", "jti": "a", "sub": "b"}"#, "unknown member `sub`"),
            (r#"{"issuer": "c", "jti": "a", "EXP": 1}"#, "unknown member `EXP`"),
            (r#"{"issuer": "", "jti": "a"}"#, "`issuer` must be"),
            (r#"{"issuer": ["c"], "jti": "a"}"#, "`issuer` must be"),
            (r#"{"issuer": "c", "jti": 7}"#, "`jti` must be"),
            (r#"{"issuer": "c", "origin_jti": null}"#, "`origin_jti` must be"),
            (r#"{"issuer": "c", "jti": "a", "exp": "1"}"#, "`exp` must be"),
            (r#"{"issuer": "c", "jti": "a", "exp": 1.5}"#, "`exp` must be"),
            (r#"{"issuer": "c", "jti": "a", "exp": -1}"#, "`exp` must be"),
            (r#"{"issuer": "c", "jti": "a", "exp": 253402300800}"#, "`exp` must be"),
            (r#"{"issuer": "c", "jti": "a", "exp": null}"#, "`exp` must be"),
            (r#"[{"issuer": "c", "jti": "a"}, {"issuer": "c"}]"#, "[1]: there must be"),
        ] {
            let wrong = read(body.as_bytes()).unwrap_err();
            assert!(wrong.contains(says), "{body}: {wrong}");
        }
        let thousand = vec![r#"{"issuer":"c","jti":"a"}"#; 1000].join(",");
        assert_eq!(read(format!("[{thousand}]").as_bytes()).unwrap().len(), 1000);
        assert!(read(format!("[{thousand},{{}}]").as_bytes()).unwrap_err().contains("more than 1000"));
    }
}
