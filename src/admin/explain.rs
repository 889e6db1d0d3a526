//! `POST /explain`: why the live gate would decide as it does about a request that nobody sends.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::answer::{good, malformed, too_large};

/// Largest body, in bytes: a token and its request fit in.
const MOST_BYTES: usize = 64 << 10;

/// What is asked: a request that nobody sends.
#[derive(Debug)]
pub struct ExplainRequest {
    /// Method and URL.
    pub request: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The client's address.
    pub ip: IpAddr,
    /// The certificate that the client has proved to hold, in PEM; none where it showed none.
    pub certificate: Option<String>,
    /// Who asks.
    pub credential: ExplainCredential,
}

/// Who asks in a request that nobody sends.
#[derive(Debug)]
pub enum ExplainCredential {
    /// Whoever the header fields prove, or nobody.
    AsSent,
    /// The bearer of this token.
    Token(SecretString),
    /// The bearer of a token with these claims, were it signed.
    Claims(Map<String, Value>),
}

/// The answer in the making: an explanation, or what is wrong with the request; never a value of it.
pub type Explaining = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;

/// Explains for the operator's door.
pub type Explain = Arc<dyn Fn(ExplainRequest) -> Explaining + Send + Sync>;

/// Answers a request.
pub(super) async fn explain(explain: Explain, request: Request) -> Response {
    // A page in an operator's browser can send text to this door unasked, JSON it cannot (the Fetch standard's CORS protocol).
    if !is_json(request.headers()) {
        return malformed("the body must be sent as `application/json`");
    }
    let Ok(body) = to_bytes(request.into_body(), MOST_BYTES).await else { return too_large() };
    let asked = match read(&body) {
        Ok(asked) => asked,
        Err(wrong) => return malformed(&wrong),
    };
    match explain(asked).await {
        Ok(explanation) => good(explanation),
        Err(wrong) => malformed(&wrong),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// Reads the body by hand: what a parser says of a value that does not fit would quote the value, and it may be a token.
fn read(body: &[u8]) -> Result<ExplainRequest, String> {
    let members: Map<String, Value> =
        serde_json::from_slice(body).map_err(|error| format!("the body is no JSON object (line {})", error.line()))?;
    let known = ["request", "headers", "token", "claims", "ip", "certificate"];
    if let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("unknown member `{}`", unknown.escape_default()));
    }
    let request = text(members.get("request"), "request")?.ok_or("`request` is missing")?;
    let ip = text(members.get("ip"), "ip")?.map(|ip| ip.parse().map_err(|_| "`ip` must be an address".to_owned()));
    let credential = match (text(members.get("token"), "token")?, members.get("claims")) {
        (None, None) => ExplainCredential::AsSent,
        (Some(token), None) => ExplainCredential::Token(token.into()),
        (None, Some(Value::Object(claims))) => ExplainCredential::Claims(claims.clone()),
        (None, Some(_)) => return Err("`claims` must be an object".to_owned()),
        (Some(_), Some(_)) => return Err("there is `token` or `claims`, not both".to_owned()),
    };
    let headers = headers(members.get("headers"))?;
    let certificate = text(members.get("certificate"), "certificate")?;
    let ip = ip.transpose()?.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Ok(ExplainRequest { request, headers, ip, certificate, credential })
}

fn text(value: Option<&Value>, name: &str) -> Result<Option<String>, String> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` must be a string")),
    }
}

/// Each field's value, or the values of one that is sent several times.
fn headers(value: Option<&Value>) -> Result<Vec<(String, String)>, String> {
    let wrong = || "`headers` must be an object of strings, or of arrays of strings".to_owned();
    let Some(value) = value else { return Ok(Vec::new()) };
    let mut fields = Vec::new();
    for (name, value) in value.as_object().ok_or_else(wrong)? {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            fields.push((name.clone(), value.as_str().ok_or_else(wrong)?.to_owned()));
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_the_command_reads_it() {
        let body = br#"{"request": "GET http://h/a", "headers": {"x": "1", "y": ["2", "3"]}, "ip": "::1", "claims": {"sub": "a"}}"#;
        let asked = read(body).unwrap();
        assert_eq!((asked.request.as_str(), asked.headers.len(), asked.ip.is_loopback()), ("GET http://h/a", 3, true));
        assert!(matches!(asked.credential, ExplainCredential::Claims(claims) if claims["sub"] == "a"));
        let asked = read(br#"{"request": "GET http://h/a", "token": "a.b.c"}"#).unwrap();
        assert!(matches!(&asked.credential, ExplainCredential::Token(_)) && !format!("{asked:?}").contains("a.b.c"));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_value_is_told() {
        for (body, says) in [
            ("", "no JSON object"),
            ("[]", "no JSON object"),
            ("{}", "`request` is missing"),
            (r#"{"request": 1}"#, "`request` must be a string"),
            (r#"{"request": "s3cret", "tokn": "s3cret"}"#, "unknown member `tokn`"),
            (r#"{"request": "a", "token": ["s3cret"]}"#, "`token` must be a string"),
            (r#"{"request": "a", "claims": "s3cret"}"#, "`claims` must be an object"),
            (r#"{"request": "a", "claims": {}, "token": "s3cret"}"#, "not both"),
            (r#"{"request": "a", "ip": "s3cret"}"#, "`ip` must be an address"),
            (r#"{"request": "a", "certificate": {"a": "s3cret"}}"#, "`certificate` must be a string"),
            (r#"{"request": "a", "headers": ["s3cret"]}"#, "`headers` must be an object"),
            (r#"{"request": "a", "headers": {"a": [1]}}"#, "`headers` must be an object"),
        ] {
            let wrong = read(body.as_bytes()).unwrap_err();
            assert!(wrong.contains(says) && !wrong.contains("s3cret"), "{body}: {wrong}");
        }
    }
}
