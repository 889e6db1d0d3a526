//! A request that a proxy asks about, in the words of each.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::core::v3::address::Address;
use envoy_types::pb::envoy::config::core::v3::{
    Address as Wrapped, HeaderMap as RawHeaders, HeaderValue as RawHeader, SocketAddress,
};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request as Attributes};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use serde_json::{Value, json};

use crate::support::Request;

pub(super) const PROFILES: [&str; 4] = ["nginx", "caddy", "traefik", "haproxy"];
pub(super) const HOST: &str = "gate.example";
const CLIENT: &str = "127.0.0.1";

/// The request as its client sent it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) scheme: &'static str,
    pub(super) host: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    /// What the client has proved to hold, in PEM.
    pub(super) certificate: Option<String>,
}

impl Asked {
    pub(super) fn new(method: &str, target: &str) -> Self {
        let [method, host, target] = [method, HOST, target].map(str::to_owned);
        Self { method, scheme: "http", host, target, headers: Vec::new(), certificate: None }
    }

    pub(super) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(super) fn by_https(mut self) -> Self {
        self.scheme = "https";
        self
    }

    pub(super) fn with_certificate(mut self, pem: &str) -> Self {
        self.certificate = Some(pem.to_owned());
        self
    }

    /// As it would come to the gate itself, or to a door that is not asked about it.
    pub(super) fn itself(&self) -> Request {
        let request = Request::new(&self.method, &self.target).host(&self.host);
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// What a proxy of this profile tells of it.
    pub(super) fn told(&self, profile: &str) -> Vec<(&'static str, String)> {
        if profile == "nginx" {
            return vec![
                ("X-Original-Method", self.method.clone()),
                ("X-Original-URL", format!("{}://{}{}", self.scheme, self.host, self.target)),
                ("X-Real-IP", CLIENT.to_owned()),
            ];
        }
        vec![
            ("X-Forwarded-Method", self.method.clone()),
            ("X-Forwarded-Uri", self.target.clone()),
            ("X-Forwarded-Host", self.host.clone()),
            ("X-Forwarded-For", CLIENT.to_owned()),
            ("X-Forwarded-Proto", self.scheme.to_owned()),
        ]
    }

    /// The question of a proxy of this profile.
    pub(super) fn by_forward_auth(&self, profile: &str) -> Request {
        let request = Request::get(&format!("/forward-auth/{profile}")).host("lychgate").header("Connection", "close");
        let told = self.told(profile);
        let told = told.iter().map(|(name, value)| (*name, value));
        let fields = told.chain(self.headers.iter().map(|(name, value)| (name.as_str(), value)));
        fields.fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Envoy's question.
    pub(super) fn by_envoy(&self) -> CheckRequest {
        let pseudo =
            [(":method", &*self.method), (":path", &self.target), (":authority", &self.host), (":scheme", self.scheme)];
        let fields = pseudo.into_iter().chain(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // Envoy tells names in lower case.
        let fields = fields.map(|(name, value)| RawHeader {
            key: name.to_ascii_lowercase(),
            raw_value: value.as_bytes().to_vec(),
            ..RawHeader::default()
        });
        let http = HttpRequest {
            method: self.method.clone(),
            path: self.target.clone(),
            host: self.host.clone(),
            scheme: self.scheme.to_owned(),
            header_map: Some(RawHeaders { headers: fields.collect() }),
            ..HttpRequest::default()
        };
        let address = SocketAddress { address: CLIENT.to_owned(), ..SocketAddress::default() };
        let source = Peer {
            address: Some(Wrapped { address: Some(Address::SocketAddress(address)) }),
            certificate: self.certificate.as_deref().map(in_a_url).unwrap_or_default(),
            ..Peer::default()
        };
        let request = Some(Attributes { http: Some(http), time: None });
        let attributes = AttributeContext { source: Some(source), request, ..AttributeContext::default() };
        CheckRequest { attributes: Some(attributes) }
    }

    /// The ARN of what it would invoke.
    pub(super) fn arn(&self) -> String {
        let path = self.target.split('?').next().unwrap();
        format!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/{}{path}", self.method)
    }

    /// A REST API's `REQUEST` event.
    pub(super) fn event(&self) -> Value {
        let mut many: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in &self.headers {
            many.entry(name).or_default().push(value);
        }
        let single: BTreeMap<&str, &str> = many.iter().map(|(name, values)| (*name, *values.last().unwrap())).collect();
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let query: BTreeMap<_, _> =
            form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name, [value])).collect();
        let mut event = json!({
            "type": "REQUEST", "methodArn": self.arn(), "path": path, "httpMethod": self.method, "resource": "/{proxy+}",
            "headers": single, "multiValueHeaders": many, "multiValueQueryStringParameters": query,
            "requestContext": {
                "apiId": "abc123", "stage": "prod", "httpMethod": self.method, "domainName": self.host,
                "path": format!("/prod{path}"), "identity": {"sourceIp": CLIENT},
            },
        });
        if let Some(pem) = &self.certificate {
            event["requestContext"]["identity"]["clientCert"] = json!({"clientCertPem": pem, "subjectDN": "CN=x"});
        }
        event
    }

    /// An HTTP API's event of payload format 2.0.
    pub(super) fn event_2(&self) -> Value {
        let headers: BTreeMap<_, _> = self.headers.iter().cloned().collect();
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        json!({
            "version": "2.0", "type": "REQUEST", "routeArn": self.arn(), "routeKey": "ANY /{proxy+}",
            "rawPath": format!("/prod{path}"), "rawQueryString": query, "headers": headers,
            "requestContext": {
                "apiId": "abc123", "stage": "prod", "domainName": self.host,
                "http": {"method": self.method, "path": format!("/prod{path}"), "sourceIp": CLIENT},
            },
        })
    }
}

/// As Envoy writes PEM.
fn in_a_url(pem: &str) -> String {
    pem.replace('\n', "%0A").replace(' ', "%20").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}
