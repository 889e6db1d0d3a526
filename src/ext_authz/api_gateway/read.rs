//! The original request in API Gateway's words. Whatever an event says twice must be said alike.

use std::net::{IpAddr, Ipv4Addr};

use form_urlencoded::byte_serialize;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HOST};

use super::arn::MethodArn;
use super::event::{ClientCert, Context, Event, Pairs};
use crate::authorizer::{ClientCertificate, Denial};
use crate::ext_authz::certificate;
use crate::ext_authz::config::ApiGatewayConfig;
use crate::ext_authz::original_request::{ClientSide, OriginalRequest, Told, bad, field};

/// `TOKEN` events do not tell who asked: no network that anyone trusts has this address.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Rebuilds the request that an event is about. What is ruling about is the ARN's method and path, since that is what the
/// answer lets be invoked.
///
/// # Errors
/// [`Denial::BadOriginalRequest`] for an event of an unknown shape, or one that contradicts itself.
pub(in crate::ext_authz) fn original_request(
    event: &Event,
    config: &ApiGatewayConfig,
) -> Result<OriginalRequest, Denial> {
    let arn = arn_of(event)?;
    let (headers, client, query) = match (event.version.as_deref(), event.kind.as_deref()) {
        (Some("2.0"), _) => of_format_2(event, &arn)?,
        (None | Some("1.0"), Some("TOKEN")) => of_token(event)?,
        (None | Some("1.0"), Some("REQUEST")) => of_format_1(event, &arn)?,
        _ => return Err(bad("the event", "of an unknown type")),
    };
    let path = arn.path;
    let target = query.map_or_else(|| format!("/{path}"), |query| format!("/{path}?{query}"));
    let method = arn.method.to_owned();
    let told = Told { method, target, host: host(event, &arn, config)?, client, is_secure: true };
    Ok(OriginalRequest::new(told, headers)?.with(client_side(event)?))
}

/// What the client itself asked for: the domain whatever `hosts` calls it, and the path with the stage before it.
fn client_side(event: &Event) -> Result<ClientSide, Denial> {
    let Some(context) = &event.request_context else { return Ok(ClientSide::default()) };
    let path = context.http.as_ref().map_or(&context.path, |http| &http.path);
    let authority = context.domain_name.clone().filter(|name| !name.is_empty());
    Ok(ClientSide { authority, path: path.clone(), certificate: certificate_of(context)? })
}

fn certificate_of(context: &Context) -> Result<Option<ClientCertificate>, Denial> {
    let in_format_1 = context.identity.as_ref().and_then(|identity| identity.client_cert.as_ref());
    let in_format_2 = context.authentication.as_ref().and_then(|proved| proved.client_cert.as_ref());
    let mut told = [in_format_1, in_format_2].into_iter().flatten().filter_map(ClientCert::pem);
    match (told.next(), told.next()) {
        (None, _) => Ok(None),
        (Some(pem), None) => certificate::read(pem.as_bytes()).map(Some),
        (Some(_), Some(_)) => Err(bad("the client's certificate", "told in two ways")),
    }
}

pub(super) fn arn_of(event: &Event) -> Result<MethodArn<'_>, Denial> {
    match (&event.method_arn, &event.route_arn) {
        (Some(arn), None) | (None, Some(arn)) => MethodArn::read(arn),
        (None, None) => Err(bad("the ARN", "missing")),
        (Some(_), Some(_)) => Err(bad("the ARN", "there more than once")),
    }
}

type Read = (HeaderMap, IpAddr, Option<String>);

fn of_token(event: &Event) -> Result<Read, Denial> {
    let mut headers = HeaderMap::new();
    if let Some(token) = event.authorization_token.as_deref().filter(|token| !token.is_empty()) {
        let (name, value) = field(AUTHORIZATION.as_str(), token.as_bytes())?;
        headers.insert(name, value);
    }
    Ok((headers, UNKNOWN, None))
}

fn of_format_1(event: &Event, arn: &MethodArn<'_>) -> Result<Read, Denial> {
    let context = event.request_context.as_ref().ok_or(bad("the request context", "missing"))?;
    agree(arn, context, [event.http_method.as_ref(), context.http_method.as_ref()], [event.path.as_ref(), None])?;
    let source = context.identity.as_ref().and_then(|identity| identity.source_ip.as_deref());
    let single = event.headers.as_ref().map(|single| &single.0[..]);
    let many = match &event.multi_value_headers {
        Some(many) => {
            check_last_values(event.headers.as_ref(), many, "the headers")?;
            many.0.iter().map(|(name, values)| (name, values.as_slice())).collect()
        }
        None => single.unwrap_or_default().iter().map(|(name, value)| (name, std::slice::from_ref(value))).collect(),
    };
    Ok((headers_of(many)?, address(source)?, query_of(event)?))
}

fn of_format_2(event: &Event, arn: &MethodArn<'_>) -> Result<Read, Denial> {
    let context = event.request_context.as_ref().ok_or(bad("the request context", "missing"))?;
    let http = context.http.as_ref().ok_or(bad("the http request", "missing"))?;
    agree(arn, context, [http.method.as_ref(), None], [event.raw_path.as_ref(), http.path.as_ref()])?;
    let single = event.headers.as_ref().map(|single| &single.0[..]).unwrap_or_default();
    let single = single.iter().map(|(name, value)| (name, std::slice::from_ref(value)));
    let mut headers = headers_of(single.collect())?;
    for cookie in event.cookies.iter().flatten() {
        let (name, value) = field(COOKIE.as_str(), cookie.as_bytes())?;
        headers.append(name, value);
    }
    let query = event.raw_query_string.clone().filter(|query| !query.is_empty());
    Ok((headers, address(http.source_ip.as_deref())?, query))
}

/// Every place that names the API, the method or the path says what the ARN says; one of each at least.
fn agree(
    arn: &MethodArn<'_>,
    context: &Context,
    methods: [Option<&String>; 2],
    paths: [Option<&String>; 2],
) -> Result<(), Denial> {
    let mut methods = methods.into_iter().flatten().peekable();
    let mut paths = paths.into_iter().flatten().peekable();
    if methods.peek().is_none() || methods.any(|method| method != arn.method) {
        return Err(bad("the method", "not the ARN's"));
    }
    if paths.peek().is_none() || paths.any(|path| !arn.is_of(path)) {
        return Err(bad("the path", "not the ARN's"));
    }
    if context.api_id.as_ref().is_some_and(|api| api != arn.api) {
        return Err(bad("the API", "not the ARN's"));
    }
    Ok(())
}

fn address(source: Option<&str>) -> Result<IpAddr, Denial> {
    let source = source.ok_or(bad("the source", "missing"))?;
    source.parse::<IpAddr>().map(|address| address.to_canonical()).map_err(|_| bad("the source", "no address"))
}

fn headers_of(pairs: Vec<(&String, &[String])>) -> Result<HeaderMap, Denial> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    let mut seen = Vec::with_capacity(pairs.len());
    for (sent, values) in pairs {
        let folded = sent.to_ascii_lowercase();
        if seen.contains(&folded) {
            return Err(bad("a header", "named more than once"));
        }
        for value in values {
            let (name, value) = field(sent, value.as_bytes())?;
            // Which host it is for is told by API Gateway itself.
            if name != HOST {
                headers.append(name, value);
            }
        }
        seen.push(folded);
    }
    Ok(headers)
}

/// Format 1.0 tells everything twice: the last value of each name, and all of them.
fn check_last_values(
    single: Option<&Pairs<String>>,
    many: &Pairs<Vec<String>>,
    what: &'static str,
) -> Result<(), Denial> {
    let Some(single) = single else { return Ok(()) };
    let agree =
        single.0.iter().all(|(name, value)| many.named(name).is_some_and(|values| values.last() == Some(value)));
    if agree && single.0.len() == many.0.len() { Ok(()) } else { Err(bad(what, "told in two ways")) }
}

/// Format 1.0 tells parameters decoded; they are written as a form again, in the order of the event.
fn query_of(event: &Event) -> Result<Option<String>, Denial> {
    let mut pairs: Vec<String> = Vec::new();
    let mut add = |name: &str, value: &str| {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        pairs.push(format!("{}={}", encoded(name), encoded(value)));
    };
    match (&event.multi_value_query_string_parameters, &event.query_string_parameters) {
        (Some(many), single) => {
            check_last_values(single.as_ref(), many, "the query")?;
            many.0.iter().for_each(|(name, values)| values.iter().for_each(|value| add(name, value)));
        }
        (None, Some(single)) => single.0.iter().for_each(|(name, value)| add(name, value)),
        (None, None) => {}
    }
    Ok(Some(pairs.join("&")).filter(|query| !query.is_empty()))
}

fn host(event: &Event, arn: &MethodArn<'_>, config: &ApiGatewayConfig) -> Result<String, Denial> {
    if let Some(host) = config.hosts.get(arn.api) {
        return Ok(host.clone());
    }
    let told = event.request_context.as_ref().and_then(|context| context.domain_name.clone());
    match told {
        Some(host) if host.is_empty() => Err(bad("the domain name", "empty")),
        Some(host) => Ok(host),
        None => Ok(format!("{}.execute-api.{}.amazonaws.com", arn.api, arn.region)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:1:abc/prod/GET/orders/7";

    /// One event with everything in it that any of them has.
    fn whole() -> Value {
        json!({
            "version": "2.0", "type": "REQUEST", "authorizationToken": "Bearer a.b.c", "methodArn": ARN, "routeArn": ARN,
            "path": "/orders/7", "rawPath": "/prod/orders/7", "rawQueryString": "a=b", "httpMethod": "GET",
            "headers": {"accept": "*/*"}, "multiValueHeaders": {"accept": ["*/*"]},
            "queryStringParameters": {"a": "b"}, "multiValueQueryStringParameters": {"a": ["b"]}, "cookies": ["c=d"],
            "requestContext": {
                "apiId": "abc", "domainName": "api.example", "httpMethod": "GET", "path": "/prod/orders/7",
                "identity": {"sourceIp": "192.0.2.7", "clientCert": {"clientCertPem": ""}},
                "http": {"method": "GET", "path": "/prod/orders/7", "sourceIp": "192.0.2.7"},
            },
        })
    }

    /// Places in it, each with what may stand there instead; null is as if nothing did.
    fn changes() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
        let places = [
            "/version",
            "/type",
            "/authorizationToken",
            "/methodArn",
            "/routeArn",
            "/path",
            "/rawPath",
            "/rawQueryString",
            "/httpMethod",
            "/headers",
            "/multiValueHeaders",
            "/queryStringParameters",
            "/multiValueQueryStringParameters",
            "/cookies",
            "/requestContext",
            "/requestContext/apiId",
            "/requestContext/domainName",
            "/requestContext/httpMethod",
            "/requestContext/identity",
            "/requestContext/identity/sourceIp",
            "/requestContext/http",
            "/requestContext/http/method",
            "/requestContext/http/path",
            "/requestContext/http/sourceIp",
        ];
        let values = [
            json!(null),
            json!("1.0"),
            json!("TOKEN"),
            json!("POST"),
            json!("/other"),
            json!({"A": "b"}),
            json!(["x"]),
            json!(7),
        ];
        prop::collection::vec((prop::sample::select(places.to_vec()), prop::sample::select(values.to_vec())), 0..4)
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_arn_lets_be_invoked(changes in changes(), is_format_2: bool) {
            let mut event = whole();
            let (other, version) = if is_format_2 { ("methodArn", "2.0") } else { ("routeArn", "1.0") };
            (event[other], event["version"]) = (Value::Null, json!(version));
            for (place, value) in changes {
                if let Some(there) = event.pointer_mut(place) {
                    *there = value;
                }
            }
            let Ok(read) = serde_json::from_value::<Event>(event.clone()) else { return Ok(()) };
            let Ok(original) = original_request(&read, &ApiGatewayConfig::default()) else { return Ok(()) };
            prop_assert_eq!(&original.method, "GET", "{}", event);
            prop_assert_eq!(original.target.split('?').next(), Some("/orders/7"));
            prop_assert!(event["methodArn"].is_null() != event["routeArn"].is_null());
            if event["type"] == "REQUEST" && event["version"] != "2.0" {
                let methods = ["/httpMethod", "/requestContext/httpMethod"].map(|place| event.pointer(place));
                prop_assert!(methods.into_iter().flatten().all(|said| said.is_null() || said == "GET"));
            }
        }
    }

    #[test]
    fn each_shape_is_read_from_the_members_that_it_has() {
        let without = |names: &[&str], version: Value| {
            let mut event = whole();
            event["version"] = version;
            for name in names {
                event[name] = Value::Null;
            }
            let event = serde_json::from_value::<Event>(event).unwrap();
            original_request(&event, &ApiGatewayConfig::default()).map(|read| (read.target, read.headers.len()))
        };
        assert_eq!(without(&["methodArn"], json!("2.0")).unwrap(), ("/orders/7?a=b".to_owned(), 3));
        assert_eq!(without(&["routeArn"], json!("1.0")).unwrap(), ("/orders/7?a=b".to_owned(), 2));
        assert!(without(&[], json!("2.0")).is_err(), "two ARNs");
        assert!(without(&["methodArn", "routeArn"], json!("2.0")).is_err(), "none");
    }
}
