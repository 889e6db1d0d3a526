//! The HTTP client that asks issuers: bounded in size, time and redirects, and never led to another origin.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, RequestBuilder, Response, StatusCode, Url};

use super::error::FetchError;
use crate::token::config::{FetchConfig, TrustedIssuerConfig};

/// Largest document that is read, in bytes.
pub(super) const MOST_BYTES: usize = 1 << 20;
const MOST_REDIRECTS: usize = 3;
const JSON: &str = "application/json";

/// Asks one issuer.
#[derive(Debug, Clone)]
pub(in crate::token) struct KeyClient {
    client: Client,
    allow_insecure: bool,
    timeout: Duration,
}

impl KeyClient {
    /// A client with the issuer's own settings; `refresh.timeout` bounds each request, connection included.
    pub(in crate::token) fn new(trust: &TrustedIssuerConfig) -> Result<Self, FetchError> {
        let timeout = trust.refresh.timeout;
        let builder = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(Policy::custom(same_origin_only))
            .no_proxy()
            .user_agent(concat!("lychgate/", env!("CARGO_PKG_VERSION")));
        let client =
            way_there(builder, &trust.fetch)?.build().map_err(|error| http_error("the HTTP client", &error))?;
        Ok(Self { client, allow_insecure: trust.allow_insecure, timeout })
    }

    /// A document, and what `Cache-Control: max-age` says of it.
    pub(super) async fn get(&self, url: &str) -> Result<(Vec<u8>, Option<Duration>), FetchError> {
        let request = self.client.get(self.allowed(url)?);
        self.in_time(url, async {
            let response = send(url, request).await?;
            let max_age = max_age(&response);
            Ok((bounded_body(url, response).await?, max_age))
        })
        .await
    }

    /// What is answered to a form, where that is JSON.
    pub(in crate::token) async fn post(
        &self,
        url: &str,
        authorization: &str,
        form: String,
    ) -> Result<Vec<u8>, FetchError> {
        let request = self.client.post(self.allowed(url)?);
        let request = request.header(AUTHORIZATION, authorization).header(ACCEPT, JSON);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        self.in_time(url, async {
            let response = send(url, request).await?;
            if !is_json(&response) {
                return Err(FetchError::Http { url: url.to_owned(), reason: "the answer is no JSON".to_owned() });
            }
            bounded_body(url, response).await
        })
        .await
    }

    fn allowed(&self, url: &str) -> Result<Url, FetchError> {
        let parsed = Url::parse(url).map_err(|_| FetchError::Url(url.to_owned()))?;
        if self.allow_insecure || is_secure(&parsed) { Ok(parsed) } else { Err(FetchError::Insecure(url.to_owned())) }
    }

    async fn in_time<T>(&self, url: &str, whole: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
        let late = || FetchError::Http { url: url.to_owned(), reason: "no whole answer in time".to_owned() };
        tokio::time::timeout(self.timeout, whole).await.map_err(|_| late())?
    }
}

async fn send(url: &str, request: RequestBuilder) -> Result<Response, FetchError> {
    let response = request.send().await.map_err(|error| http_error(url, &error))?;
    if response.status() == StatusCode::OK {
        return Ok(response);
    }
    Err(FetchError::Status { url: url.to_owned(), status: response.status().as_u16() })
}

/// RFC 7662 section 2.2: nothing else is an answer, whatever it reads like.
fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JSON)
}

/// Whose certificates count, and through which proxy the way leads.
fn way_there(mut builder: ClientBuilder, fetch: &FetchConfig) -> Result<ClientBuilder, FetchError> {
    if let Some(path) = &fetch.ca {
        // Instead of the system's, not beside them: then no public authority can vouch for a private name.
        builder = builder.tls_certs_only(certificates(path)?);
    }
    if let Some(proxy) = &fetch.proxy {
        let url = Url::parse(proxy).map_err(|_| FetchError::Proxy(proxy.clone()))?;
        // This machine is never asked through another: its loopback is not ours.
        builder = builder.proxy(Proxy::custom(move |target| (!is_loopback(target)).then(|| url.clone())));
    }
    Ok(builder)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, FetchError> {
    let failed = |reason: String| FetchError::Certificates { path: path.to_owned(), reason };
    let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > MOST_BYTES as u64 {
        return Err(FetchError::TooLarge(path.display().to_string()));
    }
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| failed(error.to_string()))?;
    if certificates.is_empty() { Err(failed("there is none".to_owned())) } else { Ok(certificates) }
}

async fn bounded_body(url: &str, mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| http_error(url, &error))? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(FetchError::TooLarge(url.to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// RFC 9111 section 5.2: directives have no case, and may stand in several fields. The least of several counts.
fn max_age(response: &Response) -> Option<Duration> {
    let fields = response.headers().get_all(CACHE_CONTROL).iter().filter_map(|field| field.to_str().ok());
    let directives = fields.flat_map(|field| field.split(',')).filter_map(|directive| directive.split_once('='));
    let ages = directives.filter(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"));
    ages.filter_map(|(_, seconds)| seconds.trim().trim_matches('"').parse().ok()).min().map(Duration::from_secs)
}

fn same_origin_only(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let home = attempt.previous().first().map(Url::origin);
    if home != Some(attempt.url().origin()) {
        attempt.error("redirected to another origin")
    } else if attempt.previous().len() > MOST_REDIRECTS {
        attempt.error("redirected too often")
    } else {
        attempt.follow()
    }
}

/// Plain HTTP is for this machine alone: whoever sits between could hand us keys.
fn is_secure(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// reqwest's own message says little; its sources say why.
fn http_error(url: &str, error: &reqwest::Error) -> FetchError {
    let mut reasons = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        reasons.push(inner.to_string());
        source = inner.source();
    }
    if reasons.is_empty() {
        reasons.push(error.to_string());
    }
    FetchError::Http { url: url.to_owned(), reason: reasons.join(": ") }
}
