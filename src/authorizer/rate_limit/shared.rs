//! Counting together with other gates, on one Redis or Valkey. A request asks it once and for a bounded time; while it is away
//! nobody waits for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{Context, SHA256};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Script, TlsCertificates};
use secrecy::ExposeSecret;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::config::SharedCountsConfig;
use super::quota::{Quota, Spent};
use crate::telemetry::SharedRateMetrics;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(1);
/// How often a lost connection is tried anew, and one that is there looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What is counted to see whether counting works: that it can be read says nothing about a replica, or a full memory.
const PROBE: &str = "probe";
const PROBE_QUOTA: Quota = Quota { interval: 1_000_000, burst: 1_000_000 };

/// The same algorithm as the local one, in microseconds of the server's clock. Gives whether the request was within the quota,
/// and in how long the bucket is full. What is kept goes when the bucket is full.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, whole = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
full_at = math.min(math.max(full_at, now), now + whole)
local after = full_at + interval
if after - now > whole + 1 then
  return {0, math.ceil(full_at - now)}
end
local kept = string.format('%.0f', math.ceil((after - now) / 1000))
redis.call('SET', KEYS[1], string.format('%.2f', after), 'PX', kept)
return {1, math.ceil(after - now)}
";

/// Why gates cannot count together as the config says.
#[derive(Debug, Error)]
pub enum RateLimitError {
    /// The URL, or what belongs to it. It may hold a password, and is not shown.
    #[error("the URL in `rate_limits.shared` could not be used: {0}")]
    Url(String),
    /// The file of certificate authorities could not be read.
    #[error("the certificates in `{path}` could not be read")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// The connection to where gates count together.
pub(super) struct SharedCounts {
    client: Client,
    script: Script,
    prefix: String,
    timeout: Duration,
    /// None while it is away.
    connection: ArcSwapOption<MultiplexedConnection>,
    /// Wakes the task that connects anew.
    lost: Notify,
    metrics: SharedRateMetrics,
}

impl SharedCounts {
    pub(super) fn new(config: &SharedCountsConfig, metrics: SharedRateMetrics) -> Result<Self, RateLimitError> {
        let url = config.url.expose_secret();
        let client = match &config.ca {
            None => Client::open(url),
            Some(path) => {
                let failed = |source| RateLimitError::Certificates { path: path.clone(), source };
                let root_cert = Some(std::fs::read(path).map_err(failed)?);
                Client::build_with_tls(url, TlsCertificates { client_tls: None, root_cert })
            }
        };
        metrics.connected(false);
        Ok(Self {
            client: client.map_err(|error| RateLimitError::Url(error.category().to_owned()))?,
            script: Script::new(SCRIPT),
            prefix: config.prefix.clone(),
            timeout: config.timeout,
            connection: ArcSwapOption::empty(),
            lost: Notify::new(),
            metrics,
        })
    }

    /// Takes one request of this key; nothing where the answer does not come in time, or cannot.
    pub(super) async fn take(&self, key: &[u8], quota: &Quota) -> Option<Spent> {
        let connection = self.connection.load_full()?;
        let name = self.name_of(key);
        match timeout(self.timeout, self.ask(&connection, &name, quota)).await {
            Ok(Ok(spent)) => Some(spent),
            // The server is there and refuses: the next look at it says whether that is more than this one key.
            Ok(Err(error)) if !error.is_unrecoverable_error() => None,
            Ok(Err(_)) | Err(_) => {
                self.lose(&connection);
                None
            }
        }
    }

    /// Connects, looks after the connection, and connects anew; never ends.
    pub(super) async fn keep_connected(&self) {
        let mut is_known = false;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    self.connection.store(Some(Arc::new(connection)));
                    self.metrics.connected(true);
                    info!("rate limits are counted together with other gates");
                    self.until_lost().await;
                    self.metrics.connected(false);
                    warn!("rate limits are counted by this gate alone: where all are counted together did not answer");
                    is_known = true;
                }
                Err(reason) if !is_known => {
                    warn!(reason, "rate limits are counted by this gate alone");
                    is_known = true;
                }
                Err(_) => {}
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(self.timeout.max(CONNECT)));
        let connecting = async {
            let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            self.ask(&connection, &format!("{}{PROBE}", self.prefix), &PROBE_QUOTA).await?;
            Ok(connection)
        };
        let connected = timeout(CONNECT.saturating_mul(2), connecting).await;
        let connected = connected.map_err(|_| "no answer in time".to_owned())?;
        connected.map_err(|error: redis::RedisError| error.to_string())
    }

    /// Requests notice a lost connection by themselves; where none come, somebody has to look.
    async fn until_lost(&self) {
        while let Some(connection) = self.connection.load_full() {
            tokio::select! {
                () = self.lost.notified() => continue,
                () = sleep(LOOK_EVERY) => {}
            }
            let probe = format!("{}{PROBE}", self.prefix);
            let asked = timeout(CONNECT, self.ask(&connection, &probe, &PROBE_QUOTA)).await;
            if !matches!(asked, Ok(Ok(_))) {
                self.lose(&connection);
            }
        }
    }

    async fn ask(&self, connection: &MultiplexedConnection, name: &str, quota: &Quota) -> redis::RedisResult<Spent> {
        let (mut connection, mut call) = (connection.clone(), self.script.prepare_invoke());
        call.key(name).arg(micros(quota.interval)).arg(micros(quota.whole()));
        let (allowed, ahead): (u8, u64) = call.invoke_async(&mut connection).await?;
        Ok(Spent { allowed: allowed == 1, ahead: ahead.saturating_mul(1_000) })
    }

    /// Takes a connection out of use, unless another has come in its place.
    fn lose(&self, connection: &Arc<MultiplexedConnection>) {
        self.connection.compare_and_swap(&Some(connection.clone()), None);
        self.lost.notify_one();
    }

    /// A hash: who asks is nobody's business there.
    fn name_of(&self, key: &[u8]) -> String {
        let mut hash = Context::new(&SHA256);
        hash.update(key);
        let hash = hash.finish();
        let digits = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}"));
        digits.fold(self.prefix.clone(), |name, digits| name + &digits)
    }
}

/// Microseconds with a fraction, for a script that counts in them.
fn micros(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1_000, nanos % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    fn counts(url: &str) -> Result<SharedCounts, RateLimitError> {
        let config = SharedCountsConfig {
            url: url.into(),
            timeout: Duration::from_millis(50),
            ca: None,
            prefix: "rate:".to_owned(),
        };
        SharedCounts::new(&config, Metrics::new().unwrap().rate_limit_shared())
    }

    #[test]
    fn names_say_nothing_of_whom_they_count() {
        let counts = counts("redis://127.0.0.1:1").unwrap();
        let name = counts.name_of(b"alice");
        assert!(name.starts_with("rate:") && name.len() == 5 + 32, "{name}");
        assert_ne!(name, counts.name_of(b"bob"));
    }

    #[test]
    fn a_bad_url_is_not_shown() {
        let error = counts("redis://:hunter2@127.0.0.1:port").err().unwrap();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn nobody_waits_where_there_is_no_connection() {
        let counts = counts("redis://127.0.0.1:1").unwrap();
        assert!(counts.take(b"alice", &PROBE_QUOTA).await.is_none());
        assert!(counts.connect().await.is_err());
    }
}
