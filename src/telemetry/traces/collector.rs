//! Hands one export to the collector: OTLP over HTTP, in time, and never led elsewhere.

use std::path::Path;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message as _;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, Url};
use secrecy::ExposeSecret;

use super::config::TracesConfig;
use super::otlp::{ExportResponse, PartialSuccess};
use super::recorder::TracesError;

/// What OTLP/HTTP adds to the collector's URL.
const PATH: &str = "/v1/traces";
/// Largest answer that is read, in bytes.
const MOST_ANSWER: usize = 64 * 1024;
/// Longest wait that a collector may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The collector.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client,
    url: Url,
    headers: HeaderMap,
}

/// What became of an export.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Exported {
    /// The collector has it, but for so many spans, of which it says why.
    Taken { rejected: u64, why: String },
    /// It may be tried again, after this long if the collector has said so.
    NotNow { why: String, after: Option<Duration> },
    /// It never will be taken.
    Refused { why: String },
}

impl Collector {
    pub(super) fn new(config: &TracesConfig) -> Result<Self, TracesError> {
        let base = config.otlp.trim_end_matches('/');
        let url = if base.ends_with(PATH) { base.to_owned() } else { format!("{base}{PATH}") };
        let mut builder = Client::builder()
            .timeout(config.timeout)
            .connect_timeout(config.timeout)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("lychgate/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &config.ca {
            builder = builder.tls_certs_only(certificates(path)?);
        }
        Ok(Self {
            client: builder.build().map_err(TracesError::Client)?,
            url: Url::parse(&url).map_err(|_| TracesError::Url(url))?,
            headers: headers(config)?,
        })
    }

    /// Hands it over.
    pub(super) async fn export(&self, body: Vec<u8>) -> Exported {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        match request.send().await {
            Ok(response) if response.status().is_success() => taken(response).await,
            Ok(response) => not_taken(&response),
            Err(error) => Exported::NotNow { why: causes(&error), after: None },
        }
    }
}

/// The fields of every export. What they hold is secret, and never shown.
fn headers(config: &TracesConfig) -> Result<HeaderMap, TracesError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let bad = || TracesError::Header(name.clone());
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.append(name.parse::<HeaderName>().map_err(|_| bad())?, value);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    Ok(headers)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, TracesError> {
    let failed = |reason: String| TracesError::Certificates { path: path.to_owned(), reason };
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| failed(error.to_string()))?;
    if certificates.is_empty() { Err(failed("there is none".to_owned())) } else { Ok(certificates) }
}

/// A collector may take a part alone. An answer that cannot be read says nothing against what was taken.
async fn taken(mut response: Response) -> Exported {
    let mut answer = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        answer.extend_from_slice(&chunk);
        if answer.len() > MOST_ANSWER {
            answer.clear();
            break;
        }
    }
    let partial = ExportResponse::decode(answer.as_slice()).ok().and_then(|answer| answer.partial_success);
    let PartialSuccess { rejected_spans, error_message } = partial.unwrap_or_default();
    Exported::Taken { rejected: u64::try_from(rejected_spans).unwrap_or_default(), why: error_message }
}

/// Whoever fails, or says when to come again, may be asked again; any other no is for good.
fn not_taken(response: &Response) -> Exported {
    let why = format!("it answered {}", response.status());
    let after = response.headers().get(RETRY_AFTER);
    if !response.status().is_server_error() && after.is_none() {
        return Exported::Refused { why };
    }
    let seconds = after.and_then(|after| after.to_str().ok()?.trim().parse().ok());
    Exported::NotNow { why, after: seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT)) }
}

/// The error and what caused it: the outermost says only that a request could not be sent.
fn causes(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
