//! One bounded fetch of a key set: from discovery, a URL, a file, the config itself, or a pool in the same process.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CACHE_CONTROL;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::watch;

use crate::jose::{JoseError, KeySet, SkippedKey};

/// Largest document that is read, in bytes.
const MOST_BYTES: usize = 1 << 20;
const MOST_REDIRECTS: usize = 3;

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// The discovery document of this issuer names the URL.
    Discovery(String),
    /// This URL.
    Uri(String),
    /// This file.
    File(PathBuf),
    /// This document.
    Inline(Vec<u8>),
    /// A pool of the embedded issuer, in this process.
    Pool(watch::Receiver<Arc<KeySet>>),
}

/// Fetches the keys of one issuer.
#[derive(Debug, Clone)]
pub struct Fetcher {
    source: KeySource,
    client: Client,
    allow_insecure: bool,
    timeout: Duration,
}

/// A key set as it was had.
#[derive(Debug)]
pub struct Fetched {
    pub(super) set: Arc<KeySet>,
    pub(super) skipped: Vec<SkippedKey>,
    /// What `Cache-Control: max-age` said.
    pub(super) max_age: Option<Duration>,
}

/// Why keys could not be had.
#[derive(Debug, Error)]
pub enum FetchError {
    /// Not `https`, and not loopback.
    #[error("`{0}` is neither https nor on loopback")]
    Insecure(String),
    /// Not a URL.
    #[error("`{0}` is not a URL")]
    Url(String),
    /// The server could not be asked, or did not answer in time.
    #[error("`{url}` could not be fetched: {reason}")]
    Http {
        /// What was asked for.
        url: String,
        /// The kinds of failure, outermost first.
        reason: String,
    },
    /// The server answered something else than 200.
    #[error("`{url}` answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The answer's status.
        status: u16,
    },
    /// The answer is larger than a key set may be.
    #[error("`{0}` is larger than 1 MiB")]
    TooLarge(String),
    /// The discovery document is not one, or states another issuer.
    #[error("the discovery document at `{0}` {1}")]
    Discovery(String, &'static str),
    /// The file could not be read.
    #[error("`{path}` could not be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The document is not a key set.
    #[error(transparent)]
    KeySet(#[from] JoseError),
    /// The document has no key that could be used.
    #[error("the key set has no key that could be used")]
    NoKeys,
    /// The embedded issuer has stopped.
    #[error("the embedded issuer has stopped")]
    Stopped,
}

/// OpenID Connect Discovery 1.0 section 3 and RFC 8414 section 2: the two members that matter here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Fetcher {
    /// Makes a fetcher; `timeout` bounds each request, connection included.
    ///
    /// # Errors
    /// [`FetchError::Http`] where the HTTP client cannot be made, for want of certificates for example.
    pub fn new(source: KeySource, timeout: Duration, allow_insecure: bool) -> Result<Self, FetchError> {
        let client = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(Policy::custom(same_origin_only))
            .no_proxy()
            .user_agent(concat!("lychgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| http_error("the HTTP client", &error))?;
        Ok(Self { source, client, allow_insecure, timeout })
    }

    /// Whether keys can change, so that they must be looked at again.
    pub(super) fn changes(&self) -> bool {
        !matches!(self.source, KeySource::Inline(_))
    }

    /// Waits until the source itself says that keys have changed; sources that cannot say so wait for ever.
    pub(super) async fn changed(&mut self) {
        let said_so = match &mut self.source {
            KeySource::Pool(keys) => keys.changed().await.is_ok(),
            _ => false,
        };
        if !said_so {
            std::future::pending::<()>().await;
        }
    }

    /// Gets the keys once.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn fetch(&mut self) -> Result<Fetched, FetchError> {
        let fetched = match &mut self.source {
            KeySource::Pool(keys) => {
                let set = keys.borrow_and_update().clone();
                Ok(Fetched { set, skipped: Vec::new(), max_age: None })
            }
            KeySource::Inline(document) => parse(document, None),
            KeySource::File(path) => parse(&read_file(path)?, None),
            KeySource::Uri(url) => {
                let url = url.clone();
                self.fetch_set(&url).await
            }
            KeySource::Discovery(issuer) => {
                let issuer = issuer.clone();
                let url = self.discover(&issuer).await?;
                self.fetch_set(&url).await
            }
        }?;
        if fetched.set.is_empty() { Err(FetchError::NoKeys) } else { Ok(fetched) }
    }

    async fn fetch_set(&self, url: &str) -> Result<Fetched, FetchError> {
        let (document, max_age) = self.get(url).await?;
        parse(&document, max_age)
    }

    async fn discover(&self, issuer: &str) -> Result<String, FetchError> {
        let [openid, oauth] = discovery_urls(issuer)?;
        match self.metadata(&openid, issuer).await {
            // Only a server that does not have the one document is asked for the other.
            Err(FetchError::Status { .. }) => self.metadata(&oauth, issuer).await,
            other => other,
        }
    }

    async fn metadata(&self, url: &str, issuer: &str) -> Result<String, FetchError> {
        let (document, _) = self.get(url).await?;
        let wrong = |reason| FetchError::Discovery(url.to_owned(), reason);
        let metadata: Metadata =
            serde_json::from_slice(&document).map_err(|_| wrong("has no `issuer` and `jwks_uri`"))?;
        if metadata.issuer == issuer { Ok(metadata.jwks_uri) } else { Err(wrong("states another issuer")) }
    }

    async fn get(&self, url: &str) -> Result<(Vec<u8>, Option<Duration>), FetchError> {
        let parsed = Url::parse(url).map_err(|_| FetchError::Url(url.to_owned()))?;
        if !self.allow_insecure && !is_secure(&parsed) {
            return Err(FetchError::Insecure(url.to_owned()));
        }
        let whole = async {
            let response = self.client.get(parsed).send().await.map_err(|error| http_error(url, &error))?;
            if response.status() != StatusCode::OK {
                return Err(FetchError::Status { url: url.to_owned(), status: response.status().as_u16() });
            }
            let max_age = max_age(&response);
            Ok((bounded_body(url, response).await?, max_age))
        };
        let late = || FetchError::Http { url: url.to_owned(), reason: "no whole answer in time".to_owned() };
        tokio::time::timeout(self.timeout, whole).await.map_err(|_| late())?
    }
}

fn parse(document: &[u8], max_age: Option<Duration>) -> Result<Fetched, FetchError> {
    let (set, skipped) = KeySet::parse(document)?;
    Ok(Fetched { set: Arc::new(set), skipped, max_age })
}

fn read_file(path: &PathBuf) -> Result<Vec<u8>, FetchError> {
    let failed = |source| FetchError::File { path: path.clone(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MOST_BYTES as u64 {
        return Err(FetchError::TooLarge(path.display().to_string()));
    }
    std::fs::read(path).map_err(failed)
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

fn max_age(response: &Response) -> Option<Duration> {
    let directives = response.headers().get(CACHE_CONTROL)?.to_str().ok()?;
    let seconds = directives.split(',').find_map(|directive| directive.trim().strip_prefix("max-age="))?;
    seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
}

/// OpenID Connect Discovery 1.0 section 4 appends to the issuer; RFC 8414 section 3 inserts before its path.
fn discovery_urls(issuer: &str) -> Result<[String; 2], FetchError> {
    let bare = issuer.strip_suffix('/').unwrap_or(issuer);
    let url = Url::parse(bare).map_err(|_| FetchError::Url(issuer.to_owned()))?;
    let origin = url.origin().ascii_serialization();
    let path = if url.path() == "/" { "" } else { url.path() };
    Ok([
        format!("{bare}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
    ])
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
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
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
