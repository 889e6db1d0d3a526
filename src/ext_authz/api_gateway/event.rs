//! The shapes of Lambda-authorizer events, read without believing anything yet. A member that is there twice is refused.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// An event: REST `TOKEN` and `REQUEST`, and HTTP API payload formats 1.0 and 2.0. Members that are not read are left out.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::ext_authz) struct Event {
    pub(super) version: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) authorization_token: Option<String>,
    pub(super) method_arn: Option<String>,
    pub(super) route_arn: Option<String>,
    pub(super) path: Option<String>,
    pub(super) raw_path: Option<String>,
    pub(super) raw_query_string: Option<String>,
    pub(super) http_method: Option<String>,
    pub(super) headers: Option<Pairs<String>>,
    pub(super) multi_value_headers: Option<Pairs<Vec<String>>>,
    pub(super) query_string_parameters: Option<Pairs<String>>,
    pub(super) multi_value_query_string_parameters: Option<Pairs<Vec<String>>>,
    pub(super) cookies: Option<Vec<String>>,
    pub(super) request_context: Option<Context>,
}

/// `requestContext`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Context {
    pub(super) api_id: Option<String>,
    pub(super) domain_name: Option<String>,
    pub(super) http_method: Option<String>,
    /// Behind a stage or a domain's base path, as the client asked for it.
    pub(super) path: Option<String>,
    pub(super) identity: Option<Source>,
    pub(super) http: Option<Http>,
    pub(super) authentication: Option<Authentication>,
}

/// `requestContext.identity` of format 1.0.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Source {
    pub(super) source_ip: Option<String>,
    pub(super) client_cert: Option<ClientCert>,
}

/// `requestContext.authentication` of format 2.0.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Authentication {
    pub(super) client_cert: Option<ClientCert>,
}

/// What a client of a domain with mutual TLS has proved to hold.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ClientCert {
    client_cert_pem: Option<String>,
}

impl ClientCert {
    /// The certificate, if there is one.
    pub(super) fn pem(&self) -> Option<&str> {
        self.client_cert_pem.as_deref().filter(|pem| !pem.is_empty())
    }
}

/// `requestContext.http` of format 2.0.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Http {
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    pub(super) source_ip: Option<String>,
}

/// The members of an object in their order. A map would keep the last of two that are named alike, and say nothing.
#[derive(Debug)]
pub(super) struct Pairs<T>(pub(super) Vec<(String, T)>);

impl<T> Pairs<T> {
    /// The value of this name.
    pub(super) fn named(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(named, _)| named.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PairsVisitor<T> {
    type Value = Pairs<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut pairs: Vec<(String, T)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, T>()? {
            // Names of parameters differ by case, and those of headers are looked at again.
            if pairs.iter().any(|(earlier, _)| *earlier == name) {
                return Err(M::Error::custom("a member that is there twice"));
            }
            pairs.push((name, value));
        }
        Ok(Pairs(pairs))
    }
}
