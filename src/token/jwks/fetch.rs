//! One bounded fetch of a key set: from discovery, a URL, a file, the config itself, or a pool in the same process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use tokio::sync::watch;

use super::error::FetchError;
use super::http::{KeyClient, MOST_BYTES};
use crate::jose::{KeySet, SkippedKey, strict_object};
use crate::token::config::TrustedIssuerConfig;

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

/// Where the keys that serve were had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrigin {
    /// Fetched from the issuer.
    Network,
    /// Kept from an earlier fetch, in the issuer's `cache_directory`.
    Disk,
    /// Read from a file that the config names.
    File,
    /// Written in the config.
    Config,
    /// Of a pool of the embedded issuer.
    Pool,
}

/// Fetches the keys of one issuer.
#[derive(Debug, Clone)]
pub struct Fetcher {
    source: KeySource,
    client: KeyClient,
}

/// A key set as it was had.
#[derive(Debug)]
pub struct Fetched {
    pub(super) set: Arc<KeySet>,
    pub(super) skipped: Vec<SkippedKey>,
    /// What `Cache-Control: max-age` said.
    pub(super) max_age: Option<Duration>,
    /// The document itself, where it came from the network.
    pub(super) document: Option<Vec<u8>>,
}

/// Deepest nesting of a discovery document.
const METADATA_DEPTH: usize = 16;

impl Fetcher {
    /// Makes a fetcher with the settings of this issuer: its time limit, its `fetch` section, and `allow_insecure`.
    ///
    /// # Errors
    /// [`FetchError::Certificates`] or [`FetchError::Proxy`] where `fetch` cannot be followed, [`FetchError::Http`] where
    /// the HTTP client cannot be made.
    pub fn new(source: KeySource, trust: &TrustedIssuerConfig) -> Result<Self, FetchError> {
        Ok(Self { source, client: KeyClient::new(trust)? })
    }

    /// The same client for another source.
    #[must_use]
    pub fn with_source(&self, source: KeySource) -> Self {
        Self { source, client: self.client.clone() }
    }

    /// Where its keys come from.
    pub(super) fn origin(&self) -> KeyOrigin {
        match self.source {
            KeySource::Discovery(_) | KeySource::Uri(_) => KeyOrigin::Network,
            KeySource::File(_) => KeyOrigin::File,
            KeySource::Inline(_) => KeyOrigin::Config,
            KeySource::Pool(_) => KeyOrigin::Pool,
        }
    }

    /// The URL that the way to the keys begins with; none where they do not come from the network.
    pub(super) fn url(&self) -> Option<&str> {
        match &self.source {
            KeySource::Discovery(url) | KeySource::Uri(url) => Some(url),
            KeySource::File(_) | KeySource::Inline(_) | KeySource::Pool(_) => None,
        }
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
                Ok(Fetched { set, skipped: Vec::new(), max_age: None, document: None })
            }
            KeySource::Inline(document) => parse(document),
            KeySource::File(path) => parse(&read_file(path)?),
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
        let (document, max_age) = self.client.get(url).await?;
        let fetched = parse(&document)?;
        Ok(Fetched { max_age, document: Some(document), ..fetched })
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
        let (document, _) = self.client.get(url).await?;
        let wrong = |reason| FetchError::Discovery(url.to_owned(), reason);
        // As strictly as a token, so that no two readers see two issuers in it.
        let metadata = strict_object(&document, METADATA_DEPTH).map_err(|_| wrong("is not one strict JSON object"))?;
        // OpenID Connect Discovery 1.0 section 3 and RFC 8414 section 2: the two members that matter here.
        let member = |name| metadata.get(name).and_then(Value::as_str);
        match (member("issuer"), member("jwks_uri")) {
            (Some(said), Some(jwks_uri)) if said == issuer => Ok(jwks_uri.to_owned()),
            (Some(_), Some(_)) => Err(wrong("states another issuer")),
            _ => Err(wrong("has no `issuer` and `jwks_uri`")),
        }
    }
}

/// The one judge of every key set, wherever it was had.
pub(super) fn parse(document: &[u8]) -> Result<Fetched, FetchError> {
    let (set, skipped) = KeySet::parse(document)?;
    Ok(Fetched { set: Arc::new(set), skipped, max_age: None, document: None })
}

fn read_file(path: &PathBuf) -> Result<Vec<u8>, FetchError> {
    let failed = |source| FetchError::File { path: path.clone(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MOST_BYTES as u64 {
        return Err(FetchError::TooLarge(path.display().to_string()));
    }
    std::fs::read(path).map_err(failed)
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
